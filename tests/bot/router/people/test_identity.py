"""Who somebody is follows from the platform's immutable id, and from nothing that only looks like it."""

from __future__ import annotations

import asyncio
import itertools
from pathlib import Path

import pytest

from quarterdeck.core.access import AccessRequest
from quarterdeck.core.errors import SetupError, UsageError
from quarterdeck.core.person import Identity, Person
from quarterdeck.router.people.identity import Directory
from quarterdeck.router.policy.groups import Group, GroupMap
from quarterdeck.router.policy.reading import read_policy
from quarterdeck.runtime.settings import SettingsInvalid, load_settings
from quarterdeck.store.people.people import PersonRow, StoredPeople

ANNA, OWNER = "slack:T1:U1", "slack:T1:U9"
HOMOGLYPHS = (
    "\u0455\u04cf\u0430\u0441k\u0422U\uff11\uff19\u0131"  # Cyrillic and full-width signs that look like ours
)
LOOK_ALIKES = [
    form
    for base in (ANNA, OWNER)
    for form in {
        *(
            base[:at] + sign + base[at:]
            for at in range(len(base) + 1)
            for sign in "\u200b\u200d\u202e\ufeff "
        ),
        *(base.replace(*pair) for pair in itertools.product("slackTU19", HOMOGLYPHS)),
        base.upper(),
        base.lower(),
        base.title(),
        base + ":",
        base + "\n",
        base + "\x00",
        f"{base}/..",
    }
    if form not in (ANNA, OWNER)
]


class Rows:
    """Know nobody but one admin."""

    anna = PersonRow(person=Person(id="1", name="Anna", role="admin"), identities=(ANNA,))

    async def known(self, identity: Identity) -> PersonRow | None:
        """Return her."""
        return self.anna if str(identity) == ANNA else None

    async def all(self) -> list[PersonRow]:
        """Return her."""
        return [self.anna]


def directory(**options: object) -> Directory:
    """Return a directory of one admin and one owner of the settings."""
    groups = GroupMap([Group(name="leads", people=frozenset({ANNA, OWNER}), role="owner")])
    return Directory(Rows(), owners={Identity.parse(OWNER): "Olga"}, groups=lambda: groups, **options)  # type: ignore[arg-type]


async def test_accounts_that_look_alike_are_nobody(tmp_path: Path) -> None:
    """T14: homoglyphs, invisible signs, other case, under the same name: no match among hundreds, by no way."""
    file = tmp_path / "policy.yaml"
    file.write_text(f"rules: [{{name: r, allow: /deploy, person: [{ANNA}, {OWNER}]}}]", "utf-8")
    policy, people, matches = read_policy(file), directory(), []
    for form in LOOK_ALIKES:
        parts = [*form.split(":", 2), "", ""][:3]
        identity = Identity(
            platform=parts[0], workspace=parts[1], user_id=parts[2]
        )  # as an adapter would say it
        person = await people.person_of(identity, name="Anna")
        wish = AccessRequest(person=person, identity=identity, action="command:deploy", way="message")
        if person.role != "none" or person.groups or policy.decide(wish).allowed:
            matches.append(form)

    assert len(LOOK_ALIKES) >= 300
    assert [] == matches


def test_a_look_alike_that_is_written_down_is_refused_or_is_somebody_else(tmp_path: Path) -> None:
    """In settings, in a policy, on a command line: an account that nobody has would be a door that nobody sees."""
    file, accepted = tmp_path / "policy.yaml", set()
    for form in LOOK_ALIKES:
        try:
            accepted.add(str(Identity.written(form)))
        except UsageError:
            assert form.isprintable() is False or not form.isascii() or " " in form, form
            quoted = "".join(f"\\u{ord(sign):04x}" for sign in form)
            file.write_text(f'rules: [{{name: r, allow: /a, person: "{quoted}"}}]', "utf-8")
            with pytest.raises(SetupError):
                read_policy(file)

    assert not accepted & {ANNA, OWNER}


@pytest.mark.parametrize("name", ["anna", "@anna", "slack:T1:@anna", "sl\u0430ck:T1:U1", "slack:T1:U1\u200b"])
def test_the_settings_take_no_names(tmp_path: Path, name: str) -> None:
    """A name can be given up and taken by somebody else."""
    (tmp_path / "quarterdeck.yaml").write_text(f'access: {{owners: ["{name}"]}}', "utf-8")

    with pytest.raises(SettingsInvalid, match="is not an identity"):
        load_settings(tmp_path / "quarterdeck.yaml", {})


async def test_owners_of_the_settings_are_owners_whatever_the_database_says() -> None:
    """Nobody is locked out of their own machine."""
    people = Directory(Rows(), owners={Identity.parse(ANNA): ""})
    person = await people.person_of(Identity.parse(ANNA))

    assert ("1", "Anna", "owner") == (person.id, person.name, person.role)


@pytest.mark.parametrize("default", ["none", "viewer"])
async def test_who_was_never_met_has_the_default_role(default: str) -> None:
    """`none` unless the operator opens the door; to services it stays closed."""
    people = directory(default_role=default)
    person = await people.person_of(Identity.parse("discord::7"), name="Ben")
    hook = await people.person_of(Identity.parse("hook::deploys"))

    assert (default, "discord::7", "Ben") == (person.role, person.id, person.name)
    assert ("none", True) == (hook.role, hook.is_service)


async def test_owners_and_admins_are_who_can_help() -> None:
    """`/why` names them."""
    assert ("Olga", "Anna") == await directory().stewards()


async def test_people_are_read_once_and_anew_after_each_change(store) -> None:
    """Every event asks; the database is not read for it, and what is changed holds at once."""
    people, reads = StoredPeople(store), 0
    read = store.read

    async def counting(job):
        nonlocal reads
        reads += 1
        return await read(job)

    store.read = counting
    anna = Identity.parse(ANNA)
    for role in ("viewer", "admin", "operator"):
        await people.grant(anna, role, now_ms=1)
        for _ in range(100):
            found = await people.known(anna)
            assert found is not None
            assert role == found.person.role

    assert 3 == reads


async def test_a_change_holds_although_nobody_waited_for_it(store) -> None:
    """Who asked may have gone; what was changed must not be forgotten with them."""
    people, anna = StoredPeople(store), Identity.parse(ANNA)
    await people.grant(anna, "admin", now_ms=1)
    await people.known(anna)
    revoking = asyncio.create_task(people.revoke(anna))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    revoking.cancel()
    await asyncio.gather(revoking, return_exceptions=True)
    await asyncio.gather(*people._writes)
    found = await people.known(anna)

    assert found is not None
    assert "none" == found.person.role


async def test_what_was_read_while_somebody_was_changed_is_not_kept(store) -> None:
    """A slow reader must not bring an old role back."""
    people, anna, read = StoredPeople(store), Identity.parse(ANNA), store.read
    await people.grant(anna, "admin", now_ms=1)
    was_read, go_on = asyncio.Event(), asyncio.Event()

    async def slow(job):
        found = await read(job)
        was_read.set()
        await go_on.wait()
        return found

    store.read = slow
    reading = asyncio.create_task(people.known(anna))
    await was_read.wait()
    store.read = read
    await people.revoke(anna)
    go_on.set()
    await reading
    found = await people.known(anna)

    assert found is not None
    assert "none" == found.person.role
