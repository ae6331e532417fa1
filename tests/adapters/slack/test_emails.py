"""Prove that only a full member's confirmed address counts, through the real client against the simulator (T14)."""

import json

import pytest
from tests.adapters.slack.conftest import SomeCommands, running

from quarterdeck.core.errors import AuthFailed, ServiceError
from quarterdeck.core.person import Identity
from quarterdeck.testing.simulator.platform import Fault
from quarterdeck.testing.simulator.slack.api.server import SCOPES
from quarterdeck.testing.simulator.slack.simulator import SlackSimulator
from quarterdeck_adapters.slack.manifest import manifest
from quarterdeck_adapters.slack.settings import SlackSettings

CONFIRMED = frozenset({"is_email_confirmed"})
WITH_EMAIL = SCOPES | {"users:read.email"}


async def email_of(simulator: SlackSimulator, **facts: object) -> str:
    """Let anna be as `facts` say, and ask the adapter for her address."""
    anna = simulator.site.workspace.person("anna")
    anna.email = "anna@example.com"
    for name, value in facts.items():
        setattr(anna, name, value)
    async with running(simulator) as bot:
        return await bot.adapter.email_of(Identity.parse(simulator.identity("anna")))


async def test_a_members_confirmed_address_is_theirs() -> None:
    """The one case that proves something."""
    async with SlackSimulator(scopes=WITH_EMAIL) as simulator:
        assert "anna@example.com" == await email_of(simulator)


@pytest.mark.parametrize(
    "facts",
    [
        {"marks": frozenset()},
        {"marks": CONFIRMED | {"is_restricted"}},
        {"marks": CONFIRMED | {"is_ultra_restricted"}},
        {"marks": CONFIRMED | {"is_stranger"}},
        {"marks": CONFIRMED | {"is_invited_user"}},
        {"is_deleted": True},
        {"is_bot": True},
        {"team": "T0ELSEWHERE"},
    ],
    ids=lambda marked: " ".join(sorted(map(str, marked.get("marks", marked)))),
)
async def test_anybody_elses_is_not(facts: dict[str, object]) -> None:
    """Unconfirmed mail, guests, strangers of Slack Connect, who left, bots, members of other workspaces."""
    async with SlackSimulator(scopes=WITH_EMAIL) as simulator:
        assert "" == await email_of(simulator, **facts)


@pytest.mark.parametrize("identity", ["slack:T0ELSEWHERE:U1", "slack:T0SIMULATE:UNOBODY99"])
async def test_who_is_not_of_the_workspace_has_none(identity: str) -> None:
    """Whoever writes from elsewhere is not even asked about; whom Slack does not know has none."""
    async with SlackSimulator(scopes=WITH_EMAIL) as simulator, running(simulator) as bot:
        assert "" == await bot.adapter.email_of(Identity.parse(identity))


async def test_the_same_user_id_in_another_workspace_is_somebody_else() -> None:
    """An account is its workspace's: nobody borrows an address by a number."""
    async with SlackSimulator(scopes=WITH_EMAIL) as simulator, running(simulator) as bot:
        anna = simulator.site.workspace.person("anna")
        anna.email = "anna@example.com"
        assert "" == await bot.adapter.email_of(Identity.parse(f"slack:T0ELSEWHERE:{anna.id}"))


async def test_without_the_scope_it_is_said_what_is_missing() -> None:
    """Not knowing is another thing than knowing that there is none: nobody is parted by a lost scope."""
    async with SlackSimulator() as simulator:
        with pytest.raises(AuthFailed) as refused:
            await email_of(simulator)

    assert "platform manifest slack" in refused.value.hint


async def test_an_outage_is_no_answer() -> None:
    """The caller leaves all as it was."""
    async with SlackSimulator(scopes=WITH_EMAIL) as simulator, running(simulator) as bot:
        simulator.fail(Fault(kind="status", where="users.info", status=500, count=20))
        with pytest.raises(ServiceError):
            await bot.adapter.email_of(Identity.parse(simulator.identity("anna")))


@pytest.mark.parametrize("asks", [True, False])
def test_the_scope_is_asked_for_only_where_it_is_used(asks: bool) -> None:
    """Addresses are nobody's business otherwise."""
    document = json.loads(manifest(SomeCommands().all(), SlackSettings(), asks_emails=asks))

    assert asks == ("users:read.email" in document["oauth_config"]["scopes"]["bot"])
