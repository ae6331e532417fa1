"""Modals: opened at once where the trigger is fresh, by a button otherwise; what is filled in comes back typed."""

from tests.adapters.slack.conftest import Bot, DictMemory, running

from quarterdeck.core.event import Event, Invoked, Posted, Submitted
from quarterdeck.core.message import Conversation
from quarterdeck.core.reply import Card, Input, Reply
from quarterdeck.testing.simulator.slack.simulator import SlackSimulator

FORM = Card(
    title="Deploy",
    body="What goes out?",
    form_id="form-1",
    inputs=(
        Input(id="what", label="Service"),
        Input(id="count", label="Replicas", kind="integer"),
        Input(id="env", label="Environment", kind="choice", choices=("test", "prod")),
        Input(id="dry", label="Dry run", kind="boolean", required=False),
        Input(id="who", label="Owner", kind="user"),
        Input(id="note", label="Note", kind="text", required=False),
    ),
)
FILLED = {"Service": "api", "Replicas": "3", "Environment": "prod", "Owner": "ben"}


def form_for_commands(event: Event) -> Reply | None:
    """Ask for what is missing."""
    return Reply(card=FORM) if isinstance(event, Invoked) else None


async def opened(bot: Bot) -> None:
    """Return once a form is open before Anna."""
    forms = bot.simulator.site.forms
    anna = bot.simulator.workspace.person("anna").id
    await bot.simulator.workspace.changes.until(lambda: forms.top(anna), timeout_s=10, what="a form")


async def test_a_command_opens_the_form_and_what_is_filled_in_comes_back(bot: Bot) -> None:
    """In the conversation that it was asked for in, by the person who sent it."""
    bot.answer = form_for_commands
    await bot.simulator.command("anna", "deploy", "")
    await opened(bot)
    seen = await bot.simulator.form("anna")
    await bot.simulator.submit("anna", FILLED)
    await bot.until(lambda: bot.of(Submitted))

    event, asked = bot.of(Submitted)[0], bot.of(Invoked)[0]
    assert "Deploy" == seen.title
    assert "form-1" == event.form_id
    assert asked.conversation == event.conversation
    ben = bot.simulator.identity("ben")
    assert {"what": "api", "count": 3, "env": "prod", "who": ben, "dry": False} == {
        name: value for name, value in event.values.items() if value is not None
    }
    assert await bot.simulator.form("anna") is None
    assert () == bot.simulator.refusals()


async def test_what_is_wrong_is_said_in_the_form_which_stays_open(bot: Bot) -> None:
    """The person mends it there instead of beginning anew."""
    answers = {Invoked: Reply(card=FORM), Submitted: Reply(text="api is frozen today", status="error")}
    bot.answer = lambda event: answers.get(type(event))
    await bot.simulator.command("anna", "deploy", "")
    await opened(bot)
    await bot.simulator.submit("anna", FILLED)

    anna = bot.simulator.workspace.person("anna").id
    assert ["api is frozen today"] == list(bot.simulator.site.forms.top(anna).errors.values())


async def test_what_is_right_closes_the_form_and_is_answered_in_the_conversation(bot: Bot) -> None:
    """The modal never shows an answer that is no error."""
    answers = {Invoked: Reply(card=FORM), Submitted: Reply(text="Deployed.")}
    bot.answer = lambda event: answers.get(type(event))
    await bot.simulator.command("anna", "deploy", "")
    await opened(bot)
    await bot.simulator.submit("anna", FILLED)

    assert "Deployed." == (await bot.simulator.wait_for("ben", "Deployed.")).text
    assert await bot.simulator.form("anna") is None


async def test_without_a_fresh_trigger_a_button_opens_the_form_even_after_a_restart(
    slack: SlackSimulator,
) -> None:
    """A mention has no trigger; the form lies in the memory until somebody presses."""
    memory = DictMemory()
    async with running(slack, memory) as bot:
        await slack.say("anna", "@bot deploy")
        await bot.until(lambda: bot.of(Posted))
        where: Conversation = bot.of(Posted)[0].conversation
        await bot.send(Reply(card=FORM), where, bot.events[0].key)
    async with running(slack, memory) as bot:
        await slack.press("anna", "Open: Deploy")
        await opened(bot)
        await slack.submit("anna", FILLED)
        await bot.until(lambda: bot.of(Submitted))

        assert where == bot.of(Submitted)[0].conversation
        assert () == slack.refusals()


async def test_user_groups_are_offered_while_somebody_types(bot: Bot) -> None:
    """The value is the group's id, not its name."""
    group = bot.simulator.workspace.group("ops-team", "anna")
    form = Card(title="Page", form_id="f", inputs=(Input(id="whom", label="Whom", kind="role"),))
    bot.answer = lambda event: Reply(card=form) if isinstance(event, Invoked) else None
    await bot.simulator.command("anna", "deploy", "")
    await opened(bot)
    offered = await bot.simulator.complete("anna", "deploy", "Whom", "ops")
    await bot.simulator.submit("anna", {"Whom": "@ops-team"})
    await bot.until(lambda: bot.of(Submitted))
    anna = bot.of(Submitted)[0].actor

    name = f"slack:{bot.simulator.workspace.team_id}:{group.id if hasattr(group, 'id') else group}"
    assert ["@ops-team"] == offered
    assert {"whom": name} == dict(bot.of(Submitted)[0].values)
    assert frozenset({name}) == await bot.adapter.groups_of(anna)
