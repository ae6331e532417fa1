"""`/link`: show that an account on another platform is yours, too; and take it away again."""

from __future__ import annotations

from quarterdeck.core.access import Asker
from quarterdeck.core.command import Call, Command, Option
from quarterdeck.core.errors import UsageError
from quarterdeck.core.reply import Reply

HOW = "/link for a code, /link CODE on the other platform, /link remove for taking an account away"


async def link(call: Call) -> Reply:
    """Begin without a word; a word that is none of ours is a code."""
    action, what = call.text("action").strip(), call.text("what").strip()
    linking = call.services.linking
    asker = Asker(
        person=call.person,
        identity=call.identity,
        name=call.person.name,
        conversation=call.conversation,
        event_id=call.event_id,
    )
    match action.lower():
        case "":
            return await linking.begin(asker)
        case "remove":
            return await linking.remove(asker, what)
        case "yes" | "no" as word:
            return await linking.answer(asker, what, agrees=word == "yes")
        case _ if what:
            raise UsageError(f"{action!r} is nothing that /link does", hint=HOW)
    return await linking.claim(asker, action)


COMMAND = Command(
    name="link",
    summary="Make your account on another platform yours here, too",
    handler=link,
    options=(
        Option(
            name="action",
            summary="The code from your other account, or remove",
            positional=True,
            max_length=40,
        ),
        Option(
            name="what",
            summary="With remove: the account, such as telegram::42",
            positional=True,
            max_length=400,
        ),
    ),
    allow="viewer",
    lane="light",
    needs=("private", "buttons"),
    examples=("/link", "/link K7PM-X2QD", "/link remove telegram::42"),
    detail="Both accounts are asked before they become one person. A code holds for ten minutes and one use.",
)
