"""Answers lead on: sources, more, a verdict; and what only the asker may read is for the asker alone."""

from dataclasses import replace
from pathlib import Path

import pytest
from tests.bot.rag.conftest import NoModels, ScriptedModels, added

from quarterdeck.core.errors import NotFound
from quarterdeck.core.message import Conversation
from quarterdeck.core.person import Identity, Person
from quarterdeck.core.reply import Reply
from quarterdeck.rag.answering.desk import People
from quarterdeck.rag.knowledge import TeamKnowledge
from quarterdeck.rag.quality.cases import judged_cases
from quarterdeck.rag.retrieval.rights import Readers
from quarterdeck.router.policy.authority import Authority
from quarterdeck.runtime.clock import SystemClock
from quarterdeck.runtime.settings import Settings
from quarterdeck.store.engine import Store
from quarterdeck.store.knowledge.library import KnowledgeLibrary
from quarterdeck.store.knowledge.quality import StoredQuality

QUESTION = "how do I rotate the staging certificate?"
ADA, BOB = (Identity(platform="slack", workspace="T1", user_id=name) for name in ("ADA", "BOB"))
CHANNEL = Conversation(id="slack:T1:C1", platform="slack", kind="group")
PEOPLE = {
    identity: Person(id=str(identity), name="", role=role, identities=frozenset({str(identity)}))
    for identity, role in ((ADA, "admin"), (BOB, "viewer"))
}


async def person_of(identity: Identity, name: str = "", groups=None) -> Person:
    return PEOPLE[identity]


async def members(of: Conversation) -> frozenset[Identity]:
    return frozenset({ADA, BOB})


class Directory:
    """Know two people."""

    person_of = staticmethod(person_of)


async def name_of(person_id: str) -> str:
    return {"slack:T1:ADA": "Ada"}.get(person_id, "")


@pytest.fixture
def rows(store: Store) -> StoredQuality:
    """Return where answers are kept."""
    return StoredQuality(store)


@pytest.fixture
async def make_team(store: Store, rows: StoredQuality, handbook: Path, data: Path):
    """Return the function that makes a knowledge of the handbook for two people who share a channel."""
    made: list[TeamKnowledge] = []

    async def build(models=None, *, audience: str = "public") -> TeamKnowledge:
        people = People(
            rights=Readers(Authority(), Directory(), members), name_of=name_of, person_of=person_of
        )
        library = KnowledgeLibrary(store)
        knowledge = TeamKnowledge(
            library, models or NoModels(), SystemClock(), Settings(data_dir=data), people=people, rows=rows
        )
        made.append(knowledge)
        await added(knowledge.ingest, handbook)
        if audience != "public":
            for document in await library.documents():
                if document.name == "certificates.md":
                    await _share(store, document.id, audience)
        assert await knowledge.vectors.opened()
        return knowledge

    yield build
    for one in made:
        await one.close()


async def _share(store: Store, document_id: str, audience: str) -> None:
    from sqlalchemy import text

    change = text("UPDATE documents SET audience = :audience WHERE id = :id")
    values = {"audience": audience, "id": document_id}
    await store.write("knowledge.stored", lambda connection: connection.execute(change, values))


async def ask(knowledge: TeamKnowledge, who: Identity, question: str = QUESTION, key: str = "e1") -> Reply:
    return await knowledge.ask(question, person=PEOPLE[who], conversation=CHANNEL, key=key)


async def press(knowledge: TeamKnowledge, reply: Reply, wish: str, who: Identity, said: str = "") -> Reply:
    """Do what a button under an answer does: its command line names the answer."""
    assert reply.card is not None
    (button,) = (one for one in reply.card.buttons if one.id == wish)
    _, word, answer_id = button.value.split()
    return await knowledge.follow(
        answer_id, word, person=PEOPLE[who], identity=who, conversation=CHANNEL, said=said
    )  # type: ignore[arg-type]


async def test_below_an_answer_are_its_sources_more_and_two_verdicts(make_team) -> None:
    """Each button is a command line that fits every platform's limit."""
    knowledge = await make_team()
    reply = await ask(knowledge, BOB)
    sources = await press(knowledge, reply, "sources", BOB)
    more = await press(knowledge, reply, "more", BOB)

    assert ["sources", "more", "helpful", "wrong"] == [one.id for one in reply.card.buttons]
    assert max(len(one.value.encode()) for one in reply.card.buttons) <= 64
    assert "certificates.md" in sources.text
    assert "certctl rotate --env staging" in sources.text
    assert sources.text not in more.text


async def test_a_verdict_becomes_a_case(make_team, rows: StoredQuality) -> None:
    """What helped must be found again; what was put right must stand in what is found."""
    knowledge = await make_team()
    helpful = await ask(knowledge, BOB, key="e1")
    wrong = await ask(knowledge, BOB, "when do backups run?", key="e2")
    thanks = await press(knowledge, helpful, "helpful", BOB)
    hint = await press(knowledge, wrong, "wrong", BOB)
    await press(knowledge, wrong, "wrong", BOB, said="Full backups run every night at 02:30.")
    cases = judged_cases(await rows.judged())

    assert BOB == thanks.private_to
    assert "/answer wrong" in hint.text
    assert "certificates.md" in (cases[0].documents or ())
    assert ("Full backups run every night at 02:30.",) == cases[1].facts


async def test_in_a_channel_only_what_all_may_read_and_the_rest_for_the_asker_alone(make_team) -> None:
    """Bob reads along: what only admins may read is not for the channel, but one press away for Ada."""
    knowledge = await make_team(audience="role:admin")
    here = await ask(knowledge, ADA, key="e1")
    alone = await press(knowledge, here, "fuller", ADA)
    bobs = await ask(knowledge, BOB, key="e2")
    pressed_by_bob = await press(knowledge, here, "fuller", BOB)

    assert "certctl" not in here.text
    assert (ADA, True) == (alone.private_to, "certctl rotate --env staging" in alone.text)
    assert "fuller" not in [one.id for one in bobs.card.buttons]
    assert (BOB, False) == (pressed_by_bob.private_to, "certctl" in pressed_by_bob.text)


async def test_a_follow_up_is_understood_by_what_was_asked_here(make_team) -> None:
    """The same person, the same conversation."""
    models = ScriptedModels("NOT FOUND")
    knowledge = await make_team(models)
    first = await ask(knowledge, BOB, key="e1")
    async for _ in first.stream:
        pass
    second = await ask(knowledge, BOB, "how long do I watch it?", key="e2")
    async for _ in second.stream:
        pass

    assert f"The question follows on this one: {QUESTION}" in models.asked[1]
    assert "watch the dashboard for five minutes" in models.asked[1]


async def test_an_answer_of_another_place_is_not_for_everybody(make_team) -> None:
    """Somebody may read an id over a shoulder."""
    knowledge = await make_team()
    reply = await ask(knowledge, ADA)
    answer_id = reply.card.buttons[0].value.split()[-1]
    elsewhere = replace(CHANNEL, id="slack:T1:C2")

    with pytest.raises(NotFound):
        await knowledge.follow(answer_id, "sources", person=PEOPLE[BOB], identity=BOB, conversation=elsewhere)


async def test_where_nothing_is_found_the_nearest_titles_are_named(make_team) -> None:
    """An honest no, and where to look."""
    knowledge = await make_team()
    reply = await ask(knowledge, BOB, "Which certificates do penguins on the moon prefer to eat?")

    assert ("not_found", ["wrong"]) == (reply.status, [one.id for one in reply.card.buttons])
    assert "What comes nearest:" in reply.text


async def test_a_thumb_below_an_answer_is_its_button(make_team) -> None:
    """In any colour and spelling; below anything else, and any other emoji, it is nothing."""
    knowledge = await make_team()
    reply = await ask(knowledge, BOB)
    wrong, helpful = (
        next(one.value for one in reply.card.buttons if one.id == wish) for wish in ("wrong", "helpful")
    )
    means = {"👎": wrong, "👎🏽": wrong, ":-1::skin-tone-3:": wrong, "👍": helpful, "+1": helpful, "🎉": ""}

    assert means == {emoji: await knowledge.meant("e1", emoji, BOB) for emoji in means}
    assert "" == await knowledge.meant("other", "👎", BOB)
