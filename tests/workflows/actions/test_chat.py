"""Speak through the real outbox: once, in the right place, with the right of the run's person."""

from __future__ import annotations

import pytest
from tests.workflows.actions.conftest import Bench

from quarterdeck.core.errors import Denied, NotFound, Unavailable, UsageError
from quarterdeck.core.person import Person
from quarterdeck.core.reply import Reply


async def test_a_step_that_runs_twice_posts_once(bench: Bench) -> None:
    """A crash after the send must not greet a channel twice."""
    first = await bench.do("chat.send", text="**Hello**")
    second = await bench.do("chat.send", text="**Hello**")
    await bench.settled()

    assert {"message": "run-1/0", "conversation": "fake:general"} == first == second
    assert ["**Hello**"] == bench.platform.texts()


async def test_a_message_is_changed_in_its_place(bench: Bench) -> None:
    """One progress message, not twenty."""
    sent = await bench.do("chat.send", key="a", text="1 of 2")
    await bench.settled()
    changed = await bench.do("chat.edit", key="b", message=sent["message"], text="2 of 2")
    await bench.do(
        "chat.edit",
        key="c",
        message=changed["message"],
        text="done",
        fields=[{"label": "Took", "value": "3 s"}],
    )
    await bench.settled()

    assert ["done\n\n- **Took**: 3 s"] == bench.platform.shown()


async def test_a_reaction_waits_for_the_message_that_it_belongs_to(bench: Bench) -> None:
    """A workflow reacts right after it posts."""
    sent = await bench.do("chat.send", key="a", text="Ship it?")
    shown = await bench.do("chat.react", key="b", message=sent["message"], emoji="✅")
    await bench.do("chat.react", key="c", message="platform-7", emoji="👀")

    assert {"shown": True} == shown
    assert [("m1", "✅"), ("platform-7", "👀")] == bench.platform.reactions


async def test_a_reaction_to_what_never_arrived_says_so(bench: Bench) -> None:
    """It is not put under something else."""
    bench.platform.failures.append(ValueError("the socket broke"))
    sent = await bench.do("chat.send", key="a", text="Ship it?")
    await bench.settled()

    with pytest.raises(Unavailable, match="has not arrived"):
        await bench.do("chat.react", key="b", message=sent["message"], emoji="✅")


async def test_a_platform_without_reactions_says_that_nothing_was_shown(bench: Bench) -> None:
    """The workflow goes on: the console has none."""
    bench.platform.abilities = frozenset()

    assert {"shown": False} == await bench.do("chat.react", message="m1", emoji="✅")


async def test_files_of_the_run_are_uploaded(bench: Bench) -> None:
    """And only those."""
    await bench.do("file.write", file="out/rows.csv", content="a,b\r\n")
    sent = await bench.do("chat.upload", files=["out/rows.csv"], text="Here")
    await bench.settled()

    assert ("run-1/0", ["Here"]) == (sent["message"], bench.platform.texts())
    with pytest.raises(UsageError):
        await bench.do("chat.upload", key="x", files=["../quarterdeck.db"])


async def test_another_conversation_is_asked_for_anew(bench: Bench) -> None:
    """Rules may be about places; a run's right to speak is not one to speak everywhere."""
    bench.platform.conversation("ops", "group")
    with pytest.raises(NotFound, match="no conversation"):
        await bench.do("chat.send", text="hi", to="fake:nowhere")
    place = bench.platform.conversation("ops", "group")
    await bench.call().services.outbox.send(place, Reply(text="before"), key="k0")
    await bench.settled()

    await bench.do("chat.send", key="k1", text="hi", to=place.id)
    await bench.settled()
    bench.person = Person(id="p2", name="Ben", role="viewer")
    with pytest.raises(Denied):
        await bench.do("chat.send", key="k2", text="hi", to=place.id)

    assert ["before", "hi"] == [one.text for one in bench.platform.sent if one.conversation == place.id]
