"""Post to a Discord channel through its webhook, which needs no bot there; nobody is pinged."""

from __future__ import annotations

from typing import Final

from quarterdeck.core.action import ActionCall, ActionSpec
from quarterdeck.core.ports import Json
from quarterdeck_workflows.actions.kit.declared import CREDENTIAL, STRING, Declared, shape, text
from quarterdeck_workflows.actions.kit.given import text_of
from quarterdeck_workflows.actions.kit.posting import post

CONTENT_LIMIT: Final = 2_000  # Discord "Execute Webhook" page, 2026-11-21: content up to 2000 characters
NAME_LIMIT: Final = 80  # the same page: username
PING_NOBODY: Final[dict[str, Json]] = {"parse": []}  # the same documentation, "Allowed Mentions Object"


async def _post(call: ActionCall) -> Json:
    content = text_of(call, "text")
    body: dict[str, Json] = {"content": content, "allowed_mentions": PING_NOBODY}
    if name := text_of(call, "username"):
        body["username"] = name
    posted = await post(call, body, query="?wait=true")
    return {"message": str(posted.get("id", ""))}


ACTIONS = (
    Declared(
        ActionSpec(
            id="discord.webhook",
            summary="Post to a Discord channel through its webhook",
            input=shape(
                {
                    "credential": {**CREDENTIAL, "description": "A credential whose use is address"},
                    "text": text("What to say, Discord's Markdown", longest=CONTENT_LIMIT),
                },
                {"username": text("The name above it", longest=NAME_LIMIT)},
            ),
            output=shape({"message": STRING}),
            effect="write",
            idempotency="none",
            secrets=("egress.credentials",),
        ),
        _post,
    ),
)
