"""Ask any server of the web, through the guarded client: no private address, no secret but to its own hosts."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import Final
from urllib.parse import urlencode

from quarterdeck.core.action import ActionCall, ActionSpec, Idempotency
from quarterdeck.core.command import Effect
from quarterdeck.core.errors import Rejected, UsageError
from quarterdeck.core.ports import Json, WebAnswer
from quarterdeck.runtime.process.tasks import in_thread
from quarterdeck_workflows.actions.kit.declared import (
    COUNT,
    CREDENTIAL,
    FILE,
    STRING,
    Declared,
    anything,
    flag,
    mapped,
    number,
    one_of,
    shape,
    text,
)
from quarterdeck_workflows.actions.kit.folder import folder_of
from quarterdeck_workflows.actions.kit.given import flag_of, map_of, number_of, text_of

METHODS: Final = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
READING: Final = ("GET", "HEAD", "OPTIONS")
REPEATABLE: Final = ("PUT", "DELETE")  # RFC 9110, section 9.2.2
BODY_BYTES: Final = 256 * 1024  # that becomes a part of the result; more is for save_as
SAVED_BYTES: Final = 64 * 1024 * 1024
SHOWN_HEADERS: Final = 60
IDEMPOTENCY_KEY: Final = "Idempotency-Key"  # draft-ietf-httpapi-idempotency-key-header-07, 2026-11-21
SCALAR: Final[Mapping[str, Json]] = {"type": ["string", "number", "boolean"]}


def _meaning(given: Mapping[str, Json]) -> tuple[Effect, Idempotency]:
    method = given.get("method", "GET")
    if method in READING:
        return "read", "pure"
    has_key = method in REPEATABLE or given.get("idempotent") is True
    return ("destructive" if method == "DELETE" else "write"), ("key" if has_key else "none")


async def _request(call: ActionCall) -> Json:
    method = text_of(call, "method", "GET")
    body, headers = _body(call)
    if method not in READING:
        headers = {IDEMPOTENCY_KEY: call.key[:200], **headers}
    save_as = text_of(call, "save_as")
    began_s = time.perf_counter()
    answer = await call.services.web.request(
        method,
        _address(call),
        headers=headers,
        body=body,
        max_bytes=SAVED_BYTES if save_as else BODY_BYTES,
        timeout_s=number_of(call, "timeout_s", 30.0),
        credential=text_of(call, "credential"),
        keeps_refusals=flag_of(call, "keep_refusals"),
    )
    took_ms = round((time.perf_counter() - began_s) * 1000)
    shown = {name[:200]: value[:2_000] for name, value in list(answer.headers.items())[:SHOWN_HEADERS]}
    if save_as:
        await in_thread(folder_of(call).write, save_as, answer.body)
    return {
        "status": answer.status,
        "headers": shown,
        "size_bytes": len(answer.body),
        "took_ms": took_ms,
        "file": save_as,
        **({"body": "", "json": None} if save_as else _read(answer)),
    }


def _address(call: ActionCall) -> str:
    """Return the address with its query; an empty one is the credential's own."""
    url, asked = text_of(call, "url"), map_of(call, "query")
    if not url and not text_of(call, "credential"):
        raise UsageError(
            "http.request needs an address", hint="give `url`, or a credential whose use is address"
        )
    if not asked:
        return url
    words = urlencode([(name, _spelled(value)) for name, value in asked.items()])
    before, _, _ = url.partition("#")
    return f"{before}{'&' if '?' in before else '?'}{words}"


def _spelled(value: Json) -> str:
    return ("true" if value else "false") if isinstance(value, bool) else str(value)


def _body(call: ActionCall) -> tuple[bytes | None, dict[str, str]]:
    """Return the body and the headers with its type, unless the input says another."""
    given = [name for name in ("json", "form", "body") if name in call.input]
    if len(given) > 1:
        raise UsageError(f"{' and '.join(given)} are two bodies", hint="give one of json, form and body")
    headers = {name: str(value) for name, value in map_of(call, "headers").items()}
    if not given:
        return None, headers
    if given == ["json"]:
        content, media_type = json.dumps(call.input["json"], ensure_ascii=False), "application/json"
    elif given == ["form"]:
        fields = [(name, _spelled(value)) for name, value in map_of(call, "form").items()]
        content, media_type = urlencode(fields), "application/x-www-form-urlencoded"
    else:
        content, media_type = text_of(call, "body"), "text/plain; charset=utf-8"
    if not any(name.lower() == "content-type" for name in headers):
        headers["Content-Type"] = media_type
    return content.encode(errors="replace"), headers


def _read(answer: WebAnswer) -> dict[str, Json]:
    """Return the body as text, and as JSON where it says that it is."""
    charset = (
        answer.headers.get("content-type", "").lower().partition("charset=")[2].partition(";")[0].strip(' "')
    )
    try:
        words = answer.body.decode(charset or "utf-8", errors="replace")
    except LookupError:
        words = answer.body.decode(errors="replace")
    media_type = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
    if not (media_type == "application/json" or media_type.endswith("+json")) or not words.strip():
        return {"body": words, "json": None}
    try:
        return {"body": words, "json": json.loads(words)}
    except (ValueError, RecursionError) as error:
        if answer.status >= 400:
            return {"body": words, "json": None}
        raise Rejected(
            "the answer says that it is JSON, and is not", service="http.request", status=answer.status
        ) from error


ACTIONS = (
    Declared(
        ActionSpec(
            id="http.request",
            summary="Ask a server of the web",
            input=shape(
                {},
                {
                    "url": text(
                        "https://…; left out where the credential is the whole address",
                        least=0,
                        longest=8_000,
                    ),
                    "method": one_of("The method", *METHODS, default="GET"),
                    "query": mapped("What comes after the ?", SCALAR, most=100),
                    "headers": mapped("Headers; secrets go in as a credential", SCALAR, most=40),
                    "json": anything("A body of JSON"),
                    "form": mapped("A body of form fields", SCALAR, most=200),
                    "body": text("A body of text", least=0, longest=1_000_000),
                    "credential": CREDENTIAL,
                    "idempotent": flag(
                        "The server honours the header Idempotency-Key, so that twice is once"
                    ),
                    "keep_refusals": flag("A status from 400 is a result too, not a failure"),
                    "save_as": FILE,
                    "timeout_s": number("The longest that it may take", 0.1, 600, 30.0),
                },
            ),
            output=shape(
                {
                    "status": {"type": "integer"},
                    "headers": mapped("Names in small letters", STRING, most=SHOWN_HEADERS),
                    "body": STRING,
                    "json": anything("The body, where it says that it is JSON"),
                    "size_bytes": COUNT,
                    "took_ms": COUNT,
                    "file": STRING,
                }
            ),
            effect="write",
            idempotency="none",
            secrets=("egress.credentials",),
            is_untrusted=True,
            timeout_s=600.0,
            meaning=_meaning,
        ),
        _request,
    ),
)
