"""Prove with the SDK that files go up in three steps and come down only with the token."""

import aiohttp
import pytest
from slack_sdk.errors import SlackApiError, SlackRequestError
from slack_sdk.web.async_client import AsyncWebClient

from quarterdeck.testing.simulator.slack import SlackSimulator
from quarterdeck.testing.simulator.slack.simulator import BOT_TOKEN


async def test_the_sdk_uploads_and_people_see_it(slack: SlackSimulator, web: AsyncWebClient) -> None:
    """Several files are one message."""
    channel = slack.workspace.place("general", "ada").id
    uploads = [{"filename": "a.txt", "content": "one"}, {"filename": "b.txt", "content": "two"}]
    done = await web.files_upload_v2(channel=channel, initial_comment="Here", file_uploads=uploads)

    seen = (await slack.seen("ada"))[-1]
    described = await web.files_info(file=done["files"][0]["id"])

    assert ("Here", ("a.txt", "b.txt")) == (seen.text, seen.files)
    assert seen.id == described["file"]["shares"]["public"][channel][0]["ts"]
    assert () == slack.refusals()


async def test_a_file_of_another_length_is_refused(slack: SlackSimulator, web: AsyncWebClient) -> None:
    """What was announced counts; what was not uploaded cannot be shared."""
    ticket = await web.files_getUploadURLExternal(filename="a.txt", length=3)
    async with aiohttp.ClientSession() as session, session.post(ticket["upload_url"], data=b"four") as answer:
        status = answer.status
    with pytest.raises(SlackApiError, match="file_not_found"):
        await web.files_completeUploadExternal(files=[{"id": ticket["file_id"]}])
    with pytest.raises((SlackApiError, SlackRequestError)):
        await web.files_getUploadURLExternal(filename="a.txt", length=0)

    assert 400 == status


async def test_a_private_file_comes_with_the_token_and_a_page_to_sign_in_without(
    slack: SlackSimulator, web: AsyncWebClient
) -> None:
    """Slack answers 200 both times: a client has to look at what it got."""
    channel = slack.workspace.place("general", "ada").id
    await slack.say("ada", "look", files=[("notes.txt", b"secret plan")])
    message = (await web.conversations_history(channel=channel))["messages"][0]
    url = message["files"][0]["url_private_download"]
    async with aiohttp.ClientSession() as session:
        got = []
        for headers in ({"Authorization": f"Bearer {BOT_TOKEN}"}, {}):
            async with session.get(url, headers=headers) as answer:
                got.append((answer.status, answer.content_type, await answer.read()))

    assert (200, "text/plain", b"secret plan") == got[0]
    assert (200, "text/html") == got[1][:2]
