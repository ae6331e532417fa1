"""Slack's payloads as events: the samples one by one, and whatever else may come without an error."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import quarterdeck_adapters.slack
from quarterdeck.core.event import Deleted, Edited, Joined, Posted, Reacted
from quarterdeck_adapters.slack.ids import Account
from quarterdeck_adapters.slack.parse import account_of, to_event
from quarterdeck_adapters.slack.reading.interactions import pressed, submitted
from quarterdeck_adapters.slack.reading.messages import posted
from quarterdeck_adapters.slack.reading.slash import form_of, invoked
from quarterdeck_adapters.slack.reading.text import plain

SAMPLES = Path(quarterdeck_adapters.slack.__file__).parent / "samples"
BOT = Account(team="T0001", user="U0BOT", bot="B0001")
AT = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)


def sample(name: str) -> dict:
    """Return a payload."""
    return json.loads((SAMPLES / f"{name}.json").read_text())


def test_a_mention_is_text_without_signs_and_has_one_id_in_every_form() -> None:
    """Live, as a mention, and out of the history."""
    message, mention = (to_event(sample(name), BOT, at=AT) for name in ("message", "app_mention"))
    old = {name: value for name, value in sample("message")["event"].items() if name != "team"}
    late = posted(old, BOT, team="T0001", at=AT, is_late=True)

    assert "deploy api to slack:T0001:C0002 & tell slack:T0001:U0002" == message.message.text
    assert ["C0001:1763715600.000100"] * 3 == [one.id for one in (message, mention, late)]
    assert ["slack:T0001:C0001"] * 3 == [one.conversation.id for one in (message, mention, late)]
    assert "slack:T0001:U0001" == str(message.actor)
    assert datetime(2025, 11, 21, 9, 0, 0, 100, tzinfo=UTC) == message.message.sent_at


def test_each_sample_is_the_event_that_it_stands_for() -> None:
    """By its class and by what it is about."""
    names = ["thread_reply", "direct_with_file", "message_changed", "message_deleted", "bot_message"]
    names += ["reaction_added", "member_joined_channel"]
    found = {name: to_event(sample(name), BOT, at=AT) for name in names}

    assert [Posted, Posted, Edited, Deleted, Posted, Reacted, Joined] == [type(one) for one in found.values()]
    assert ("thread", "C0001:1763715600.000100") == (
        found["thread_reply"].conversation.kind,
        found["thread_reply"].message.reply_to,
    )
    assert "direct" == found["direct_with_file"].conversation.kind
    assert ["report.pdf"] == [one.name for one in found["direct_with_file"].message.attachments]
    assert "C0001:1763715600.000100" == found["message_changed"].message.id
    assert "C0001:1763715600.000100" == found["message_deleted"].message_id
    assert found["bot_message"].is_bot
    assert "👍" == found["reaction_added"].emoji


def test_a_preview_that_is_added_to_a_message_is_no_edit() -> None:
    """Slack sends the same kind of event; the words are what they were."""
    payload = sample("message_changed")
    payload["event"]["previous_message"]["text"] = payload["event"]["message"]["text"]

    assert to_event(payload, BOT, at=AT) is None


def test_who_the_bot_is_stands_in_the_event_before_slack_was_asked() -> None:
    """So a mention that comes first is understood."""
    assert "U0BOT" == account_of(sample("message"), Account()).user


def test_a_slash_command_keeps_what_was_typed_and_the_ids_in_it() -> None:
    """Names that stand beside ids are never used."""
    event = invoked(sample("slash_command"), AT)

    assert ("deploy", "api --env prod & tell slack:T0001:U0002", "1.2.slash") == (
        event.command,
        event.text,
        event.id,
    )


@pytest.mark.parametrize(
    ("slash", "text", "expected"),
    [
        ("/qd", "deploy api --env prod", ("deploy", "api --env prod")),
        ("/qd", "/Deploy  api", ("deploy", " api")),
        ("/qd", "", ("help", "")),
        ("/Deploy", "api", ("deploy", "api")),
    ],
)
def test_the_umbrella_reaches_every_command(slash: str, text: str, expected: tuple[str, str]) -> None:
    """`/qd` alone asks for help."""
    event = invoked({**sample("slash_command"), "command": slash, "text": text}, AT)
    assert expected == (event.command, event.text)


def test_a_form_is_read_as_browsers_write_it() -> None:
    """Fields that nobody looks at are not decoded; what is no UTF-8 is replaced."""
    body = b"token=x&text=a+%26+b%3D%C3%BC%FF&command=%2Fecho&user_id=U1"
    assert {"text": "a & b=ü\ufffd", "command": "/echo", "user_id": "U1"} == form_of(body)


def test_a_press_and_a_filled_form_bring_their_values_back() -> None:
    """Each in the type of its option."""
    press = pressed(sample("block_actions"), at=AT)
    form = submitted(sample("view_submission"), at=AT)

    assert ("yes", "/approve 7", "C0001:1763715600.000200") == (
        press.button_id,
        press.value,
        press.message_id,
    )
    assert "slack:T0001:C0001:1763715600.000100" == press.conversation.id
    assert {
        "what": "api",
        "count": 3,
        "dry": True,
        "env": "prod",
        "who": "slack:T0001:U0002",
        "where": "slack:T0001:C0002",
        "when": "2025-11-21T09:00:00+00:00",
        "log": "log.txt",
    } == form.values
    assert ["log.txt"] == [one.name for one in form.attachments]


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("a &amp;lt; b", "a &lt; b"),
        ("<https://e.com/a?b=1&amp;c=2>", "https://e.com/a?b=1&c=2"),
        ("<http://e.com|e.com>", "e.com"),
        ("<https://e.com|docs>", "[docs](https://e.com)"),
        ("<mailto:a@e.com|a@e.com>", "a@e.com"),
        ("<!here> <!subteam^S1|@ops> <#C1|x>", "@here slack:T1:S1 slack:T1:C1"),
        ("<!date^1^{date}|yesterday>", "yesterday"),
        ("a < b > c & d <nothing>", "a < b > c & d <nothing>"),
    ],
)
def test_slacks_signs_become_plain_text(written: str, expected: str) -> None:
    """What Slack would not have written stays as it is."""
    expected = expected.replace("S1", "S1X").replace("C1", "C1X")
    written = written.replace("^S1", "^S1X").replace("#C1", "#C1X")
    assert expected == plain(written, "T1")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=400)
@given(st.sampled_from(sorted(path.stem for path in SAMPLES.glob("*.json"))), st.data())
def test_no_payload_breaks_the_parser(name: str, data: st.DataObject) -> None:
    """Any value may stand in any place."""
    payload = sample(name)
    for _ in range(data.draw(st.integers(1, 3))):
        _spoil(payload, data)
    to_event(payload, BOT, at=AT)
    pressed(payload, at=AT)
    submitted(payload, at=AT)
    form = {key: value for key, value in payload.items() if isinstance(value, str)}
    invoked(form, AT)


def _spoil(payload: object, data: st.DataObject) -> None:
    while isinstance(payload, dict) and payload:
        key = data.draw(st.sampled_from(sorted(payload)))
        if not isinstance(payload[key], dict) or data.draw(st.booleans()):
            payload[key] = data.draw(JSON)
            return
        payload = payload[key]


@given(st.binary(max_size=200))
def test_no_body_breaks_the_form_reader(body: bytes) -> None:
    """Nor what is made of it."""
    invoked(form_of(body), AT)
