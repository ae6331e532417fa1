"""Show how the bot does."""

from collections.abc import Mapping

from quarterdeck.core.command import Call, Command
from quarterdeck.core.ports import Json
from quarterdeck.core.reply import Card, Field, Reply


async def status(call: Call) -> Reply:
    """Show version, platforms, queues, model and knowledge."""
    facts = await call.services.health.facts()
    return Reply(
        card=Card(
            title="Status", fields=tuple(Field(label=_label(k), value=_shown(v)) for k, v in facts.items())
        )
    )


def _label(name: str) -> str:
    return name.removesuffix("_s").replace("_", " ").capitalize()


def _shown(value: Json) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_shown(held)}" for name, held in value.items()) or "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "none" if value is None else str(value)


COMMAND = Command(
    name="status",
    summary="See how the bot does: platforms, queues, model, knowledge",
    handler=status,
    allow="operator",
    effect="read",
    lane="light",
    examples=("/status",),
)
