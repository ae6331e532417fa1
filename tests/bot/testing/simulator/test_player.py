"""Prove that transcripts are played as written, with a plain bolt app in the place of our bot."""

import pytest
from tests.bot.testing.simulator.slack.conftest import bolt

from quarterdeck.testing.simulator.player import Played, Player
from quarterdeck.testing.simulator.slack import SlackSimulator
from quarterdeck.testing.simulator.transcript import Transcript


class Ended:
    """Note how the bot is ended and started."""

    def __init__(self) -> None:
        self.acts: list[str] = []

    async def start(self) -> None:
        self.acts.append("start")

    async def stop(self, *, kill: bool = False) -> None:
        self.acts.append("kill" if kill else "stop")


async def played(steps: list[object], *, bot: Ended | None = None, is_recording: bool = False) -> Played:
    """Play steps against a bot that says back what it hears, and offers a button."""
    transcript = Transcript.model_validate({"title": "T", "people": {"ada": "owner"}, "steps": steps})
    async with SlackSimulator() as slack, bolt(slack) as app:

        @app.event("message")
        async def said(event, say, client):
            if "bot_id" in event or event.get("subtype") == "message_changed":
                return
            text = event.get("text", "")
            if text == "button":
                words = {"type": "plain_text", "text": "Go"}
                await say(
                    text="card",
                    blocks=[
                        {
                            "type": "actions",
                            "elements": [{"type": "button", "action_id": "go", "text": words}],
                        }
                    ],
                )
            elif text == "wrong":
                await client.api_call("chat.postMessage", json={"channel": event["channel"], "text": " "})
            else:
                await say(text=f"You said {text}", thread_ts=event.get("thread_ts"))

        @app.action("go")
        async def go(ack, respond):
            await ack()
            await respond(text="gone", replace_original=True)

        return await Player(transcript, slack, bot or Ended(), is_recording=is_recording).play()


async def test_what_people_see_is_as_expected() -> None:
    """New messages, changed ones, buttons, names for messages, restarts, steps for others."""
    bot = Ended()
    found = await played(
        [
            {"say": "hello", "name": "mine"},
            {"expect": [{"text": "You said {any}", "name": "yours"}]},
            {"say": "more", "thread": "mine"},
            {"expect": [{"text": "You said more", "thread": "mine"}]},
            {"react": "👀", "to": "yours"},
            {"expect": [{"text": "You said hello", "reactions": ["👀"]}]},
            {"say": "only there", "on": ["discord"]},
            {"restart": "kill"},
            {"stop": "stop"},
            {"start": True},
            {"say": "button"},
            {"press": "Go"},
            {"expect": [{"text": "gone", "edited": True}]},
        ],
        bot=bot,
    )

    assert ("", (), 12) == (found.difference, found.refused, len(found.steps))
    assert ["kill", "start", "stop", "start"] == bot.acts


@pytest.mark.parametrize(
    ("steps", "words"),
    [
        ([{"say": "a"}, {"expect": [{"text": "You said b"}], "timeout_s": 0.3}], "+- text: You said a"),
        (
            [
                {"say": "a"},
                {"expect": [{"text": "You said a"}]},
                {"expect": [{"text": "b"}], "timeout_s": 0.3},
            ],
            "-- text",
        ),
        ([{"press": "Go", "timeout_s": 0.3}], "sees no button 'Go'"),
        ([{"form": {"title": "T", "inputs": []}, "timeout_s": 0.3}], "sees no form"),
        ([{"react": "👀", "to": "nothing"}], "no message is called 'nothing'"),
    ],
)
async def test_the_first_difference_ends_it_and_says_where(steps: list[object], words: str) -> None:
    """With the number of the step."""
    found = await played(steps)

    assert found.difference.startswith(f"step {len(steps)} (")
    assert words in found.difference
    assert not found.has_passed


async def test_what_the_platform_refuses_fails_the_transcript() -> None:
    """Though nobody sees anything of it."""
    found = await played([{"say": "wrong"}, {"say": "a"}, {"expect": [{"text": "You said a"}]}])

    assert ("", ("chat.postMessage: no_text",), False) == (found.difference, found.refused, found.has_passed)


async def test_recording_writes_down_what_people_see() -> None:
    """In place of what was expected."""
    found = await played([{"say": "a"}, {"expect": []}], is_recording=True)

    assert [{"say": "a"}, {"expect": [{"text": "You said a"}]}] == found.steps
