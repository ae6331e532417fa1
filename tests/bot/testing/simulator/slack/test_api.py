"""Prove with the SDK's own client that the Web API keeps what it should and refuses what Slack refuses."""

from typing import Any

import aiohttp
import pytest
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient
from tests.bot.testing.simulator.slack.conftest import client_of

from quarterdeck.testing.clock import FakeClock
from quarterdeck.testing.simulator.platform import Fault
from quarterdeck.testing.simulator.slack import SlackSimulator
from quarterdeck.testing.simulator.slack.simulator import API_URL, APP_TOKEN

SECTION = {"type": "section", "text": {"type": "mrkdwn", "text": "hi"}}


async def refusal(call: Any) -> dict[str, Any]:
    """Return what a call is refused with."""
    with pytest.raises(SlackApiError) as caught:
        await call
    answer = caught.value.response
    return answer if isinstance(answer, dict) else answer.data


async def general(slack: SlackSimulator) -> str:
    """Return the id of #general, with Ada in it."""
    return slack.workspace.place("general", "ada").id


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"channel": "C0NOWHERE", "text": "x"}, "channel_not_found"),
        ({"channel": "#general", "text": "x" * 40_001}, "msg_too_long"),
        ({"channel": "#general", "text": "😀" * 20_001}, "msg_too_long"),
        ({"channel": "#general", "markdown_text": "x" * 12_001}, "msg_too_long"),
        ({"channel": "#general", "markdown_text": "x", "text": "y"}, "markdown_text_conflict"),
        ({"channel": "#general", "text": "x", "blocks": [SECTION] * 51}, "invalid_blocks"),
        ({"channel": "#general", "text": "x", "blocks": [{"type": "nonsense"}]}, "invalid_blocks"),
        ({"channel": "#general", "text": "x", "blocks": "{"}, "invalid_blocks_format"),
        (
            {
                "channel": "#general",
                "text": "x",
                "blocks": [{"type": "section", "text": {"type": "mrkdwn", "text": "x" * 2_900}}] * 5,
            },
            "msg_blocks_too_long",
        ),
        ({"channel": "#general", "text": "x", "thread_ts": "1.000001"}, "thread_not_found"),
        ({"channel": "#general", "text": "x", "thread_ts": "yesterday"}, "invalid_thread_ts"),
        ({"channel": "#general", "text": "x", "metadata": {"event_type": "x"}}, "invalid_metadata_format"),
        (
            {
                "channel": "#general",
                "text": "x",
                "metadata": {"event_type": "x", "event_payload": {"k": "v" * 17_000}},
            },
            "metadata_too_large",
        ),
    ],
)
async def test_a_message_that_slack_refuses_is_refused_in_its_words(
    slack: SlackSimulator, web: AsyncWebClient, arguments: dict[str, Any], error: str
) -> None:
    """Nothing is posted then, and the refusal is noted."""
    answer = await refusal(web.chat_postMessage(**arguments))

    assert (error, []) == (answer["error"], await slack.seen("ada"))
    assert slack.refusals()[0].startswith(f"chat.postMessage: {error}")


async def test_a_missing_argument_is_named(slack: SlackSimulator, web: AsyncWebClient) -> None:
    """As in `response_metadata.messages`."""
    answer = await refusal(web.api_call("chat.postMessage", json={"text": "x"}))

    assert "invalid_arguments" == answer["error"]
    assert ["[ERROR] missing required field: channel"] == answer["response_metadata"]["messages"]
    blank = await refusal(web.api_call("chat.postMessage", json={"channel": "#general", "text": "  "}))
    assert "no_text" == blank["error"]


@pytest.mark.parametrize(
    ("token", "method", "error"),
    [
        ("", "auth.test", "not_authed"),
        ("xoxb-other", "auth.test", "invalid_auth"),
        (APP_TOKEN, "auth.test", "not_allowed_token_type"),
        ("xoxb-simulated-bot", "apps.connections.open", "not_allowed_token_type"),
        ("xoxb-simulated-bot", "chat.postMassage", "unknown_method"),
    ],
)
async def test_a_token_opens_what_it_is_for(
    slack: SlackSimulator, token: str, method: str, error: str
) -> None:
    """Slack says so with status 200."""
    assert error == (await refusal(client_of(slack, token).api_call(method)))["error"]


async def test_revoked_tokens_and_lost_scopes_are_refused() -> None:
    """Each names what is missing."""
    async with SlackSimulator(scopes=["channels:read"]) as slack:
        web = client_of(slack)
        scope = await refusal(web.chat_postMessage(channel="#general", text="x"))
        await slack.revoke()
        revoked = await refusal(web.auth_test())

    assert ("missing_scope", "chat:write") == (scope["error"], scope["needed"])
    assert "token_revoked" == revoked["error"]


async def test_json_and_forms_are_read_alike_but_where_slack_reads_forms_only(slack: SlackSimulator) -> None:
    """`conversations.replies` does not see a JSON body."""
    headers = {"Authorization": "Bearer xoxb-simulated-bot"}
    url = slack.environment()[API_URL]
    channel = await general(slack)
    async with aiohttp.ClientSession(headers=headers) as session:

        async def call(method: str, **body: Any) -> dict[str, Any]:
            async with session.post(url + method, **body) as answer:
                return await answer.json()

        posted = await call(
            "chat.postMessage", data={"channel": channel, "text": "x", "unfurl_links": "false"}
        )
        found = [
            await call("conversations.replies", data={"channel": channel, "ts": posted["ts"]}),
            await call("conversations.replies", json={"channel": channel, "ts": posted["ts"]}),
            await call("chat.postMessage", data=b"{", headers={"Content-Type": "application/json"}),
            await call("chat.postMessage", data=b"[]", headers={"Content-Type": "application/json"}),
        ]

    assert [None, "invalid_arguments", "invalid_json", "json_not_object"] == [
        one.get("error") for one in found
    ]


async def test_only_own_messages_are_edited_and_only_to_4000_characters(
    slack: SlackSimulator, web: AsyncWebClient
) -> None:
    """`chat.update` is stricter than `chat.postMessage`."""
    channel = await general(slack)
    theirs = await slack.say("ada", "mine")
    ours = (await web.chat_postMessage(channel=channel, text="old", blocks=[SECTION]))["ts"]

    errors = [
        (await refusal(web.chat_update(channel=channel, ts=theirs, text="x")))["error"],
        (await refusal(web.chat_update(channel=channel, ts="1.000001", text="x")))["error"],
        (await refusal(web.chat_update(channel=channel, ts=ours, text="x" * 4_001)))["error"],
        (await refusal(web.chat_delete(channel=channel, ts=theirs)))["error"],
    ]
    await web.chat_update(channel=channel, ts=ours, text="new")
    edited = (await slack.seen("ada"))[-1]
    await web.chat_delete(channel=channel, ts=ours)

    assert ["cant_update_message", "message_not_found", "msg_too_long", "cant_delete_message"] == errors
    assert ("new", 1) == (edited.text, edited.edits)  # text without blocks takes the blocks away
    assert (await slack.seen("ada"))[-1].is_deleted


async def test_closed_places_are_closed(slack: SlackSimulator, web: AsyncWebClient) -> None:
    """A bot that was removed, an archived channel, somebody who is not in the channel."""
    channel = await general(slack)
    whisper = {"channel": channel, "user": slack.workspace.person("bo").id, "text": "x"}
    errors = [(await refusal(web.chat_postEphemeral(**whisper)))["error"]]
    slack.remove_bot("general")
    errors.append((await refusal(web.chat_postMessage(channel=channel, text="x")))["error"])
    errors.append((await refusal(web.conversations_history(channel=channel)))["error"])
    await web.conversations_join(channel=channel)
    slack.archive("general")
    errors.append((await refusal(web.chat_postMessage(channel=channel, text="x")))["error"])

    assert ["user_not_in_channel", "not_in_channel", "not_in_channel", "is_archived"] == errors


async def test_history_is_read_in_pages_newest_first_without_replies(
    slack: SlackSimulator, web: AsyncWebClient
) -> None:
    """Metadata comes back only where it is asked for."""
    channel = await general(slack)
    first = await slack.say("ada", "0")
    await slack.say("ada", "reply", thread=first)
    for number in range(1, 4):
        await slack.say("ada", str(number))
    key = {"event_type": "quarterdeck", "event_payload": {"key": "k1"}}
    await web.chat_postMessage(channel=channel, text="4", metadata=key, unfurl_links=False)

    texts, cursor = [], ""
    while True:
        page = await web.conversations_history(channel=channel, limit=2, cursor=cursor)
        texts += [one["text"] for one in page["messages"]]
        cursor = page.data.get("response_metadata", {}).get("next_cursor", "")
        if not page["has_more"]:
            break
    since = await web.conversations_history(channel=channel, oldest=first)
    thread = await web.conversations_replies(channel=channel, ts=first)
    keyed = await web.conversations_history(channel=channel, limit=1, include_all_metadata=True)

    assert ["4", "3", "2", "1", "0"] == texts
    assert ["4", "3", "2", "1"] == [one["text"] for one in since["messages"]]
    assert ["0", "reply"] == [one["text"] for one in thread["messages"]]
    assert (key, None) == (keyed["messages"][0]["metadata"], since["messages"][0].get("metadata"))


async def test_too_fast_is_refused_for_the_channel_and_says_how_long() -> None:
    """The clock is the test's own: a minute later it goes on."""
    clock = FakeClock()
    async with SlackSimulator(clock=clock, enforce_limits=True) as slack:
        web = client_of(slack)
        for number in range(72):
            await web.chat_postMessage(channel="#general", text=str(number))
        with pytest.raises(SlackApiError) as caught:
            await web.chat_postMessage(channel="#general", text="too many")
        slack.workspace.channel("random")
        await web.chat_postMessage(channel="#random", text="elsewhere")
        await clock.advance(60)
        await web.chat_postMessage(channel="#general", text="later")

    answer = caught.value.response
    assert (429, "60", "ratelimited") == (answer.status_code, answer.headers["Retry-After"], answer["error"])


async def test_ordered_faults_look_like_slacks_own(slack: SlackSimulator, web: AsyncWebClient) -> None:
    """The lost answer has posted its message; the expired token comes with status 200."""
    for fault in (
        Fault(kind="rate_limit", where="chat.postMessage", after_s=7),
        Fault(kind="status", where="chat.postMessage", status=503),
        Fault(kind="status", where="chat.postMessage", status=401),
        Fault(kind="lost_answer", where="chat.postMessage"),
    ):
        slack.fail(fault)
    web.retry_handlers.clear()
    with pytest.raises(SlackApiError) as limited:
        await web.chat_postMessage(channel="#general", text="x")
    with pytest.raises(SlackApiError) as broken:
        await web.chat_postMessage(channel="#general", text="x")
    expired = await refusal(web.chat_postMessage(channel="#general", text="x"))
    with pytest.raises(aiohttp.ClientConnectionError):
        await web.chat_postMessage(channel="#general", text="done")

    assert ("7", 503) == (limited.value.response.headers["Retry-After"], broken.value.response.status_code)
    assert ("token_expired", ["done"]) == (expired["error"], [one.text for one in await slack.seen("ada")])


async def test_people_groups_and_channels_are_known(slack: SlackSimulator, web: AsyncWebClient) -> None:
    """Ids are what counts; names are for people."""
    channel = await general(slack)
    group = slack.workspace.group("ops", "ada")
    ada = slack.workspace.person("ada").id

    assert [ada] == (await web.usergroups_users_list(usergroup=group.id))["users"]
    assert ["ops"] == [one["handle"] for one in (await web.usergroups_list())["usergroups"]]
    assert "ada" == (await web.users_info(user=ada))["user"]["name"]
    assert {slack.workspace.bot.id, ada} == set((await web.conversations_members(channel=channel))["members"])
    assert ["general"] == [one["name"] for one in (await web.users_conversations())["channels"]]
    opened = (await web.conversations_open(users=ada, return_im=True))["channel"]
    assert (True, ada) == (opened["is_im"], opened["user"])
    assert ("Simulate", slack.workspace.bot_id) == (
        (await web.team_info())["team"]["name"],
        (await web.bots_info(bot=slack.workspace.bot_id))["bot"]["id"],
    )


async def test_reactions_are_added_once(slack: SlackSimulator, web: AsyncWebClient) -> None:
    """A second time is refused, as is a sign where Slack wants a name."""
    channel, message = await general(slack), await slack.say("ada", "x")
    await web.reactions_add(channel=channel, timestamp=message, name="eyes")
    errors = [
        (await refusal(web.reactions_add(channel=channel, timestamp=message, name=name)))["error"]
        for name in ("eyes", "👀")
    ]
    seen = (await slack.seen("ada"))[-1].reactions
    await web.reactions_remove(channel=channel, timestamp=message, name="eyes")

    assert ["already_reacted", "invalid_name"] == errors
    assert (("👀",), ()) == (seen, (await slack.seen("ada"))[-1].reactions)


async def test_a_stream_is_written_piece_by_piece_and_then_closed(
    slack: SlackSimulator, web: AsyncWebClient
) -> None:
    """It cannot be edited meanwhile, nor written on afterwards; in a channel it names for whom it is."""
    channel, asked = await general(slack), await slack.say("ada", "q")
    errors = [(await refusal(web.chat_startStream(channel=channel, thread_ts=asked)))["error"]]
    to = {"recipient_user_id": slack.workspace.person("ada").id, "recipient_team_id": slack.workspace.team_id}
    stream = await web.chat_startStream(channel=channel, thread_ts=asked, **to)
    await web.chat_appendStream(channel=channel, ts=stream["ts"], markdown_text="**Two** ")
    errors.append((await refusal(web.chat_update(channel=channel, ts=stream["ts"], text="x")))["error"])
    await web.chat_stopStream(channel=channel, ts=stream["ts"], markdown_text="parts")
    late = web.chat_appendStream(channel=channel, ts=stream["ts"], markdown_text="!")
    errors.append((await refusal(late))["error"])

    assert [
        "missing_recipient_user_id",
        "streaming_state_conflict",
        "message_not_in_streaming_state",
    ] == errors
    assert "Two parts" == (await slack.seen("ada"))[-1].text


async def test_a_stream_ends_by_itself_after_five_minutes() -> None:
    """Then it can be edited, and no more be written on."""
    clock = FakeClock()
    async with SlackSimulator(clock=clock) as slack:
        web = client_of(slack)
        asked = await slack.say("ada", "q", where="direct")
        channel = slack.workspace.place("direct", "ada").id
        stream = await web.chat_startStream(channel=channel, thread_ts=asked, markdown_text="Two")
        await clock.advance(301)
        late = web.chat_appendStream(channel=channel, ts=stream["ts"], markdown_text=" parts")
        error = (await refusal(late))["error"]
        await web.chat_update(channel=channel, ts=stream["ts"], text="Two parts")

        assert "message_not_in_streaming_state" == error
        assert "Two parts" == (await slack.seen("ada", where="direct"))[-1].text
