"""The whole program: an invitation by mail and a Slack member with the same confirmed address become one person."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import aiohttp
import pytest
from tests.e2e.conftest import free_port

from quarterdeck.runtime.control import connect
from quarterdeck.testing.simulator.bot import ChildBot
from quarterdeck.testing.simulator.slack.api.server import SCOPES
from quarterdeck.testing.simulator.slack.simulator import SlackSimulator

pytestmark = pytest.mark.slow
WAIT_S = 40.0
ADDRESS = "anna@example.com"


class House:
    """Hold the bot, its Slack workspace and its own page."""

    def __init__(self, folder: Path, slack: SlackSimulator, port: int) -> None:
        self.folder, self.slack, self.url = folder, slack, f"http://127.0.0.1:{port}"

    async def call(self, operation: str, **parameters: Any) -> Any:
        """Ask the program for an operation, as its owner."""
        async with connect(self.folder / "data" / "control.sock") as client:
            return await client.call(operation, parameters)

    async def join(self, name: str, email: str) -> None:
        """Make a web account by an invitation that was sent to `email`, and write once from it."""
        invited = await self.call("person.invite", role="operator", name=name, email=email)
        async with aiohttp.ClientSession(headers={"Origin": self.url}) as session:
            claim = {"code": invited["code"], "name": name, "password": "a sentence that nobody guesses"}
            async with session.post(f"{self.url}/sign-in/code", json=claim) as answer:
                assert 200 == answer.status, await answer.text()
        made = await self.call("token.create", person=f"web::{name}", name="test")
        headers = {"Authorization": f"Bearer {made['token']}", "Idempotency-Key": f"{name}-1"}
        address = f"{self.url}/api/v1/conversations/home/messages"
        async with (
            aiohttp.ClientSession(headers=headers) as session,
            session.post(address, json={"text": "/ping"}) as answer,
        ):
            assert 202 == answer.status, await answer.text()

    async def sees(self, text: str) -> str:
        """Return what the bot told anna in Slack, once she sees it."""
        return (await self.slack.wait_for("anna", text, where="direct", timeout_s=WAIT_S)).text


async def show(house: House, identity: str) -> Mapping[str, Any]:
    """Return who an account is."""
    return cast("Mapping[str, Any]", await house.call("person.show", person=identity))


async def test_from_the_invitation_to_the_unlinking(tmp_path: Path) -> None:
    """Joined, told, shown by /whoami, on record, parted by hand, and apart from then on."""
    port = free_port()
    settings = {"access.emails.domains": '["example.com"]', "http.port": port}
    async with SlackSimulator(scopes=SCOPES | {"users:read.email"}) as slack:
        slack.site.workspace.person("anna").email = ADDRESS
        anna = slack.identity("anna")
        async with ChildBot(tmp_path, slack.environment(), settings):
            house = House(tmp_path, slack, port)
            await slack.ready(WAIT_S)
            await house.join("anna", ADDRESS)
            await slack.say("anna", "/whoami", where="direct")
            whoami = await house.sees(f"each has proven {ADDRESS}")
            told = await house.sees("have proven the same mail address")
            joined = await show(house, anna)

            await slack.say("anna", f"/link remove {anna}", where="direct")
            await house.sees("is no account of yours any more")
            await slack.say("anna", "/whoami", where="direct")
            stranger = await show(house, anna)
            rows = await house.call("audit.export")

    assert ("operator", [anna, "web::anna"]) == (joined["role"], joined["identities"])
    assert "web::anna" in whoami
    assert "web::anna" in told
    assert ("none", [anna]) == (stranger["role"], stranger["identities"])
    assert 1 == str(rows).count("linked by e-mail")


async def test_a_guest_of_the_workspace_stays_a_stranger(tmp_path: Path) -> None:
    """The same address on a guest's account proves nothing."""
    port = free_port()
    settings = {"access.emails.domains": '["example.com"]', "http.port": port}
    async with SlackSimulator(scopes=SCOPES | {"users:read.email"}) as slack:
        guest = slack.site.workspace.person("anna")
        guest.email, guest.marks = ADDRESS, frozenset({"is_email_confirmed", "is_restricted"})
        async with ChildBot(tmp_path, slack.environment(), settings):
            house = House(tmp_path, slack, port)
            await slack.ready(WAIT_S)
            await house.join("anna", ADDRESS)
            await slack.say("anna", "/whoami", where="direct")
            await house.sees("I do not know you")
            found = await show(house, slack.identity("anna"))

    assert "none" == found["role"]
