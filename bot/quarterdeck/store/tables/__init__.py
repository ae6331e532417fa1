"""Describe every table once, for SQLite and for Postgres.

Times are integers in ms UTC (`…_at_ms`). A released table changes only through a numbered migration.
"""

from __future__ import annotations

from quarterdeck.store.tables.conversations import conversations as conversations
from quarterdeck.store.tables.conversations import messages as messages
from quarterdeck.store.tables.conversations import notes as notes
from quarterdeck.store.tables.conversations import platform_memory as platform_memory
from quarterdeck.store.tables.conversations import summaries as summaries
from quarterdeck.store.tables.delivery import forms as forms
from quarterdeck.store.tables.delivery import inbox as inbox
from quarterdeck.store.tables.delivery import offers as offers
from quarterdeck.store.tables.delivery import outbox as outbox
from quarterdeck.store.tables.knowledge import chunks as chunks
from quarterdeck.store.tables.knowledge import documents as documents
from quarterdeck.store.tables.knowledge import knowledge_sources as knowledge_sources
from quarterdeck.store.tables.ledger import answers as answers
from quarterdeck.store.tables.ledger import approval_votes as approval_votes
from quarterdeck.store.tables.ledger import approvals as approvals
from quarterdeck.store.tables.ledger import audit as audit
from quarterdeck.store.tables.ledger import budget_reservations as budget_reservations
from quarterdeck.store.tables.ledger import budget_spend as budget_spend
from quarterdeck.store.tables.ledger import paused_answers as paused_answers
from quarterdeck.store.tables.ledger import paused_calls as paused_calls
from quarterdeck.store.tables.ledger import usage as usage
from quarterdeck.store.tables.metadata import metadata as metadata
from quarterdeck.store.tables.people import api_tokens as api_tokens
from quarterdeck.store.tables.people import identities as identities
from quarterdeck.store.tables.people import links as links
from quarterdeck.store.tables.people import people as people
from quarterdeck.store.tables.people import proven_addresses as proven_addresses
from quarterdeck.store.tables.quality import knowledge_answers as knowledge_answers
from quarterdeck.store.tables.quality import knowledge_evals as knowledge_evals
from quarterdeck.store.tables.runs import workflow_blobs as workflow_blobs
from quarterdeck.store.tables.runs import workflow_marks as workflow_marks
from quarterdeck.store.tables.runs import workflow_runs as workflow_runs
from quarterdeck.store.tables.runs import workflow_waits as workflow_waits
from quarterdeck.store.tables.schedule import digest_definitions as digest_definitions
from quarterdeck.store.tables.schedule import digest_items as digest_items
from quarterdeck.store.tables.schedule import digest_marks as digest_marks
from quarterdeck.store.tables.schedule import digest_readers as digest_readers
from quarterdeck.store.tables.schedule import digests as digests
from quarterdeck.store.tables.schedule import fires as fires
from quarterdeck.store.tables.schedule import schedule_drafts as schedule_drafts
from quarterdeck.store.tables.schedule import schedules as schedules
from quarterdeck.store.tables.small import facts as facts
from quarterdeck.store.tables.small import secrets as secrets
from quarterdeck.store.tables.vectors import staged_vectors as staged_vectors
from quarterdeck.store.tables.web import transcript as transcript
