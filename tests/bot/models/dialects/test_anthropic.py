"""Hold the Anthropic dialect to the wire: what is sent, what comes back, and every way in which it goes wrong."""

from __future__ import annotations

import inspect
from typing import Any

import anthropic
import httpx2
import pytest

from quarterdeck.core.errors import AuthFailed, RateLimited, Rejected, ServiceError, Unavailable
from quarterdeck.core.model import Delta, ModelMessage, ModelRequest, Usage
from quarterdeck.models.dialects.anthropic import Anthropic


@pytest.fixture
async def open_chat(kit: Any, vendor: Any) -> Any:
    """Return a maker of dialects that are closed afterwards."""
    made: list[Anthropic] = []

    def make(**settings: Any) -> Anthropic:
        made.append(Anthropic(kit.connection_to(vendor, **settings)))
        return made[-1]

    yield make
    for dialect in made:
        await dialect.close()


async def failure_of(kit: Any, dialect: Anthropic) -> ServiceError:
    """Return what a call raises."""
    with pytest.raises(ServiceError) as caught:
        await kit.heard(dialect.complete(kit.ask()))
    return caught.value


async def test_an_answer_streams_in_pieces_with_usage_and_finish(
    kit: Any, vendor: Any, open_chat: Any
) -> None:
    """Input is counted at the begin, cache included, output at the end."""
    vendor.answers = [kit.stream_answer(kit.anthropic_stream("Hel", "lo"))]

    deltas = await kit.heard(open_chat().complete(kit.ask()))

    usage = Usage(input_tokens=9, output_tokens=5, cached_tokens=2)
    assert [Delta(text="Hello"), Delta(finish="stop", usage=usage)] == deltas  # one piece: it came at once


async def test_thoughts_stay_apart(kit: Any, vendor: Any, open_chat: Any) -> None:
    """They are not the answer."""
    vendor.answers = [kit.stream_answer(kit.anthropic_stream("Yes", thoughts="hm"))]

    deltas = await kit.heard(open_chat().complete(kit.ask()))

    assert Delta(reasoning="hm", text="Yes") == deltas[0]


async def test_the_request_is_as_the_vendor_wants_it(kit: Any, vendor: Any, open_chat: Any) -> None:
    """Instructions stand apart, max_tokens is needed, temperature is refused by API version 2026-10-21."""
    vendor.answers = [kit.stream_answer(kit.anthropic_stream("x"))]
    said = [("system", "A"), ("system", "B"), ("user", "1"), ("user", "2")]
    messages = tuple(ModelMessage(speaker=speaker, text=text) for speaker, text in said)  # type: ignore[arg-type]
    request = ModelRequest(model="m", messages=messages, temperature=0.5, json_schema={"type": "object"})

    await kit.heard(open_chat(sampling="never").complete(request))

    sent = vendor.seen[0]
    assert ("POST", "/v1/v1/messages") == (sent.method, sent.path)
    assert ("Bearer sk-test-canary", "2026-10-21") == (
        sent.headers["authorization"],
        sent.headers["anthropic-version"],
    )
    assert {
        "model": "m",
        "stream": True,
        "max_tokens": 1024,
        "system": "A\n\nB",
        "messages": [{"role": "user", "content": "1\n\n2"}],
        "output_config": {"format": {"type": "json_schema", "schema": {"type": "object"}}},
    } == sent.body


async def test_vendors_of_the_older_kind_get_their_header_and_temperature(kit: Any, vendor: Any) -> None:
    """Other vendors of this format want x-api-key and version 2023-06-01."""
    vendor.answers = [kit.stream_answer(kit.anthropic_stream("x"))]
    connection = kit.connection_to(vendor)
    object.__setattr__(connection, "key_header", "x-api-key")
    object.__setattr__(connection, "headers", {"anthropic-version": "2023-06-01"})
    dialect = Anthropic(connection)

    await kit.heard(dialect.complete(kit.ask(temperature=0.5)))
    await dialect.close()

    headers = vendor.seen[0].headers
    assert ("sk-test-canary", None, "2023-06-01") == (
        headers["x-api-key"],
        headers.get("authorization"),
        headers["anthropic-version"],
    )
    assert 0.5 == vendor.seen[0].body["temperature"]


async def test_no_key_sends_none(kit: Any, vendor: Any, open_chat: Any, monkeypatch: Any) -> None:
    """A local server must not get the key that happens to be in the environment."""
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-somebody-elses")
    vendor.answers = [kit.stream_answer(kit.anthropic_stream("x"))]

    await kit.heard(open_chat(key="").complete(kit.ask()))

    assert not {"authorization", "x-api-key"} & set(vendor.seen[0].headers)


@pytest.mark.parametrize(
    ("reason", "finish"),
    [
        ("end_turn", "stop"),
        ("stop_sequence", "stop"),
        ("max_tokens", "length"),
        ("model_context_window_exceeded", "length"),
        ("tool_use", "tool_calls"),
        ("refusal", "refusal"),
        ("pause_turn", "stop"),
    ],
)
async def test_stop_reasons_are_read(kit: Any, vendor: Any, open_chat: Any, reason: str, finish: str) -> None:
    """A refusal is not an ordinary end."""
    vendor.answers = [kit.stream_answer(kit.anthropic_stream("x", stop=reason))]

    deltas = await kit.heard(open_chat().complete(kit.ask()))

    assert finish == deltas[-1].finish


@pytest.mark.slow
@pytest.mark.parametrize("is_chunked", [True, False])
async def test_a_stream_cut_at_any_byte_is_a_failure_or_whole(
    kit: Any, vendor: Any, open_chat: Any, is_chunked: bool
) -> None:
    """Half an answer must never pass for one, wherever the connection breaks."""
    body = kit.anthropic_stream("Hel", "lo ☃")
    whole_from = body.index(b'"stop_reason": "end_turn"')
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
        (413, Rejected),
        (429, RateLimited),
        (500, Unavailable),
        (504, Unavailable),
        (529, Unavailable),
    ],
)
async def test_each_status_becomes_its_own_kind_of_error(
    kit: Any, vendor: Any, open_chat: Any, status: int, kind: type[ServiceError]
) -> None:
    """Who can mend it differs: the operator, the vendor, or time."""
    error = {"type": "error", "error": {"type": "x", "message": "because of this"}}
    vendor.answers = [kit.json_answer(error, status, Retry_After="3")]

    failure = await failure_of(kit, open_chat())

    assert kind is type(failure)
    assert ("Vendor", True) == (failure.service, "because of this" in failure.message)
    assert 3.0 == getattr(failure, "retry_after_s", 3.0)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("overloaded_error", Unavailable),
        ("api_error", Unavailable),
        ("rate_limit_error", RateLimited),
        ("authentication_error", AuthFailed),
        ("invalid_request_error", Rejected),
        ("something_new", Unavailable),
    ],
)
async def test_an_error_in_mid_stream_is_an_error(
    kit: Any, vendor: Any, open_chat: Any, name: str, kind: type[ServiceError]
) -> None:
    """Overload comes as an event, with status 200 long sent."""
    events = kit.anthropic_events("Hel")[:4]
    events.append({"type": "error", "error": {"type": name, "message": "Overloaded"}})
    vendor.answers = [kit.stream_answer(kit.sse(*events, event_names=True))]

    failure = await failure_of(kit, open_chat())

    assert (kind, True) == (type(failure), "Overloaded" in failure.message)


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ({"Content-Type": "text/html"}, b"<html>Sign in</html>"),
        ({"Content-Type": "application/json"}, b"{}"),
        ({"Content-Type": "text/event-stream"}, b"<html>no events</html>"),
        ({"Content-Type": "text/event-stream"}, b"event: message_start\ndata: {not json}\n\n"),
        ({"Content-Type": "text/event-stream"}, b"event: message_start\ndata: " + b"[" * 100_000 + b"\n\n"),
        ({"Content-Type": "text/event-stream"}, b"event: message_start\ndata: []\n\n"),
        ({"Content-Type": "text/event-stream"}, b'event: message_start\ndata: {"type": "message_start"}\n\n'),
        ({"Content-Type": "text/event-stream"}, b'event: message_delta\ndata: {"type": "message_delta"}\n\n'),
        ({"Content-Type": "text/event-stream"}, b'event: x\ndata: {"type": 5}\n\n'),
        (
            {"Content-Type": "text/event-stream"},
            b'event: content_block_delta\ndata: {"type": "content_block_delta", "delta": {"text": 5}}\n\n',
        ),
    ],
)
async def test_what_is_no_stream_is_said_to_be_none(
    kit: Any, vendor: Any, open_chat: Any, headers: dict[str, str], body: bytes
) -> None:
    """Captive portals, wrong addresses and broken servers answer with anything."""
    vendor.answers = [kit.answer(headers=headers, body=body)]

    failure = await failure_of(kit, open_chat())

    assert isinstance(failure, Unavailable)


async def test_silence_before_the_answer_ends_in_time(kit: Any, vendor: Any, open_chat: Any) -> None:
    """A server that accepts and says nothing holds nobody for ever."""
    vendor.answers = [kit.answer(is_silent=True)]

    failure = await failure_of(kit, open_chat(idle_s=0.3))

    assert (Unavailable, "Vendor gave no answer for 0.3 s") == (type(failure), failure.message)


async def test_silence_in_mid_answer_ends_in_time(kit: Any, vendor: Any, open_chat: Any) -> None:
    """The idle time counts from the last byte."""
    body = kit.sse(*kit.anthropic_events("Hel")[:4], event_names=True)
    vendor.answers = [kit.stream_answer(body, hangs=True)]
    deltas = open_chat(idle_s=0.3).complete(kit.ask())

    first = await anext(deltas)

    assert Delta(text="Hel") == first
    with pytest.raises(Unavailable, match="gave no answer"):
        await anext(deltas)


async def test_models_are_listed(kit: Any, vendor: Any, open_chat: Any) -> None:
    """`model test` shows how many there are."""
    listed = {"data": [{"id": "a", "type": "model"}], "has_more": False, "first_id": "a", "last_id": "a"}
    vendor.answers = [kit.json_answer(listed)]

    assert ["a"] == await open_chat().models()


async def test_there_are_no_embeddings(vendor: Any, open_chat: Any) -> None:
    """Anthropic has no such endpoint."""
    with pytest.raises(Rejected, match="makes no embeddings"):
        await open_chat().embed("e", ["a"])

    assert [] == vendor.seen


def every_sdk_error() -> list[type[Exception]]:
    """Return each exception class that the SDK can raise at us."""
    found: list[type[Exception]] = []
    waiting: list[type[Exception]] = [anthropic.AnthropicError]
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
        "completion": None,
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
    dialect = Anthropic(kit.connection_to(vendor))

    ours = dialect._ours(an(kind))

    assert isinstance(ours, ServiceError)
    assert "Vendor" == ours.service
