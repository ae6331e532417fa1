"""Say what a run would do, and with which rights, without doing any of it."""

from __future__ import annotations

from collections.abc import Mapping

from quarterdeck.core.access import AccessRequest
from quarterdeck.core.message import Conversation
from quarterdeck.core.person import Identity, Person
from quarterdeck.core.ports import Json
from quarterdeck_workflows.engine.house import LEAST
from quarterdeck_workflows.engine.ports import Bot
from quarterdeck_workflows.language.spec import Do, Workflow


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
            effect = action.spec.effect if action else "none"
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
        steps.append(shown)
    return {"workflow": workflow.name, "digest": workflow.digest, "inputs": inputs, "steps": steps}
