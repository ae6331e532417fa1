"""Make `spec.Workflow` of a file's rows: ids, paths and places for steps, defaults for what is left out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, assert_never

from quarterdeck.core.errors import SetupError
from quarterdeck.core.ports import Json
from quarterdeck.runtime.documents import yaml
from quarterdeck.runtime.settings.layering import Keys
from quarterdeck_workflows.language import spec
from quarterdeck_workflows.language.rows import steps as rows
from quarterdeck_workflows.language.rows import triggers
from quarterdeck_workflows.language.rows.file import StubRow, TestRow, WorkflowFile
from quarterdeck_workflows.language.template import bare

Row = (
    rows.ActionRow
    | rows.ParallelRow
    | rows.ForEachRow
    | rows.ChooseRow
    | rows.RepeatRow
    | rows.WaitRow
    | rows.ApproveRow
    | rows.AskRow
    | rows.CallRow
    | rows.SetRow
    | rows.StopRow
)
Starter = (
    triggers.CommandRow
    | triggers.ScheduleRow
    | triggers.WebhookRow
    | triggers.MessageRow
    | triggers.ReactionRow
    | triggers.ButtonRow
    | triggers.AfterRow
    | triggers.StartupRow
)


class Builder:
    """Build one workflow; `located` None: from a run's document, without places."""

    def __init__(
        self, file: WorkflowFile, *, document: Mapping[str, Json], located: yaml.Located | None
    ) -> None:
        self._file, self._document, self._located = file, document, located
        self._ids: dict[str, Keys] = {}

    def workflow(self) -> spec.Workflow:
        """Return it.

        Raises:
            SetupError: two steps have the same id.
        """
        file, name = self._file, str(self._document["name"])
        return spec.Workflow(
            name=name,
            title=file.title or name.replace("-", " ").replace("_", " ").capitalize(),
            description=file.description,
            inputs=tuple(row.option(one) for one, row in file.inputs.items()),
            triggers=tuple(self._trigger(row, name, at) for at, row in enumerate(file.triggers)),
            allow=file.allow,
            steps=self._steps(file.steps, "", ("steps",)),
            on_error=self._steps(file.on_error, "error.", ("on_error",)),
            output=file.output,
            tests=tuple(self._test(row, at) for at, row in enumerate(file.tests)),
            file=self._located.file if self._located else "",
            document=self._document,
        )

    def _place(self, keys: Keys, *, at_key: bool = False) -> tuple[int, int]:
        if self._located is None:
            return 0, 0
        return self._located.key_position(keys) if at_key else self._located.position(keys)

    def _steps(self, given: Sequence[Any], prefix: str, keys: Keys) -> tuple[spec.Step, ...]:
        return tuple(self._step(row, f"{prefix}{at}", (*keys, at)) for at, row in enumerate(given))

    def _step(self, row: Row, path: str, keys: Keys) -> spec.Step:
        line, column = self._place(keys)
        common: dict[str, Any] = {
            "path": path,
            "id": self._id(row.id, path, keys),
            "title": row.title,
            "when": bare(row.when) if row.when else "",
            "timeout_s": row.timeout_s,
            "key": row.key,
            "on_error": row.on_error,
            "line": line,
            "column": column,
        }
        match row:
            case rows.ParallelRow() | rows.ForEachRow() | rows.ChooseRow() | rows.RepeatRow():
                return self._block(row, path, keys, common)
            case rows.ApproveRow() | rows.AskRow() | rows.WaitRow():
                return _people(row, common)
            case rows.ActionRow():
                retry = None
                if row.retry is not None:
                    retry = spec.Retry(
                        attempts=row.retry.attempts, backoff_s=row.retry.backoff_s, on=row.retry.on
                    )
                return spec.Do(**common, action=row.action, arguments=row.arguments, retry=retry)
            case rows.CallRow():
                return spec.CallWorkflow(**common, workflow=row.call, arguments=row.arguments)
            case rows.SetRow():
                return spec.SetValues(**common, values=row.set)
            case rows.StopRow():
                return spec.Stop(**common, outcome=row.stop, message=row.message)
        assert_never(row)

    def _block(
        self,
        row: rows.ParallelRow | rows.ForEachRow | rows.ChooseRow | rows.RepeatRow,
        path: str,
        keys: Keys,
        common: Mapping[str, Any],
    ) -> spec.Step:
        if isinstance(row, rows.ParallelRow):
            branches = tuple(
                self._steps(branch, f"{path}.{at}.", (*keys, "parallel", at))
                for at, branch in enumerate(row.parallel)
            )
            return spec.Parallel(**common, branches=branches)
        if isinstance(row, rows.ChooseRow):
            cases = tuple(
                spec.Case(
                    when=bare(case.when),
                    steps=self._steps(case.steps, f"{path}.{at}.", (*keys, "choose", at, "steps")),
                )
                for at, case in enumerate(row.choose)
            )
            otherwise = self._steps(row.otherwise, f"{path}.{len(cases)}.", (*keys, "otherwise"))
            return spec.Choose(**common, cases=cases, otherwise=otherwise)
        steps = self._steps(row.steps, f"{path}.0.", (*keys, "steps"))
        if isinstance(row, rows.RepeatRow):
            return spec.RepeatUntil(**common, condition=bare(row.repeat_until), steps=steps, limit=row.limit)
        items = bare(row.for_each) if isinstance(row.for_each, str) else row.for_each
        assert isinstance(items, str | list)
        return spec.ForEach(
            **common, items=items, steps=steps, name=row.name, concurrency=row.concurrency, limit=row.limit
        )

    def _id(self, given: str | None, path: str, keys: Keys) -> str:
        name = given or "step_" + path.replace(".", "_")
        if name in self._ids:
            line = self._place(self._ids[name])[0]
            raise self._error(
                f"the id {name!r} is there twice", (*keys, "id"), f"the first is in line {line}"
            )
        self._ids[name] = keys
        return name

    def _error(self, message: str, keys: Keys, hint: str) -> SetupError:
        return (self._located or yaml.Located(data=None)).error(message, keys, hint=hint)

    def _trigger(self, row: Starter, name: str, at: int) -> spec.Trigger:
        line, column = self._place(("triggers", at))
        common: dict[str, Any] = {
            "arguments": row.arguments,
            "when": bare(row.when) if row.when else "",
            "conversation": row.conversation,
            "run_as": row.run_as or "",
            "line": line,
            "column": column,
        }
        match row:
            case triggers.CommandRow():
                return spec.OnCommand(**common, name=row.command or name)
            case triggers.ScheduleRow():
                return spec.OnSchedule(
                    **common,
                    moment=row.schedule,
                    timezone=row.timezone or "",
                    misfire=row.misfire,
                    overlap=row.overlap,
                )
            case triggers.WebhookRow():
                return spec.OnWebhook(**common, name=row.webhook, methods=row.methods, auth=row.auth.auth())
            case triggers.MessageRow():
                return spec.OnMessage(
                    **common, pattern=row.message, conversations=row.conversations, mention=row.mention
                )
            case triggers.ReactionRow():
                return spec.OnReaction(**common, emoji=row.reaction, conversations=row.conversations)
            case triggers.ButtonRow():
                return spec.OnButton(**common, name=row.button)
            case triggers.AfterRow():
                return spec.OnWorkflow(**common, workflow=row.workflow, outcomes=row.on)
            case triggers.StartupRow():
                return spec.OnStartup(**common)
        assert_never(row)

    def _test(self, row: TestRow, at: int) -> spec.TestCase:
        line, column = self._place(("tests", at))
        expect = row.expect
        return spec.TestCase(
            name=row.name,
            inputs=row.inputs,
            trigger=row.trigger,
            now=row.now,
            actions={name: [dict(_stub(one)) for one in stubs] for name, stubs in row.actions.items()},
            answers=row.answers,
            steps=expect.steps,
            messages=expect.messages,
            output=expect.output,
            expects_output="output" in expect.model_fields_set,
            state=expect.state,
            line=line,
            column=column,
        )


def _people(row: rows.ApproveRow | rows.AskRow | rows.WaitRow, common: Mapping[str, Any]) -> spec.Step:
    match row:
        case rows.ApproveRow():
            return spec.Approve(
                **common,
                message=row.approve,
                by=row.by,
                quorum=row.quorum,
                conversation=row.conversation,
                on_denied=row.on_denied,
            )
        case rows.AskRow():
            return spec.Ask(
                **common,
                message=row.ask,
                inputs=tuple(one.option(name) for name, one in row.inputs.items()),
                person=row.person,
                conversation=row.conversation,
                on_timeout=row.on_timeout,
            )
        case rows.WaitRow():
            return spec.Wait(
                **common,
                seconds=row.wait.seconds,
                until=row.wait.until or "",
                event=row.wait.event or "",
                on_timeout=row.on_timeout,
            )


def _stub(stub: StubRow) -> Iterator[tuple[str, Json]]:
    if stub.error is None:
        yield "output", stub.output
    else:
        yield "error", {"kind": stub.error.kind, "message": stub.error.message}
