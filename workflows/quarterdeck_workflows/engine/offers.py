"""Find the workflows that somebody may start."""

from __future__ import annotations

from collections.abc import Sequence

from quarterdeck.core.access import AccessRequest
from quarterdeck.core.person import Identity, Person
from quarterdeck.core.run import Offered
from quarterdeck_workflows.engine.ports import Bot
from quarterdeck_workflows.language.spec import Workflow


async def offers(bot: Bot, person: Person, identity: Identity, words: str) -> Sequence[Offered]:
    """Return those that are on, that have all `words`, and that the person may start or may ask to."""
    found = []
    for one in bot.shelf.all():
        if not fits(one, words):
            continue
        decision = await bot.authoriser.authorise(
            AccessRequest(
                person=person,
                identity=identity,
                action=f"workflow:{one.name}",
                way="message",
                least_role=one.allow,
                effect="write",
                arguments=None,
            )
        )
        if decision.allowed or decision.needs_approval is not None:
            found.append(offered(one))
    return found


def fits(workflow: Workflow, words: str) -> bool:
    """Tell whether all words are in what a workflow says of itself."""
    text = f"{workflow.name} {workflow.title} {workflow.description}".lower()
    return all(word in text for word in words.lower().split())


def offered(workflow: Workflow) -> Offered:
    """Return what people are shown of a workflow in lists."""
    return Offered(
        name=workflow.name,
        title=workflow.title,
        description=workflow.description,
        inputs=tuple(option.name for option in workflow.inputs if option.default is None),
    )
