"""Draw a workflow as a Mermaid flow chart."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from quarterdeck_workflows.language.spec import (
    Approve,
    Ask,
    CallWorkflow,
    Choose,
    Do,
    ForEach,
    OnButton,
    OnCommand,
    OnMessage,
    OnReaction,
    OnSchedule,
    OnWebhook,
    OnWorkflow,
    Parallel,
    RepeatUntil,
    SetValues,
    Step,
    Stop,
    Trigger,
    Wait,
    Workflow,
)

LABEL = 60  # characters of one label
_SHAPES = {
    "approve": ("{{", "}}"),
    "ask": ("[/", "/]"),
    "wait": ("([", "])"),
    "stop": ("((", "))"),
    "choose": ("{", "}"),
    "call": ("[[", "]]"),
}

Ends = list[tuple[str, str]]  # nodes that are left open, each with the words on its arrow


def mermaid(workflow: Workflow) -> str:
    """Return the chart's text; it ends in a line feed."""
    lines = ["flowchart TD", *(f"  {line}" for line in _Chart(workflow).lines())]
    return "\n".join(lines) + "\n"


class _Chart:
    """Draw node by node; names are numbers, so that nothing of the file's can be read as Mermaid."""

    def __init__(self, workflow: Workflow) -> None:
        self._workflow, self._count = workflow, 0
        self._lines: list[str] = []

    def lines(self) -> Iterator[str]:
        ends: Ends = []
        for trigger in self._workflow.triggers:
            ends.append((self._node(spoken_trigger(trigger), ("([", "])")), ""))
        if not ends:
            ends.append((self._node(f"/run {self._workflow.name}", ("([", "])")), ""))
        ends = self._draw(self._workflow.steps, ends)
        if ends:
            self._join(ends, self._node("done", ("((", "))")))
        if self._workflow.on_error:
            failed = self._node("a step failed", ("([", "])"))
            self._draw(self._workflow.on_error, [(failed, "")])
        yield from self._lines

    def _draw(self, steps: Sequence[Step], ends: Ends) -> Ends:
        for step in steps:
            ends = self._step(step, ends)
        return ends

    def _step(self, step: Step, ends: Ends) -> Ends:
        name = self._node(_label(step), _SHAPES.get(step.kind, ("[", "]")))
        self._join(ends, name)
        skipped: Ends = []
        if step.when:  # drawn on the arrow into it: the way round it stays open
            skipped = [(end, "otherwise") for end, _ in ends]
        return self._inside(step, name) + skipped

    def _inside(self, step: Step, name: str) -> Ends:
        match step:
            case Parallel():
                return [end for branch in step.branches for end in self._draw(branch, [(name, "")])]
            case Choose():
                ends = [
                    end for case in step.cases for end in self._draw(case.steps, [(name, _short(case.when))])
                ]
                return ends + self._draw(step.otherwise, [(name, "otherwise")])
            case ForEach() | RepeatUntil():
                words = "next" if isinstance(step, ForEach) else "again"
                for end, _ in self._draw(step.steps, [(name, "")]):
                    self._lines.append(f'{end} -- "{words}" --> {name}')
                return [(name, "done")]
            case Stop():
                return []
            case Approve() if step.on_denied == "stop":
                denied = self._node("cancelled", ("((", "))"))
                self._lines.append(f'{name} -- "denied" --> {denied}')
                return [(name, "approved")]
            case _:
                return [(name, "")]

    def _node(self, label: str, shape: tuple[str, str]) -> str:
        self._count += 1
        name = f"n{self._count}"
        self._lines.append(f'{name}{shape[0]}"{_short(label)}"{shape[1]}')
        return name

    def _join(self, ends: Ends, name: str) -> None:
        for end, words in ends:
            self._lines.append(f'{end} -- "{words}" --> {name}' if words else f"{end} --> {name}")


def _label(step: Step) -> str:
    condition = f"{step.id} if {step.when}: " if step.when else f"{step.id}: "
    return condition + (step.title or _work(step))


def _work(step: Step) -> str:
    match step:
        case Do():
            return step.action
        case Approve() | Ask():
            return f"{step.kind}: {step.message}"
        case Wait():
            return f"wait {step.until or step.event or f'{step.seconds:g} s'}"
        case ForEach():
            return f"for each {step.name}"
        case RepeatUntil():
            return f"until {step.condition}"
        case CallWorkflow():
            return f"call {step.workflow}"
        case SetValues():
            return f"set {', '.join(step.values)}"
        case Stop():
            return f"stop: {step.outcome}"
        case _:
            return step.kind


def spoken_trigger(trigger: Trigger) -> str:
    """Say in a few words what starts a workflow."""
    match trigger:
        case OnCommand():
            return f"/{trigger.name}"
        case OnSchedule():
            return trigger.moment
        case OnWebhook():
            return f"{' '.join(trigger.methods) or 'any'} /hooks/{trigger.name}"
        case OnMessage():
            return f"message {trigger.pattern}"
        case OnReaction():
            return f"reaction {trigger.emoji}"
        case OnButton():
            return f"button {trigger.name}"
        case OnWorkflow():
            return f"{trigger.workflow} {' or '.join(trigger.outcomes)}"
        case _:
            return "start-up"


def _short(text: str) -> str:
    """Return a label in which nothing means anything to Mermaid, to HTML or to Markdown."""
    line = " ".join(text.split())
    line = line if len(line) <= LABEL else line[: LABEL - 1] + "…"
    return "".join(
        letter if letter.isalnum() or letter in " /.,:…-_" else f"#{ord(letter)};" for letter in line
    )
