"""Collect what the verbs of the program can ask of the process that holds the data folder."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from quarterdeck.app.accounts import AccountOperations, Desk
from quarterdeck.app.door import address, build_desk
from quarterdeck.app.parts import Parts
from quarterdeck.app.workflows import read_input
from quarterdeck.core.ports import Operation
from quarterdeck.mcp.operations import McpOperations
from quarterdeck.models.operations import operations as model_operations
from quarterdeck.rag.quality.operations import QualityOperations
from quarterdeck.rag.sources.operations import SourceOperations
from quarterdeck.router.about import operations as about_operations
from quarterdeck.router.operations import operations as router_operations
from quarterdeck.router.people.verbs import PeopleDesk
from quarterdeck.router.policy.operations import Declarations, PolicyDesk
from quarterdeck.schedule.digests.operations import DigestOperations
from quarterdeck.schedule.operations import ScheduleOperations
from quarterdeck.store.operations import operations as store_operations
from quarterdeck_adapters.console.parse import conversation_of
from quarterdeck_workflows.engine.operations import RunOperations
from quarterdeck_workflows.engine.switching import LibraryOperations


def _rights(parts: Parts) -> Iterator[Operation]:
    """Yield what changes and explains who may do what."""
    people = PeopleDesk(
        parts.people_rows,
        parts.tokens,
        people=parts.people,
        roles=parts.roles,
        record=parts.audit,
        clock=parts.clock,
    )
    yield from people.all()
    declarations = Declarations(parts.commands, lambda: list(operations(parts)))
    yield from PolicyDesk(
        parts.policy, people=parts.people, find=people.find, declarations=declarations
    ).all()


def operations(parts: Parts, desk: Desk | None = None) -> Iterator[Operation]:
    """Yield every operation, the wings' first; `desk` signs people in and out, where that is under way."""
    yield from about_operations(parts.commands, parts.health)
    yield from router_operations(
        deliveries=parts.deliveries,
        record=parts.audit,
        cancel=parts.router.cancel,
    )
    yield from _rights(parts)
    yield from AccountOperations(
        desk or partial(build_desk, parts), parts.roles, partial(address, parts)
    ).all()
    yield from ScheduleOperations(
        parts.orders,
        find=parts.history.conversation,
        owner=parts.owner,
        home=conversation_of("", parts.owner),
    ).all()
    yield from DigestOperations(
        parts.press.desk,
        find=parts.history.conversation,
        owner=parts.owner,
        home=conversation_of("", parts.owner),
    ).all()
    yield from RunOperations(
        parts.workflows, parts.durable, parts.people, parts.owner, conversation_of("", parts.owner)
    ).all()
    yield from LibraryOperations(
        parts.paths.user_dir, parts.settings.workflows.library, partial(read_input, parts)
    ).all()
    yield from model_operations(parts.models, parts.clock, parts.loaded.environ)
    yield from McpOperations(parts.mcp).all()
    yield from QualityOperations(parts.knowledge, parts.models, parts.paths.user_dir).all()
    yield from SourceOperations(parts.knowledge, parts.sourcing).all()
    yield from store_operations(
        vault=parts.vault, audit=parts.audit, backups=parts.backups, resolver=parts.resolver
    )
