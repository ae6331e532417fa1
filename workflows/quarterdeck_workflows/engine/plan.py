"""Say what a run would do, and with which rights, without doing any of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, cast

from quarterdeck.core.access import AccessRequest
from quarterdeck.core.message import Conversation
from quarterdeck.core.person import Identity, Person
from quarterdeck.core.ports import Json
from quarterdeck_workflows.engine.levels import LEAST
from quarterdeck_workflows.engine.ports import Bot
from quarterdeck_workflows.language.spec import Do, Workflow

GRAVE: Final = ("destructive", "money")
SHOWN: Final = 15  # steps


async def planned(
    bot: Bot,
    workflow: Workflow,
    inputs: Mapping[str, Json],
    person: Person,
    identity: Identity,
    conversation: Conversation,
) -> dict[str, Json]:
    """Return the steps with, for each action, its effect and what the policy says to it for this person now.

    `may` is `yes`, `no`, or `approval`; arguments are not known yet, so a rule about arguments may still decide
    otherwise.
    """
    steps: list[Json] = []
    for step in workflow.every_step():
        shown: dict[str, Json] = {"path": step.path, "id": step.id, "kind": step.kind, "when": step.when}
        if isinstance(step, Do):
            action = bot.actions.get(step.action)
            effect = action.spec.meant(step.arguments).effect if action else "none"
            decision = await bot.authoriser.authorise(
                AccessRequest(
                    person=person,
                    identity=identity,
                    action=f"action:{step.action}",
                    way="workflow",
                    conversation=conversation,
                    least_role=LEAST[effect],
                    effect=effect,
                    arguments=None,
                )
            )
            may = "yes" if decision.allowed else "approval" if decision.needs_approval else "no"
            shown |= {"action": step.action, "effect": effect, "may": may, "rule": decision.rule}
            shown["is_known"] = action is not None
            cost = await bot.cost(step.action, step.arguments)
            shown["cost_usd"] = None if cost is None else round(cost, 6)
        steps.append(shown)
    return {"workflow": workflow.name, "digest": workflow.digest, "inputs": inputs, "steps": steps}


async def preview(
    bot: Bot,
    workflow: Workflow,
    inputs: Mapping[str, Json],
    person: Person,
    identity: Identity,
    conversation: Conversation,
) -> str:
    """Return in words what a run would do, and empty text where it can neither destroy anything nor cost money."""
    plan = await planned(bot, workflow, inputs, person, identity, conversation)
    steps = [one for one in cast("list[Mapping[str, Json]]", plan["steps"]) if "action" in one]
    if not any(one["effect"] in GRAVE for one in steps):
        return ""
    lines = [_line(one) for one in steps[:SHOWN]]
    if len(steps) > SHOWN:
        lines.append(f"- … and {len(steps) - SHOWN} more")
    costs = [one["cost_usd"] for one in steps]
    known = sum(float(one) for one in costs if isinstance(one, int | float))
    unknown = ", and what nobody has stated a price for" if None in costs else ""
    lines.append(f"Estimated cost, each step once: at most ${known:.2f}{unknown}.")
    return "\n".join(["This is what it would do:", *lines])


def _line(step: Mapping[str, Json]) -> str:
    may = {"yes": "allowed", "no": "**not allowed to you**", "approval": "asks for an approval first"}
    when = f", when `{step['when']}`" if step["when"] else ""
    return f"- `{step['id']}`: {step['action']} ({step['effect']}), {may[str(step['may'])]}{when}"
