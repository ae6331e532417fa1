"""Post to a Slack channel through its incoming webhook, which needs no bot there; nobody is pinged."""

from __future__ import annotations

from typing import Final

from quarterdeck.core.action import ActionCall, ActionSpec
from quarterdeck.core.ports import Json
from quarterdeck_workflows.actions.kit.declared import BOOLEAN, CREDENTIAL, Declared, shape, text
from quarterdeck_workflows.actions.kit.given import text_of
from quarterdeck_workflows.actions.kit.posting import post

TEXT_LIMIT: Final = (
    40_000  # Slack "chat.postMessage" page, 2026-11-21: text is truncated above 40,000 characters
)


def escaped(words: str) -> str:
    """Return a text in which nothing is a mention or a link of Slack's own (`<!channel>`, `<@U1>`)."""
    return words.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


async def _post(call: ActionCall) -> Json:
    body: dict[str, Json] = {"text": escaped(text_of(call, "text")), "link_names": False, "parse": "none"}
    await post(call, body)
    return {"posted": True}


ACTIONS = (
    Declared(
        ActionSpec(
            id="slack.webhook",
            summary="Post to a Slack channel through its incoming webhook",
            input=shape(
                {
                    "credential": {**CREDENTIAL, "description": "A credential whose use is address"},
                    "text": text("What to say, Slack's own formatting", longest=TEXT_LIMIT),
                }
            ),
            output=shape({"posted": BOOLEAN}),
            effect="write",
            idempotency="none",
            secrets=("egress.credentials",),
        ),
        _post,
    ),
)
