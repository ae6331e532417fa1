"""Prove what `/model` says and changes, and who may change it."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, cast

import pytest

from quarterdeck.commands.model import COMMAND, SHOWN
from quarterdeck.core.command import Call
from quarterdeck.core.errors import Denied, UsageError
from quarterdeck.core.message import Conversation
from quarterdeck.core.model import Connected, Offered
from quarterdeck.core.person import Identity, Person
from quarterdeck.core.ports import Services
from quarterdeck.core.reply import Reply

HERE = Conversation(id="console:c", platform="console")
ANNA = Identity(platform="console", user_id="1")


@dataclass
class Registry:
    """Be models and choices at once."""

    offers: list[Offered] = field(default_factory=list)
    named: Connected | None = None
    own: Connected | None = None
    chosen_names: list[str] = field(default_factory=list)

    async def connected(self, role: str) -> Connected | None:
        """Return what the settings name."""
        assert "chat" == role
        return self.named

    async def chosen(self, conversation_id: str) -> Connected | None:
        """Return what was chosen here."""
        assert HERE.id == conversation_id
        return self.own

    async def choose(self, conversation_id: str, name: str) -> Connected | None:
        """Choose."""
        assert HERE.id == conversation_id
        self.chosen_names.append(name)
        id_, _, model = name.partition("/")
        self.own = Connected(provider=id_, model=model) if name else None
        return self.own

    async def offered(self) -> list[Offered]:
        """Return what there is."""
        return self.offers


class Authoriser:
    """Allow or refuse everything, and remember what was asked."""

    def __init__(self, *, allows: bool) -> None:
        self.allows, self.asked = allows, list[Any]()

    async def authorise(self, request: Any) -> Any:
        """Decide."""
        self.asked.append(request)
        return SimpleNamespace(allowed=self.allows, reason="you may not")


def say(registry: Registry, authoriser: Authoriser | None = None, **options: object) -> Any:
    """Run the command."""
    services = SimpleNamespace(models=registry, choices=registry, authoriser=authoriser)
    call = Call(
        command="model",
        options={"action": "show", "name": "", **options},
        person=Person(id="p1", name="Anna"),
        identity=ANNA,
        conversation=HERE,
        event_id="e1",
        services=cast("Services", services),
    )
    return COMMAND.handler(call)


async def test_it_says_which_model_answers_and_why() -> None:
    """By the settings, by choice, or none."""
    by_settings = Registry(named=Connected(provider="openai", model="gpt-6-luna"))
    by_choice = Registry(named=by_settings.named, own=Connected(provider="ollama", model="llama3.2"))

    texts = [(await say(one)).text for one in (by_settings, by_choice, Registry())]

    assert [
        "`openai/gpt-6-luna` answers here, as the settings say.",
        "`ollama/llama3.2` answers here: it was chosen for this conversation. `/model reset` undoes that.",
        "No language model is connected. `/chat` says how to connect one.",
    ] == texts


async def test_a_long_list_is_cut_and_says_how_to_see_the_rest() -> None:
    """OpenRouter has hundreds; a provider whose list fails says why."""
    many = Offered(provider="openrouter", models=tuple(f"m{n}" for n in range(SHOWN + 5)))
    dead = Offered(provider="ollama", reason="nobody listens")
    registry = Registry(offers=[many, dead])

    whole, one = await say(registry, action="list"), await say(registry, action="list", name="openrouter")

    assert "and 5 more (`/model list openrouter`)" in whole.text
    assert "- **ollama**: none known (its list could not be had: nobody listens)" in whole.text
    assert (True, False) == ("`m24`" in one.text, "ollama" in one.text)


@pytest.mark.parametrize(
    ("name", "said"), [("", "No provider is connected."), ("groq", "`groq` is not connected")]
)
async def test_an_empty_list_says_how_to_connect(name: str, said: str) -> None:
    """The next step, always."""
    reply: Reply = await say(Registry(), action="list", name=name)

    assert (True, True) == (said in reply.text, "`/chat`" in reply.text)


async def test_a_model_is_chosen_and_left_again_with_leave() -> None:
    """Both ask the one authoriser; the name is on record."""
    registry, authoriser = Registry(named=Connected(provider="a", model="b")), Authoriser(allows=True)

    chosen = await say(registry, authoriser, action="set", name="groq/m")
    reset = await say(registry, authoriser, action="reset")

    assert "`groq/m` answers in this conversation from now on" in chosen.text
    assert "The settings decide again. `a/b` answers here" in reset.text
    assert ["groq/m", ""] == registry.chosen_names
    assert [("action:model.set", "operator", {"name": name}) for name in ("groq/m", "")] == [
        (one.action, one.least_role, one.arguments) for one in authoriser.asked
    ]


@pytest.mark.parametrize("action", ["set", "reset"])
async def test_whoever_may_not_change_it_changes_nothing(action: str) -> None:
    """It would change what everybody there is answered by."""
    registry = Registry()

    with pytest.raises(Denied, match="you may not"):
        await say(registry, Authoriser(allows=False), action=action, name="groq/m")
    assert [] == registry.chosen_names


async def test_set_without_a_name_says_what_to_write() -> None:
    """The error names the fix, and nobody is asked for leave."""
    authoriser = Authoriser(allows=True)

    with pytest.raises(UsageError) as caught:
        await say(Registry(), authoriser, action="set")
    assert ("/model list" in caught.value.hint, []) == (True, authoriser.asked)
