"""Prove that everything that goes wrong on the wire of the OpenAI dialect becomes an honest error."""

from __future__ import annotations

import inspect
from contextlib import aclosing
from typing import Any

import httpx2
import openai
import pytest

from quarterdeck.core.errors import AuthFailed, RateLimited, Rejected, ServiceError, Unavailable
from quarterdeck.core.model import Delta
from quarterdeck.models.dialects import transport
from quarterdeck.models.dialects.openai_chat import OpenAIChat


@pytest.fixture
async def open_chat(kit: Any, vendor: Any) -> Any:
    """Return a maker of dialects that are closed afterwards."""
    made: list[OpenAIChat] = []

    def make(**settings: Any) -> OpenAIChat:
        made.append(OpenAIChat(kit.connection_to(vendor, **settings)))
        return made[-1]

    yield make
    for dialect in made:
        await dialect.close()


async def failure_of(kit: Any, dialect: OpenAIChat) -> ServiceError:
    """Return what a call raises."""
    with pytest.raises(ServiceError) as caught:
        await kit.heard(dialect.complete(kit.ask()))
    return caught.value


@pytest.mark.slow
@pytest.mark.parametrize("is_chunked", [True, False])
async def test_a_stream_cut_at_any_byte_is_a_failure_or_whole(
    kit: Any, vendor: Any, open_chat: Any, is_chunked: bool
) -> None:
    """Half an answer must never pass for one, wherever the connection breaks."""
    body = kit.openai_stream("Hel", "lo ☃")
    whole_from = body.index(b'"finish_reason": "stop"')
    dialect = open_chat()
    outcomes: list[tuple[int, str, str]] = []

    for cut in range(len(body)):
        vendor.answers = [kit.stream_answer(body, cut=cut, is_chunked=is_chunked)]
        text, end = "", "whole"
        try:
            async for delta in dialect.complete(kit.ask()):
                text += delta.text
        except Unavailable as error:
            end = "cut off" if "was cut off" in error.message else error.message
        outcomes.append((cut, text, end))

    assert {"cut off", "whole"} == {end for _, _, end in outcomes}
    assert all("Hello ☃".startswith(text) for _, text, _ in outcomes)
    assert all(text == "Hello ☃" and cut > whole_from for cut, text, end in outcomes if end == "whole")


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, Rejected),
        (401, AuthFailed),
        (402, Rejected),
        (403, AuthFailed),
        (404, Rejected),
        (408, Unavailable),
        (409, Unavailable),
        (422, Rejected),
        (429, RateLimited),
        (500, Unavailable),
        (502, Unavailable),
        (503, Unavailable),
        (529, Unavailable),
    ],
)
async def test_each_status_becomes_its_own_kind_of_error(
    kit: Any, vendor: Any, open_chat: Any, status: int, kind: type[ServiceError]
) -> None:
    """Who can mend it differs: the operator, the vendor, or time."""
    vendor.answers = [kit.json_answer({"error": {"message": "because of this", "type": "x"}}, status)]

    failure = await failure_of(kit, open_chat())

    assert kind is type(failure)
    assert ("Vendor", True) == (failure.service, "because of this" in failure.message)


async def test_an_unknown_model_is_refused_with_a_hint(kit: Any, vendor: Any, open_chat: Any) -> None:
    """The commonest mistake in settings."""
    error = {"error": {"message": "The model `gpt-9` does not exist", "code": "model_not_found"}}
    vendor.answers = [kit.json_answer(error, 404)]

    failure = await failure_of(kit, open_chat())

    assert isinstance(failure, Rejected)
    assert (404, True) == (failure.status, "model list" in failure.hint)


@pytest.mark.parametrize(
    ("headers", "expected_s"),
    [
        ({"Retry_After": "7"}, 7.0),
        ({"retry_after_ms": "1500"}, 1.5),
        ({"Retry_After": "soon"}, None),
        ({}, None),
    ],
)
async def test_retry_after_is_read(
    kit: Any, vendor: Any, open_chat: Any, headers: dict[str, str], expected_s: float | None
) -> None:
    """Whoever ignores it is banned for longer."""
    vendor.answers = [kit.json_answer({"error": {"message": "slow down"}}, 429, **headers)]

    failure = await failure_of(kit, open_chat())

    assert isinstance(failure, RateLimited)
    assert expected_s == failure.retry_after_s


async def test_no_credit_left_is_not_tried_again(kit: Any, vendor: Any, open_chat: Any) -> None:
    """OpenAI says 429 to an empty account too; waiting does not fill it."""
    error = {"error": {"message": "You exceeded your current quota", "code": "insufficient_quota"}}
    vendor.answers = [kit.json_answer(error, 429)]

    failure = await failure_of(kit, open_chat())

    assert (402, False) == (getattr(failure, "status", None), failure.retryable)


async def test_an_error_in_mid_stream_is_an_error(kit: Any, vendor: Any, open_chat: Any) -> None:
    """OpenRouter reports a backend's failure as a chunk, with status 200 long sent."""
    error = {"error": {"code": 502, "message": "Provider disconnected"}}
    vendor.answers = [kit.stream_answer(kit.sse(kit.chunk({"content": "Hel"}), error))]

    failure = await failure_of(kit, open_chat())

    assert (Unavailable, True) == (type(failure), "Provider disconnected" in failure.message)


async def test_the_finish_reason_error_is_a_failure(kit: Any, vendor: Any, open_chat: Any) -> None:
    """OpenRouter ends a broken answer so."""
    vendor.answers = [kit.stream_answer(kit.openai_stream("Hel", finish="error"))]

    failure = await failure_of(kit, open_chat())

    assert Unavailable is type(failure)


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ({"Content-Type": "text/html"}, b"<html><body>Sign in to the hotel network</body></html>"),
        ({"Content-Type": "application/json"}, b'{"ok": true}'),
        ({"Content-Type": "text/event-stream"}, b"<html>no events</html>"),
        ({"Content-Type": "text/event-stream"}, b"data: {not json}\n\n"),
        ({"Content-Type": "text/event-stream"}, b"data: " + b"[" * 100_000 + b"\n\n"),
        ({"Content-Type": "text/event-stream"}, b"data: []\n\n"),
        ({"Content-Type": "text/event-stream"}, b"data: 5\n\n"),
        ({"Content-Type": "text/event-stream"}, b'data: {"choices": [{"delta": 5}]}\n\n'),
        ({"Content-Type": "text/event-stream"}, b'data: {"choices": 7}\n\n'),
        ({"Content-Type": "text/event-stream"}, b"\xff\xfe\x00data: nothing\n\n"),
        ({"Content-Type": "text/event-stream", "Content-Encoding": "gzip"}, b"\x1f\x8b\x08bomb"),
    ],
)
async def test_what_is_no_stream_is_said_to_be_none(
    kit: Any, vendor: Any, open_chat: Any, headers: dict[str, str], body: bytes
) -> None:
    """Captive portals, wrong addresses and broken servers answer with anything."""
    vendor.answers = [kit.answer(headers=headers, body=body)]

    failure = await failure_of(kit, open_chat())

    assert isinstance(failure, Unavailable)


async def test_a_web_page_as_error_is_not_quoted(kit: Any, vendor: Any, open_chat: Any) -> None:
    """A gateway's page would fill the chat."""
    page = b"<!DOCTYPE html><html>" + b"x" * 5000
    vendor.answers = [kit.answer(status=502, headers={"Content-Type": "text/html"}, body=page)]

    failure = await failure_of(kit, open_chat())

    assert "Vendor failed on its side (502): a web page" == failure.message


async def test_a_redirect_is_not_followed(kit: Any, vendor: Any, other_vendor: Any, open_chat: Any) -> None:
    """The key would go to wherever it points."""
    other_vendor.answers = [kit.stream_answer(kit.openai_stream("stolen"))]
    vendor.answers = [kit.answer(status=307, headers={"Location": f"{other_vendor.url}/chat/completions"})]

    failure = await failure_of(kit, open_chat())

    assert isinstance(failure, Rejected)
    assert [] == other_vendor.seen


async def test_silence_before_the_answer_ends_in_time(kit: Any, vendor: Any, open_chat: Any) -> None:
    """A server that accepts and says nothing holds nobody for ever."""
    vendor.answers = [kit.answer(is_silent=True)]

    failure = await failure_of(kit, open_chat(idle_s=0.3))

    assert (Unavailable, "Vendor gave no answer for 0.3 s") == (type(failure), failure.message)


async def test_silence_in_mid_answer_ends_in_time(kit: Any, vendor: Any, open_chat: Any) -> None:
    """The idle time counts from the last byte."""
    body = kit.sse(kit.chunk({"content": "Hel"}))
    vendor.answers = [kit.stream_answer(body, hangs=True)]
    deltas = open_chat(idle_s=0.3).complete(kit.ask())

    first = await anext(deltas)

    assert Delta(text="Hel") == first
    with pytest.raises(Unavailable, match="gave no answer"):
        await anext(deltas)


async def test_nobody_listening_is_said_with_the_address(kit: Any, vendor: Any, open_chat: Any) -> None:
    """Ollama is not started."""
    dialect = open_chat()
    await vendor.stop()

    failure = await failure_of(kit, dialect)

    assert (Unavailable, True) == (type(failure), vendor.url in failure.hint)


async def test_an_endless_answer_is_stopped(kit: Any, vendor: Any, open_chat: Any, monkeypatch: Any) -> None:
    """A line without end would fill our memory before any event of it is read."""
    monkeypatch.setattr(transport, "RESPONSE_LIMIT_BYTES", 100_000)
    vendor.answers = [kit.stream_answer(b"data: " + b"x" * 5_000_000)]

    failure = await failure_of(kit, open_chat())

    assert "more than 100000 bytes" in failure.message


async def test_leaving_early_closes_the_connection(kit: Any, vendor: Any, open_chat: Any) -> None:
    """`/cancel` must stop what the vendor bills."""
    body = kit.sse(*(kit.chunk({"content": "x"}) for _ in range(10)))
    vendor.answers = [kit.stream_answer(body, hangs=True)]
    dialect = open_chat()

    async with aclosing(dialect.complete(kit.ask())) as deltas:
        await anext(deltas)

    connector = dialect._client._client._transport._session.connector  # type: ignore[attr-defined]
    assert (0, 0) == (len(connector._acquired), len(connector._conns))


async def test_the_key_is_in_no_error(kit: Any, vendor: Any, open_chat: Any) -> None:
    """Errors travel into chats and logs."""
    vendor.answers = [kit.json_answer({"error": {"message": "bad key"}}, 401)]

    failure = await failure_of(kit, open_chat())

    assert "canary" not in repr(failure) + failure.hint + repr(kit.connection_to(vendor))


def every_sdk_error() -> list[type[Exception]]:
    """Return each exception class that the SDK can raise at us."""
    found: list[type[Exception]] = []
    waiting: list[type[Exception]] = [openai.OpenAIError]
    while waiting:
        kind = waiting.pop()
        found.append(kind)
        waiting += kind.__subclasses__()
    return found


def an(kind: type[Exception]) -> Exception:
    """Make an exception of the SDK's class `kind`."""
    request = httpx2.Request("POST", "http://127.0.0.1/v1")
    status = getattr(kind, "status_code", 500)
    known = {
        "request": request,
        "response": httpx2.Response(status if isinstance(status, int) else 500, request=request),
        "body": {"error": {"message": "because"}},
        "message": "because",
        "unsent_messages": [],
        "completion": openai.types.chat.ChatCompletion.construct(usage=None),
    }
    parameters = inspect.signature(kind.__init__).parameters
    values = {
        name: known.get(name, "because")
        for name, parameter in parameters.items()
        if parameter.default is inspect.Parameter.empty and name not in ("self", "args", "kwargs")
    }
    return kind(**values) if values else kind(*("because",) * ("args" in parameters))


@pytest.mark.parametrize("kind", every_sdk_error(), ids=lambda kind: kind.__name__)
def test_every_exception_of_the_sdk_is_mapped(kit: Any, vendor: Any, kind: type[Exception]) -> None:
    """A new class in a new version must not reach people as a traceback."""
    dialect = OpenAIChat(kit.connection_to(vendor))

    ours = dialect._ours(an(kind))

    assert isinstance(ours, ServiceError)
    assert "Vendor" == ours.service
