"""Drive a plain bolt app against the simulator: it owes nothing to our adapter."""

import pytest
from slack_bolt.app.async_app import AsyncApp
from tests.bot.testing.simulator.slack.conftest import bolt

from quarterdeck.testing.simulator.platform import SeenButton
from quarterdeck.testing.simulator.slack import SlackSimulator

CARD = [
    {"type": "section", "text": {"type": "mrkdwn", "text": "*Deploy* `api`?"}},
    {
        "type": "actions",
        "elements": [
            {
                "type": "button",
                "action_id": "go",
                "value": "api",
                "text": {"type": "plain_text", "text": "Deploy"},
            },
            {
                "type": "button",
                "action_id": "no",
                "style": "danger",
                "text": {"type": "plain_text", "text": "Cancel"},
            },
        ],
    },
]
FORM = {
    "type": "modal",
    "callback_id": "release",
    "title": {"type": "plain_text", "text": "Release"},
    "submit": {"type": "plain_text", "text": "Send"},
    "blocks": [
        {
            "type": "input",
            "block_id": "version",
            "label": {"type": "plain_text", "text": "Version"},
            "element": {"type": "plain_text_input", "action_id": "v", "max_length": 8},
        },
        {
            "type": "input",
            "block_id": "place",
            "optional": True,
            "label": {"type": "plain_text", "text": "Place"},
            "element": {
                "type": "static_select",
                "action_id": "p",
                "options": [
                    {"text": {"type": "plain_text", "text": name}, "value": name.lower()}
                    for name in ("Staging", "Production")
                ],
            },
        },
    ],
}


def _answer_messages(app: AsyncApp) -> None:
    @app.event("app_mention")
    async def mentioned(event, say):
        await say(text=f"Hello <@{event['user']}>", thread_ts=event["ts"])

    @app.event("message")
    async def said(event, say):
        if event["channel_type"] == "im" and "bot_id" not in event:
            await say(text=f"You said {event['text']}")


async def test_a_mention_is_answered_in_its_thread(slack: SlackSimulator) -> None:
    """The mention comes beside the message event; the answer pings who asked."""
    async with bolt(slack) as app:
        _answer_messages(app)
        asked = await slack.say("ada", "@bot hello")
        seen = await slack.wait_for("ada", "Hello")

    ada = slack.workspace.person("ada").id
    assert ("Hello @ada", asked, (ada,), "bot", ()) == (
        seen.text,
        seen.thread,
        seen.pings,
        seen.author,
        slack.refusals(),
    )


async def test_direct_messages_are_answered_there(slack: SlackSimulator) -> None:
    """What a person types arrives escaped, and an answer reads as it was typed."""
    async with bolt(slack) as app:
        _answer_messages(app)
        await slack.say("ada", "a < b & c", where="direct")
        seen = await slack.wait_for("ada", "You said", where="direct")

    assert ("You said a < b & c", []) == (seen.text, await slack.seen("bo", where="direct"))


async def test_a_command_is_answered_in_its_acknowledgement_and_later(slack: SlackSimulator) -> None:
    """The acknowledgement whispers; the response address may speak to all."""
    async with bolt(slack) as app:

        @app.command("/echo")
        async def echo(ack, command, respond):
            await ack(f"Working on {command['text']}")
            await respond(text=command["text"], response_type="in_channel")

        await slack.command("ada", "echo", "hello")
        whispered = await slack.wait_for("ada", "Working on")
        said = await slack.wait_for("bo", "hello")

    ada = slack.workspace.person("ada").id
    assert [("Working on hello", ada), ("hello", "")] == [(one.text, one.to) for one in (whispered, said)]


async def test_a_button_is_pressed_and_its_message_changes(slack: SlackSimulator) -> None:
    """Only the original changes; nothing new is posted."""
    async with bolt(slack) as app:

        @app.action("go")
        async def go(ack, action, respond):
            await ack()
            await respond(text=f"Deployed {action['value']}", replace_original=True)

        await app.client.chat_postMessage(channel="#general", text="card", blocks=CARD)
        card = await slack.wait_for("ada", "Deploy api?")
        await slack.press("ada", "Deploy")
        changed = await slack.wait_for("bo", "Deployed api")

    assert (SeenButton(label="Deploy"), SeenButton(label="Cancel", danger=True)) == card.buttons
    assert (card.id, 1, ()) == (changed.id, changed.edits, slack.refusals())


async def test_a_form_is_opened_refused_and_taken(slack: SlackSimulator) -> None:
    """It stays open with the bot's words until it is right."""
    sent = []
    async with bolt(slack) as app:

        @app.command("/release")
        async def release(ack, command, client):
            await ack()
            await client.views_open(trigger_id=command["trigger_id"], view=FORM)

        @app.view("release")
        async def submitted(ack, view):
            values = view["state"]["values"]
            if values["version"]["v"]["value"] == "1":
                await ack(response_action="errors", errors={"version": "too old"})
                return
            await ack()
            sent.append((values["version"]["v"]["value"], values["place"]["p"]["selected_option"]["value"]))

        await slack.command("ada", "release", "")
        await slack.workspace.changes.until(
            lambda: slack.site.forms.top(slack.workspace.person("ada").id), timeout_s=10, what="a form"
        )
        await slack.submit("ada", {"Version": "1"})
        refused = await slack.form("ada")
        await slack.submit("ada", {"Version": "2", "Place": "Staging"})

    assert refused is not None
    assert ("Release", {"Version": "too old"}) == (refused.title, refused.errors)
    assert ("static_select", "Staging", "Production") == refused.inputs["Place"]
    assert ([("2", "staging")], None, ()) == (sent, await slack.form("ada"), slack.refusals())


async def test_the_client_itself_keeps_people_from_sending_nonsense(slack: SlackSimulator) -> None:
    """It knows what is required, how long a text may be and what a menu offers."""
    slack.site.forms.open(slack.workspace.person("ada").id, FORM)

    for values, words in (
        ({}, "required"),
        ({"Version": "123456789"}, "between 0 and 8"),
        ({"Version": "1", "Place": "Mars"}, "does not offer"),
    ):
        with pytest.raises(ValueError, match=words):
            await slack.submit("ada", values)
    with pytest.raises(LookupError, match="no input 'Colour'"):
        await slack.submit("ada", {"Colour": "red"})


async def test_reactions_edits_and_deletions_reach_the_app(slack: SlackSimulator) -> None:
    """Each has an event of its own."""
    got = []
    async with bolt(slack) as app:

        @app.event("reaction_added")
        async def reacted(event):
            got.append(("reaction", event["reaction"]))
            slack.workspace.tell()

        @app.event("message")
        async def said(event):
            got.append((event.get("subtype", "new"), event.get("message", event).get("text")))
            slack.workspace.tell()

        message = await slack.say("ada", "one")
        await slack.react("bo", message, "👀")
        await slack.edit("ada", message, "two")
        await slack.delete("ada", message)
        await slack.workspace.changes.until(lambda: len(got) == 4, timeout_s=10, what=lambda: str(got))

    expected = {("new", "one"), ("reaction", "eyes"), ("message_changed", "two"), ("message_deleted", None)}
    assert expected == set(got)


async def test_a_command_that_nobody_registered_is_the_clients_to_refuse() -> None:
    """With `/qd` in the manifest, the others go through it; Slack's own names always do."""
    async with SlackSimulator(commands=["ping"]) as slack:
        with pytest.raises(LookupError, match="not a valid command"):
            await slack.command("ada", "echo", "x")
    async with SlackSimulator(commands=["qd", "ping", "status"]) as slack:
        for name in ("ping", "echo", "status"):
            await slack.command("ada", name, "x")

        sent = [(one.payload["command"], one.payload["text"]) for one in slack.deliveries.all]

    assert [("/ping", "x"), ("/qd", "echo x"), ("/qd", "status x")] == sent


async def test_who_gets_no_answer_is_told_so_by_slack(slack: SlackSimulator) -> None:
    """Nobody is connected."""
    await slack.command("ada", "ping", "")

    seen = await slack.wait_for("ada", "dispatch_failed")

    assert ("USLACKBOT", slack.workspace.person("ada").id) == (seen.author, seen.to)
