"""Make `${trigger…}` of a request whose caller is proven: what proved it is taken away, the body is read as data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final
from urllib.parse import parse_qsl

import orjson

from quarterdeck.core.errors import UsageError
from quarterdeck.core.ports import Json
from quarterdeck_workflows.language.spec import HookAuth
from quarterdeck_workflows.triggers.proof import Sent

HIDDEN: Final = frozenset(("authorization", "cookie", "proxy-authorization"))
DEEPEST: Final = 100
MOST_FIELDS: Final = 1000


def values_of(sent: Sent, auth: HookAuth) -> dict[str, Json]:
    """Return method, headers, query and body; of what was sent more than once, the last.

    Raises:
        UsageError: the body says that it is JSON and is none, or is nested too deeply.
    """
    secret = auth.name.lower() if auth.kind in ("header", "hmac") else ""
    headers = {name: value for name, value in sent.headers if name not in HIDDEN and name != secret}
    query = {name: value for name, value in sent.query if auth.kind != "query" or name != auth.name}
    return {"method": sent.method, "headers": headers, "query": query, "body": _body(sent, headers)}


def _body(sent: Sent, headers: Mapping[str, str]) -> Json:
    if not sent.body:
        return None
    media_type = headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type == "application/x-www-form-urlencoded":
        return _form(sent.body)
    is_json = media_type == "application/json" or media_type.endswith("+json")
    if not is_json and sent.body[:1] not in b"{[":
        return sent.body.decode("utf-8", "replace")
    try:
        found: Json = orjson.loads(sent.body)
    except ValueError:
        if not is_json:
            return sent.body.decode("utf-8", "replace")
        raise UsageError("the body is no JSON", hint="send JSON, or another Content-Type") from None
    if _depth(found) > DEEPEST:
        raise UsageError("the body is nested too deeply", hint=f"{DEEPEST} levels at the most")
    return found


def _form(body: bytes) -> Json:
    try:
        return dict(
            parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=MOST_FIELDS)
        )
    except ValueError:
        raise UsageError("the form has too many fields", hint=f"{MOST_FIELDS} at the most") from None


def _depth(value: Json) -> int:
    """Return how deeply data is nested, without going deeper than is asked."""
    level, here = 0, [value]
    while here and level <= DEEPEST:
        level += 1
        here = [
            inner
            for one in here
            if isinstance(one, (dict, list))
            for inner in (one.values() if isinstance(one, dict) else one)
        ]
    return level
