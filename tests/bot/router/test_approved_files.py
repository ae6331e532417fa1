"""Prove that what comes with files is approved with these bytes, and with no others."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.bot.router.conftest import Bot, MakeBot

from quarterdeck.commands.approve import COMMAND as APPROVE
from quarterdeck.core.adapter import Ability
from quarterdeck.core.command import Call, Command, Option
from quarterdeck.core.errors import Unavailable
from quarterdeck.core.image import Enclosed
from quarterdeck.core.message import Attachment, Conversation
from quarterdeck.core.person import Identity
from quarterdeck.core.reply import Reply
from quarterdeck.router.approvals.files import MOST_FILES
from quarterdeck.router.policy.reading import read_policy

POLICY = """
rules:
  - name: uploads need a second pair of eyes
    allow: /upload
    role: operator
    approval: {by: "role:admin"}
"""
PLAN = Attachment(name="plan.txt", media_type="text/plain", size_bytes=5, url="handle-of-the-platform")


class Shelf:
    """Give files as a platform does, and break as one does."""

    def __init__(self, files: Mapping[str, bytes]) -> None:
        self.files, self.fetched = dict(files), 0

    async def fetch(
        self, attachment: Attachment, conversation: Conversation, *, limit_bytes: int
    ) -> Enclosed:
        """Return the bytes."""
        self.fetched += 1
        if attachment.url not in self.files:
            raise Unavailable("the file is gone", service="fake")
        return Enclosed(media_type=attachment.media_type, content=self.files[attachment.url])


class Office:
    """Hold a bot that takes uploads once an admin agrees."""

    def __init__(self, bot: Bot, shelf: Shelf, done: list[Any]) -> None:
        self.bot, self.shelf, self.done = bot, shelf, done

    async def upload(self, *files: Attachment) -> None:
        """Write `/upload` with files."""
        posted = self.bot.platform.posted("/upload", event_id="u1", user="OP")
        await self.bot.inbox.accept(replace(posted, message=replace(posted.message, attachments=files)))
        await self.bot.settled()

    async def agree(self) -> None:
        """Let the admin agree to what waits."""
        (pending,) = await self.bot.approvals._rows.open()
        await self.bot.say(f"/approve {pending.id}", user="AD")

    def shown(self) -> str:
        """Return all that people see."""
        return "\n".join(self.bot.platform.shown())


@pytest.fixture
async def office(make_bot: MakeBot, tmp_path: Path) -> AsyncIterator[Office]:
    done: list[Any] = []

    async def upload(call: Call) -> Reply:
        done.append((call.text("file"), call.attachments))
        return Reply(text="Uploaded.")

    file = Option(name="file", summary="Which", kind="file", required=True)
    command = Command(name="upload", summary="Upload", handler=upload, options=(file,), effect="write")
    bot = make_bot([command, APPROVE], abilities=[Ability.EDIT, Ability.BUTTONS, Ability.FILES])
    shelf = Shelf({PLAN.url: b"hello"})
    services: Any = bot
    services.attached = shelf
    policy = tmp_path / "policy.yaml"
    policy.write_text(POLICY)
    bot.authoriser.policy = read_policy(policy)
    for name, role in (("OP", "operator"), ("AD", "admin")):
        await bot.people_rows.grant(Identity(platform="fake", user_id=name), role, now_ms=1)
    async with bot.live():
        yield Office(bot, shelf, done)


async def test_the_card_shows_the_files_and_the_command_gets_them(office: Office) -> None:
    """Approvers can compare what they were sent; where it lies is not told."""
    await office.upload(PLAN)
    card = office.shown()
    await office.agree()

    assert f"plan.txt (5 bytes, SHA-256 {hashlib.sha256(b'hello').hexdigest()})" in card
    assert "handle-of-the-platform" not in card
    assert [("plan.txt", (PLAN,))] == office.done


async def test_a_file_that_changed_since_runs_nothing(office: Office) -> None:
    """What was approved is these bytes."""
    await office.upload(PLAN)
    office.shelf.files[PLAN.url] = b"hellO"
    await office.agree()

    assert [] == office.done
    assert "no longer allowed; nothing was done" in office.shown()


async def test_a_file_that_is_gone_runs_nothing_and_says_so(office: Office) -> None:
    """The request is over, not granted for ever."""
    await office.upload(PLAN)
    office.shelf.files.clear()
    await office.agree()

    assert [] == office.done
    assert "The file is gone" in office.shown()
    assert [] == list(await office.bot.approvals._rows.open())


async def test_too_many_files_are_refused_with_the_bound(office: Office) -> None:
    """A card is to be read."""
    await office.upload(*(replace(PLAN, name=f"{n}.txt") for n in range(MOST_FILES + 1)))

    assert f"send at most {MOST_FILES} files" in office.shown().lower()
    assert ([], 0) == (office.done, office.shelf.fetched)
