"""The adapter as the core meets it: declared as data, built of tokens alone, without the SDK until it connects."""

import asyncio
import inspect
import json
import subprocess
import sys

import pytest
import slack_sdk.errors
from tests.adapters.slack.conftest import DictMemory, SomeCommands, context_of, running

from quarterdeck.core.command import Command, Option
from quarterdeck.core.errors import (
    AuthFailed,
    Gone,
    RateLimited,
    Rejected,
    ServiceError,
    SetupError,
    Unavailable,
    Unknown,
)
from quarterdeck.core.reply import Reply
from quarterdeck.runtime.platform_facts import read
from quarterdeck.testing.simulator.slack.simulator import SlackSimulator
from quarterdeck_adapters.slack.adapter import ABILITIES, PACE, build
from quarterdeck_adapters.slack.errors import nonsense, refusal
from quarterdeck_adapters.slack.manifest import EVENTS, OWN, SCOPES, document, manifest
from quarterdeck_adapters.slack.settings import SlackSettings
from quarterdeck_adapters.slack.writing import limits


def test_what_is_declared_as_data_is_what_the_adapter_has() -> None:
    """The parity table and the code cannot part."""
    facts = read("slack")

    assert ABILITIES == frozenset(facts.abilities)
    assert (PACE.conversation_s, PACE.edit_s) == (facts.pace["conversation_s"], facts.pace["edit_s"])
    assert (limits.TEXT, limits.SECTION, limits.MESSAGE, limits.BLOCKS) == tuple(
        getattr(facts.limits, name) for name in ("text", "section", "message", "blocks")
    )
    assert OWN == frozenset(facts.limits.taken)


def test_importing_the_adapter_loads_no_sdk() -> None:
    """A bot with another platform, and the first answer, do not wait for it."""
    code = (
        "import sys, quarterdeck_adapters.slack.adapter, quarterdeck_adapters.slack.manifest;"
        "print([name for name in sys.modules if name.startswith(('slack_sdk', 'slack_bolt'))])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "[]" == done.stdout.strip()


@pytest.mark.parametrize(("mode", "missing"), [("socket", "app_token"), ("http", "signing_secret")])
async def test_a_missing_token_is_named_with_its_variable(mode: str, missing: str) -> None:
    """At the start, not at the first message."""
    async with SlackSimulator() as slack:
        context = context_of(slack, DictMemory(), mode, **{missing: None})
        with pytest.raises(SetupError) as caught:
            build(context)
    assert f"SLACK_{missing.upper()}" in caught.value.hint


@pytest.mark.parametrize(
    ("code", "status", "kind"),
    [
        ("invalid_auth", 200, AuthFailed),
        ("token_revoked", 200, AuthFailed),
        ("", 401, AuthFailed),
        ("ratelimited", 200, RateLimited),
        ("", 429, RateLimited),
        ("channel_not_found", 200, Gone),
        ("not_in_channel", 200, Gone),
        ("is_archived", 200, Gone),
        ("missing_scope", 200, Gone),
        ("msg_too_long", 200, Rejected),
        ("invalid_blocks", 200, Rejected),
        ("something_new", 200, Rejected),
        ("service_unavailable", 200, Unavailable),
        ("", 503, Unavailable),
        ("internal_error", 200, Unknown),
        ("", 502, Unknown),
    ],
)
def test_slacks_refusals_are_ours(code: str, status: int, kind: type[ServiceError]) -> None:
    """What is retried, what is dead, what is in doubt and who must act follows from the class."""
    found = refusal("chat.postMessage", code, status=status, headers={"Retry-After": "3"}, is_read=False)

    assert kind is type(found)
    assert (code or str(status)) in found.message
    assert 3 == getattr(found, "retry_after_s", 3)


def test_what_changes_nothing_is_never_in_doubt() -> None:
    """It may simply be asked again."""
    assert Unavailable is type(refusal("auth.test", "internal_error", headers={}, is_read=True))
    assert [Unavailable, Unknown] == [type(nonsense("m", 200, is_read=one)) for one in (True, False)]


async def test_none_of_the_sdks_errors_gets_out() -> None:
    """The SDK raises its own where it checks answers; our client checks before it."""
    kinds = [one for _, one in inspect.getmembers(slack_sdk.errors, inspect.isclass)]
    assert 8 == len([one for one in kinds if issubclass(one, slack_sdk.errors.SlackClientError)])
    async with SlackSimulator() as slack, running(slack) as bot:
        client = bot.adapter._open_line().client
        for call in (
            client.chat_postMessage(channel="C404", text="x"),
            client.conversations_history(channel="C404"),
            client.views_open(trigger_id="no", view={"type": "modal"}),
            client.api_call("no.such.method"),
        ):
            with pytest.raises(ServiceError):
                await call


async def test_one_session_serves_every_call(monkeypatch: pytest.MonkeyPatch) -> None:
    """The SDK opens one for each where none is given."""
    import aiohttp

    opened = []
    begin = aiohttp.ClientSession.__init__

    def counted(self: aiohttp.ClientSession, *args: object, **named: object) -> None:
        opened.append(sys._getframe(1).f_globals["__name__"])
        begin(self, *args, **named)

    async with SlackSimulator() as slack:
        monkeypatch.setattr(aiohttp.ClientSession, "__init__", counted)
        async with running(slack) as bot:
            await slack.say("anna", "hello")
            await bot.until(lambda: bot.events)
            for n in range(5):
                await bot.send(Reply(text=f"{n}"), bot.events[0].conversation, f"k{n}")

    assert ["quarterdeck.runtime.network.http"] == opened


async def test_a_run_that_is_cancelled_leaves_nothing_behind() -> None:
    """Neither a task nor a socket."""
    async with SlackSimulator() as slack:
        before = len(asyncio.all_tasks())
        async with running(slack):
            pass
        await slack.workspace.changes.until(
            lambda: not slack.sockets.connections, timeout_s=10, what="closed sockets"
        )

        assert before >= len(asyncio.all_tasks()) - 1


def test_the_manifest_holds_what_the_app_needs() -> None:
    """Commands by their names, the umbrella, ids instead of names; Slack's own names below the umbrella."""
    words = Option(name="text", summary="Anything", required=True, positional=True, rest=True)
    commands = [
        Command(name="echo", summary="Give back", handler=SomeCommands().get, options=(words,)),
        Command(name="status", summary="How it does", handler=SomeCommands().get),
        *(Command(name=f"c{n}", summary="x", handler=SomeCommands().get) for n in range(60)),
    ]
    found = document(commands, is_http=False)
    slashes = found["features"]["slash_commands"]

    assert 50 == len(slashes)
    assert {
        "command": "/echo",
        "description": "Give back",
        "should_escape": True,
        "usage_hint": "TEXT",
    } == slashes[0]
    assert "/qd" == slashes[-1]["command"]
    assert not [one for one in slashes if one["command"] == "/status"]
    assert sorted(SCOPES) == found["oauth_config"]["scopes"]["bot"]
    assert list(EVENTS) == found["settings"]["event_subscriptions"]["bot_events"]
    assert found["settings"]["socket_mode_enabled"]


def test_over_http_the_manifest_names_the_address() -> None:
    """Everywhere that Slack asks for one."""
    settings = SlackSettings(bot_token="env:A", signing_secret="env:B")
    found = json.loads(manifest([SomeCommands().get("ping")], settings))

    url = "https://YOUR-HOST/slack/events"
    assert [url, url] == [one["url"] for one in found["features"]["slash_commands"]]
    assert url == found["settings"]["event_subscriptions"]["request_url"]
    assert url == found["settings"]["interactivity"]["request_url"]
    assert not found["settings"]["socket_mode_enabled"]
