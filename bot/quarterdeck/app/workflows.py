"""Plug the workflow engine into the bot."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Final, cast
from urllib.parse import quote

from quarterdeck.core.action import Action
from quarterdeck.core.adapter import Ability
from quarterdeck.core.command import Call, Command, Option
from quarterdeck.core.errors import NotFound, UsageError
from quarterdeck.core.form import Form
from quarterdeck.core.message import Attachment, Conversation
from quarterdeck.core.person import Identity
from quarterdeck.core.ports import Json
from quarterdeck.core.reply import Reply
from quarterdeck.core.text import did_you_mean
from quarterdeck.router.attached import AttachedFiles
from quarterdeck.router.command.syntax import Missing, complete
from quarterdeck.router.command.values import Reading, read_value
from quarterdeck.router.forms.forms import Screen
from quarterdeck.runtime import platform_facts
from quarterdeck.store.work.runs import StoredRuns
from quarterdeck_workflows.engine.engine import WorkflowEngine
from quarterdeck_workflows.engine.ports import Bot
from quarterdeck_workflows.language.spec import Workflow

if TYPE_CHECKING:
    from quarterdeck.app.parts import Parts

PROMPT_TOKENS: Final = 4_000  # what expressions fill in is not known before the run
SIGNS_PER_TOKEN: Final = 3
RUNS: Final = "/runs"  # where the web door shows them
ASKING: Final = {
    "model.complete": ("chat", 1024),
    "model.extract": ("chat", 2048),
    "model.classify": ("fast", 256),
    "knowledge.answer": ("chat", 1024),
    "media.extract": ("vision", 1024),
}
PAIR: Final = re.compile(r"""([\w-]+)=(?:"([^"]*)"|'([^']*)'|(\S*))""")
WORD: Final = re.compile(r"""(?:"([^"]*)"|'([^']*)'|(\S+))""")


def build_engine(parts: Parts) -> WorkflowEngine:
    """Return the engine."""
    public = parts.settings.http.public
    bot = Bot(
        clock=parts.clock,
        people=parts.people,
        authoriser=parts.authoriser,
        outbox=parts.outbox,
        approvals=parts.approvals,
        record=parts.audit,
        asking=AskingForms(parts),
        inputs=TypedInputs(parts),
        rows=StoredRuns(parts.store),
        shelf=parts.workflow_files,
        actions=LateActions(),
        folder=parts.paths.data_dir / "runs",
        cost=Costs(parts),
        attached=AttachedFiles(parts.adapters),
        folder_bytes=parts.settings.workflows.run_folder_bytes,
        page_of=lambda run_id: f"{public}{RUNS}/{quote(run_id, safe='')}" if public else "",
        can_edit=lambda where: Ability.EDIT in parts.outbox.adapter(where.platform).abilities,
    )
    return WorkflowEngine(bot, parts.durable, lambda: parts.services)


class Costs:
    """Estimate what actions cost (the engine's `Cost`): a model's call by its own price, once, at its full length."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def __call__(self, action: str, arguments: Mapping[str, Json]) -> float | None:
        """Return US dollars at the most for one time, 0 where it costs nothing, None where nobody knows."""
        if action == "image.generate":
            return None  # its price depends on what is ordered; `/image` says it with the pictures
        if action not in ASKING:
            return 0.0
        role, most = ASKING[action]
        tokens, named = arguments.get("max_tokens"), arguments.get("role")
        return await self._parts.models.price_usd(
            named if isinstance(named, str) and "${" not in named else role,
            input_tokens=PROMPT_TOKENS + len(json.dumps(arguments)) // SIGNS_PER_TOKEN,
            output_tokens=tokens if isinstance(tokens, int) else most,
        )


class LateActions:
    """Find the actions when the first is wanted: some bring heavy libraries along."""

    @cached_property
    def _actions(self) -> Mapping[str, Action]:
        from quarterdeck_workflows.actions.kit.registry import discover

        return {action.spec.id: action for action in discover().all()}

    def get(self, id_: str) -> Action | None:
        """Return the action of this id."""
        return self._actions.get(id_)


class TypedInputs:
    """Read the inputs of workflows as options of commands are read."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def typed(
        self,
        workflow: Workflow,
        line: str,
        identity: Identity,
        conversation: Conversation,
        files: Sequence[str] | None = (),
    ) -> Mapping[str, Json]:
        """Read `name=value …`; what has no name is the next input that has no value.

        Raises:
            UsageError: names the input, the value and what is allowed.
        """
        return self._read(workflow, _pairs(workflow, line), identity, conversation, files)

    def given(
        self, workflow: Workflow, values: Mapping[str, Json], files: Sequence[str] | None = ()
    ) -> Mapping[str, Json]:
        """Check values that came by name, and add the defaults.

        Raises:
            UsageError: as above.
        """
        kinds = {option.name: option.kind for option in workflow.inputs}
        spelt = {
            name: f"{value}s" if kinds.get(name) == "duration" and isinstance(value, int | float) else value
            for name, value in values.items()
        }
        return self._read(workflow, spelt, None, None, files)

    def _read(
        self,
        workflow: Workflow,
        given: Mapping[str, object],
        identity: Identity | None,
        conversation: Conversation | None,
        files: Sequence[str] | None,
    ) -> Mapping[str, Json]:
        if files is None:
            named = [option.name for option in workflow.inputs if option.kind == "file"]
            files = [str(given[name]) for name in named if given.get(name)]
        reading = Reading(
            now=self._parts.clock.now(),
            zone=self._parts.zone,
            identity=identity,
            conversation=conversation,
            attachments=tuple(Attachment(name=name, media_type="", size_bytes=0) for name in files),
        )
        command = Command(name=workflow.name, summary=workflow.title, handler=_never, options=workflow.inputs)
        try:
            found = complete(command, given, reading)
        except UsageError as error:
            names = " ".join(f"{option.name}=…" for option in workflow.inputs)
            message = error.message.replace(f"/{workflow.name}", workflow.name, 1)
            usage = f"write /run {workflow.name} {names}".strip()
            own = "" if isinstance(error, Missing) else error.hint
            raise UsageError(message, hint=own or usage) from error
        return {
            name: value.isoformat() if isinstance(value, datetime) else cast("Json", value)
            for name, value in found.items()
        }


def read_input(parts: Parts, workflow: str, option: Option, text: str) -> Json:
    """Return the value of one input as it is typed.

    Raises:
        UsageError: it does not fit.
    """
    reading = Reading(now=parts.clock.now(), zone=parts.zone, identity=parts.owner)
    value = read_value(workflow, option, text, reading)
    return value.isoformat() if isinstance(value, datetime) else cast("Json", value)


class AskingForms:
    """Show forms of the engine's own accord."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def ask(
        self,
        form_id: str,
        command: Command,
        identity: Identity,
        conversation: Conversation,
        *,
        expires_at_ms: int,
    ) -> None:
        """Keep the form and send it.

        Raises:
            NotFound: no platform of this name is connected.
        """
        parts = self._parts
        limits = platform_facts.read_all().get(conversation.platform)
        screen = Screen(
            abilities=parts.outbox.adapter(conversation.platform).abilities,
            form_inputs=limits.limits.form_inputs if limits else 0,
        )
        form = Form(
            id=form_id,
            command=command.name,
            identity=identity,
            conversation=conversation,
            asking=(),
            created_at_ms=parts.clock.now_ms(),
            expires_at_ms=expires_at_ms,
        )
        reply = await parts.forms.ask(form, command, screen)
        await parts.outbox.send(conversation, reply, key=f"form:{form_id}")

    async def close(self, form_id: str) -> None:
        """Close it."""
        await self._parts.forms.close(form_id)


def _pairs(workflow: Workflow, line: str) -> dict[str, object]:
    names, given, at = [option.name for option in workflow.inputs], dict[str, object](), 0
    while at < len(line):
        if line[at].isspace():
            at += 1
            continue
        pair = PAIR.match(line, at)
        if pair is not None and (pair[1] in names or pair[1].isidentifier()):
            if pair[1] not in names:
                hint = did_you_mean(pair[1], names) or f"it takes {', '.join(names) or 'none'}"
                raise UsageError(f"{workflow.name} has no input {pair[1]!r}", hint=hint)
            given[pair[1]] = next(one for one in pair.groups()[1:] if one is not None)
            at = pair.end()
            continue
        word = WORD.match(line, at)
        assert word is not None
        left = [name for name in names if name not in given]
        if not left:
            hint = f"write {' '.join(f'{name}=…' for name in names)}" if names else "it takes none"
            raise UsageError(f"{workflow.name} takes no further input {word[0][:60]!r}", hint=hint)
        given[left[0]] = next(one for one in word.groups() if one is not None)
        at = word.end()
    return given


async def _never(call: Call) -> Reply:
    raise NotFound("a workflow is no command")
