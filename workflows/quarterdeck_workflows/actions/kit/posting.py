"""Post JSON to an address that is a secret, once: whoever gets it has no key by which twice would be once."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import cast

from quarterdeck.core.action import ActionCall
from quarterdeck.core.errors import Rejected
from quarterdeck.core.ports import Json
from quarterdeck_workflows.actions.kit.given import text_of


async def post(call: ActionCall, body: Mapping[str, Json], *, query: str = "") -> Mapping[str, Json]:
    """Send `body` to the credential that the input names and return the answer, where it is a JSON object.

    Raises:
        Rejected: the answer is no success; a redirect is none.
        ServiceError: the other side failed or refused.
    """
    answer = await call.services.web.request(
        "POST",
        query,
        headers={"Content-Type": "application/json"},
        body=json.dumps(body).encode(),
        credential=text_of(call, "credential"),
        follows=False,
    )
    if not 200 <= answer.status < 300:
        raise Rejected(
            f"the webhook answered {answer.status}",
            service="webhook",
            status=answer.status,
            hint="store its present address: `quarterdeck secret set`",
        )
    try:
        found = json.loads(answer.body or b"{}")
    except (ValueError, RecursionError):
        return {}
    return cast("Mapping[str, Json]", found) if isinstance(found, dict) else {}
