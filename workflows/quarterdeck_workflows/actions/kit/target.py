"""Say which conversation an action speaks to, and whether its person may make it speak there."""

from __future__ import annotations

from quarterdeck.core.action import ActionCall
from quarterdeck.core.errors import Denied, NotFound
from quarterdeck.core.message import Conversation
from quarterdeck.core.ports import AccessRequest
from quarterdeck_workflows.actions.kit.given import text_of


async def target_of(call: ActionCall, action: str, *, effect: str = "write", key: str = "to") -> Conversation:
    """Return the conversation that the input names, the run's own where it names none.

    Another one than the run's own is asked for anew: rules may be about places.

    Raises:
        NotFound: nothing was ever said in a conversation of this id.
        Denied: the run's person may not do this there.
    """
    wanted = text_of(call, key)
    if not wanted or wanted == call.conversation.id:
        return call.conversation
    place = await call.services.history.conversation(wanted)
    if place is None:
        raise NotFound(
            f"there is no conversation {wanted[:200]!r}",
            hint="name one that the bot has seen: `/status` there says its id; leave `to` out for the run's own",
        )
    decision = await call.services.authoriser.authorise(
        AccessRequest(
            person=call.person,
            identity=call.identity,
            action=f"action:{action}",
            way="workflow",
            conversation=place,
            least_role="operator",
            effect=effect,
            arguments=dict(call.input),
        )
    )
    if not decision.allowed:
        raise Denied(decision.reason, hint="ask somebody who may, or leave `to` out")
    return place
