"""Build every part of the bot and plug them into each other: the one file that knows everyone."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Mapping
from functools import partial
from zoneinfo import ZoneInfo

from quarterdeck.app import opening
from quarterdeck.app.emails import build_emails
from quarterdeck.app.later import later
from quarterdeck.app.starting import Starting
from quarterdeck.core.adapter import Adapter, PlatformContext
from quarterdeck.core.event import Event
from quarterdeck.core.person import Identity
from quarterdeck.core.ports import Clock, Services, UnderWay
from quarterdeck.core.reply import Reply
from quarterdeck.core.roles import Roles
from quarterdeck.memory.conversation import ConversationMemory
from quarterdeck.memory.summaries import Summaries
from quarterdeck.router.addressing import is_command_line
from quarterdeck.router.approvals.desk import ApprovalDesk
from quarterdeck.router.attached import AttachedFiles
from quarterdeck.router.budget import BudgetLedger
from quarterdeck.router.command.catalogue import discover
from quarterdeck.router.command.cooldown import Cooldowns
from quarterdeck.router.delivery.deliveries import DeliveryDesk
from quarterdeck.router.delivery.outbox import Outbox
from quarterdeck.router.delivery.reactions import Reactions
from quarterdeck.router.forms.forms import Forms
from quarterdeck.router.health import BotHealth
from quarterdeck.router.inbox import Inbox
from quarterdeck.router.intake import House, Intake
from quarterdeck.router.native.completion import Completion
from quarterdeck.router.native.offering import Offering
from quarterdeck.router.people.identity import Directory
from quarterdeck.router.people.linking import LinkDesk
from quarterdeck.router.policy.directory import read_directory
from quarterdeck.router.policy.groups import PlatformGroups
from quarterdeck.router.policy.keeper import Entries, Keeper
from quarterdeck.router.policy.keeper import Sources as PolicySources
from quarterdeck.router.policy.reading import FILE_NAME, read_policy
from quarterdeck.router.router import Router
from quarterdeck.runtime import platform_facts, platforms
from quarterdeck.runtime.charts import Charts
from quarterdeck.runtime.documents.prompts import read_prompt
from quarterdeck.runtime.files import MadeFiles
from quarterdeck.runtime.network import webhooks
from quarterdeck.runtime.network.web import Web
from quarterdeck.runtime.observability.redaction import Redactor
from quarterdeck.runtime.observability.telemetry import Telemetry
from quarterdeck.runtime.secrets import Resolver, SecretRef
from quarterdeck.runtime.settings import Loaded
from quarterdeck.runtime.tallies import KeptTallies
from quarterdeck.store.conversations.forms import StoredForms
from quarterdeck.store.conversations.history import StoredHistory
from quarterdeck.store.conversations.memory import PlatformMemory
from quarterdeck.store.conversations.notes import StoredNotes
from quarterdeck.store.conversations.rooms import StoredRooms
from quarterdeck.store.conversations.transcript import Transcript
from quarterdeck.store.delivery.inbox import StoredInbox
from quarterdeck.store.delivery.outbox import StoredOutbox
from quarterdeck.store.engine import Store
from quarterdeck.store.ledger.audit import Audit
from quarterdeck.store.ledger.budget import StoredBudgets
from quarterdeck.store.ledger.decisions import StoredDecisions
from quarterdeck.store.ledger.usage import StoredUsage, StoredUsageLog
from quarterdeck.store.people.accounts import StoredAccounts
from quarterdeck.store.people.addresses import StoredAddresses
from quarterdeck.store.people.links import StoredLinks
from quarterdeck.store.people.people import StoredPeople
from quarterdeck.store.people.tokens import StoredTokens
from quarterdeck.store.upkeep.backup import Backups
from quarterdeck.store.vault.keys import keys_of
from quarterdeck.store.vault.vault import Vault
from quarterdeck.store.work.approvals import StoredApprovals
from quarterdeck_adapters.console.adapter import ConsoleAdapter
from quarterdeck_adapters.console.parse import operating_system_user
from quarterdeck_adapters.web.adapter import WebAdapter
from quarterdeck_workflows.triggers.nowhere import Nowhere


class Parts:
    """Hold all parts of one process, built in the order in which they need each other."""

    def __init__(self, loaded: Loaded, store: Store, redactor: Redactor, clock: Clock) -> None:
        self.loaded, self.settings, self.store, self.clock = loaded, loaded.settings, store, clock
        self.paths, self.redactor = loaded.settings.paths(), redactor
        self.zone = ZoneInfo(loaded.settings.schedule.default_timezone)
        self.adapters: dict[str, Adapter] = {}
        self._build_memory(loaded)
        self._build_rights()
        self._build_minds()
        self._build_doors()
        self._build_schedules()
        self._build_router()

    def _build_memory(self, loaded: Loaded) -> None:
        """Make what remembers: secrets, the record, backups, history, people."""
        store, clock, settings = self.store, self.clock, self.settings
        self.resolver = Resolver(loaded.environ, self.redactor)
        self.audit = Audit(store, clock, self.redactor.clean)
        keys = keys_of(settings.vault.key, self.paths.vault_key, loaded.environ)
        self.vault = Vault(store, keys, clock, self.audit)
        self.backups = Backups(store.path, self.paths.backups, clock=clock, keep=settings.backup.keep)
        self.history = StoredHistory(store)
        self.inbox_rows, self.outbox_rows = StoredInbox(store), StoredOutbox(store, self.audit)
        self.people_rows = StoredPeople(store)
        self.tokens = StoredTokens(store, self.people_rows)
        self.accounts = StoredAccounts(store, self.people_rows)

    def _build_rights(self) -> None:
        """Make what knows who somebody is and what they may do.

        Raises:
            SetupError: the policy is wrong, and there is no last good one yet.
        """
        access, clock = self.settings.access, self.clock
        self.roles = Roles(access.roles)
        self.policy = Keeper(
            PolicySources(
                policy=partial(read_policy, roles=self.roles, now=clock.now),
                policy_file=access.policy or self.paths.user_dir / FILE_NAME,
                is_policy_named=access.policy is not None,
                directory_file=access.directory,
                entries=read_directory,
                sync=self._sync_directory,
            ),
            self.audit,
            clock,
        )
        self.addresses = StoredAddresses(self.store, self.people_rows, self.audit, self.roles.higher)
        self.authoriser = self.policy.authority
        self.owner, name = operating_system_user()
        self.people = Directory(
            self.people_rows,
            owners={self.owner: name} | dict.fromkeys(map(Identity.parse, access.owners), ""),
            default_role=access.default_role,
            roles=self.roles,
            groups=self.authoriser.groups,
            platforms=PlatformGroups(self.adapters, clock),
        )

    async def _sync_directory(self, entries: Entries) -> Mapping[str, str]:
        return await self.people_rows.sync(entries, higher=self.roles.higher, now_ms=self.clock.now_ms())

    def _build_minds(self) -> None:
        """Make what knows and answers: commands, models, documents."""
        self.commands = discover("quarterdeck.commands", self.paths.user_dir / "commands")
        self.usage_rows = StoredUsage(self.store, self.audit)
        self.telemetry = Telemetry(self.usage_rows.record)
        self.budgets = BudgetLedger(
            self.settings.budgets,
            StoredBudgets(self.store),
            self.clock,
            role_of=self._role_of,
            zone=self.zone,
        )
        self.models = later(partial(opening.models, self))
        self.notes = StoredNotes(self.store)
        self.summaries = Summaries(
            self.notes,
            self.history,
            self.models,
            self.clock,
            prompt=read_prompt("summary", self.paths.user_dir),
        )
        self.embeddings = later(partial(opening.embeddings, self))
        self.knowledge = later(partial(opening.knowledge, self))

    def _build_doors(self) -> None:
        """Make the ways out and in: the web, the platforms, the outbox."""
        self.web = Web(self.settings.egress, self.resolver.get)
        self.console = ConsoleAdapter(Transcript(self.store), self.clock, self.paths.files)
        self.adapters[self.console.platform] = self.console
        self.images = later(partial(opening.images, self))
        self.sourcing = later(partial(opening.sourcing, self))
        self.rooms = StoredRooms(self.store)
        self.page = WebAdapter(self.rooms, self.clock, self.paths.files)
        hooks: dict[str, Adapter] = {
            webhooks.PLATFORM: webhooks.WebhookDoor(self.web, self.clock),
            Nowhere.platform: Nowhere(),
        }
        ways = ChainMap(self.adapters, hooks)
        self.outbox = Outbox(
            self.outbox_rows,
            ways,
            self.clock,
            clean=self.redactor.clean,
            link_hosts=self.settings.models.links,
            meaning=self._meant,
        )
        self.deliveries = DeliveryDesk(self.outbox_rows, self.outbox)
        self.mcp = later(partial(opening.mcp, self))
        self.health = BotHealth(
            events=self.inbox_rows.counts,
            replies=self.outbox_rows.counts,
            models=self.models,
            knowledge=self.knowledge,
            platforms=self.adapters,
            known=platforms.names(),
            clock=self.clock,
            mcp=self.mcp,
        )

    def _build_schedules(self) -> None:
        self.durable = later(partial(opening.durable, self))
        self.clockwork = later(partial(opening.clockwork, self))
        self.orders = later(lambda: self.clockwork.orders)
        self.scheduler = later(lambda: self.clockwork.scheduler)
        self.press = later(partial(opening.press, self))

    def _build_router(self) -> None:
        self.approvals = ApprovalDesk(
            StoredApprovals(self.store),
            people=self.people,
            outbox=self.outbox,
            record=self.audit,
            accept=self.accept,
            clock=self.clock,
        )
        self.cooldowns = Cooldowns(self.clock, self.settings.router)
        self.tools = later(partial(opening.tools, self))
        forms = StoredForms(self.store)
        self.forms = Forms(forms, self.commands, self.clock, expire_s=self.settings.router.form_s)
        self.workflow_files = later(partial(opening.workflow_files, self))
        self.workflows = later(partial(opening.workflows, self))
        self.triggers = later(partial(opening.triggers, self))
        self.starting = Starting(self)
        self.commands.more, self.commands.hidden = self.starting.more, self.starting.hidden
        self.services = self._services()
        self.router = Router(
            rows=self.inbox_rows,
            outbox=self.outbox,
            intake=self._intake(),
            commands=self.commands,
            people=build_emails(self),
            authoriser=self.authoriser,
            services=self.services,
            approvals=self.approvals,
            clock=self.clock,
            limits=self.settings.router,
            missed_after_s=self.settings.router.missed_after_s,
        )
        self.offering = Offering(self.adapters, platform_facts.read, self.commands, self.clock)
        self.inbox = Inbox(self.inbox_rows, self.router, self.clock, is_command=is_command_line)

    def _intake(self) -> Intake:
        settings = self.settings
        inputs = {name: facts.limits.form_inputs for name, facts in platform_facts.read_all().items()}
        return Intake(
            commands=self.commands,
            forms=self.forms,
            cooldowns=self.cooldowns,
            clock=self.clock,
            adapter=self.outbox.adapter,
            concluded=self._concluded,
            started=self.starting.heard,
            house=House(zone=ZoneInfo(settings.schedule.default_timezone), form_inputs=inputs),
        )

    async def _meant(self, cause: str, emoji: str, actor: Identity) -> str:
        return await self.knowledge.meant(cause, emoji, actor)

    async def _concluded(self, event: Event, reply: Reply | None) -> Reply | None:
        return await self.clockwork.outcomes.answered(event, reply)

    def under_way(self, conversation_id: str) -> list[UnderWay]:
        """Return what is being answered in a conversation or waits there (the `Answering` port)."""
        return self.router.under_way(conversation_id)

    def cancel(self, key: str) -> bool:
        """Stop the answer to an event."""
        return self.router.cancel(key)

    async def accept(self, event: Event) -> bool:
        """Store an event, whoever raises it."""
        return await self.inbox.accept(event)

    async def _role_of(self, person_id: str) -> str:
        """Return the role that a person has now; somebody never stored goes by the name of their account."""
        for known in await self.people_rows.all():
            if known.person.id == person_id and known.identities:
                return (await self.people.person_of(Identity.parse(known.identities[0]))).role
        if person_id.count(":") >= 2:
            return (await self.people.person_of(Identity.parse(person_id))).role
        return "none"

    def platform_context(self, platform: str) -> PlatformContext:
        """Return what the adapter of `platform` gets of its surroundings."""
        return PlatformContext(
            settings=self.settings.platforms.of(platform),
            secret=lambda ref: self.resolver.get(SecretRef.parse(ref)),
            clock=self.clock,
            memory=PlatformMemory(self.store, platform, self.clock),
            commands=self.commands,
            complete=Completion(self.commands, self.people, self.authoriser),
        )

    def _services(self) -> Services:
        return Services(
            clock=self.clock,
            models=self.models,
            choices=later(lambda: self.models.choosing),
            knowledge=self.knowledge,
            schedules=self.orders,
            digests=later(lambda: self.press.conversations),
            digest_desk=later(lambda: self.press.desk),
            history=self.history,
            deliveries=self.deliveries,
            health=self.health,
            commands=self.commands,
            authoriser=self.authoriser,
            decisions=StoredDecisions(self.store),
            people=self.people,
            linking=LinkDesk(
                StoredLinks(self.people_rows, self.audit, self.roles.higher),
                self.people_rows,
                self.addresses,
                outbox=self.outbox,
                adapters=self.adapters,
                record=self.audit,
                clock=self.clock,
            ),
            web=self.web,
            budgets=self.budgets,
            usage=StoredUsageLog(self.usage_rows, self.clock, self.zone),
            pictures=Charts(MadeFiles(self.paths.files)),
            images=self.images,
            attached=AttachedFiles(self.adapters),
            sourcing=self.sourcing,
            memories=ConversationMemory(self.notes, self.clock, long_ago=self.summaries.want),
            answering=self,
            tools=self.tools,
            mcp=self.mcp,
            approvals=self.approvals,
            outbox=self.outbox,
            reactions=Reactions(self.outbox, self.outbox_rows, self.clock),
            workflows=self.workflows,
            runs=self.workflows,
            tallies=KeptTallies(PlatformMemory(self.store, "tally", self.clock), self.clock),
            media_folders=self.settings.media.folders,
        )
