"""Hold every platform's folder to the contract, found by its place: a fourth one is held to it by being there."""

from __future__ import annotations

import importlib
import json
from pathlib import Path

import pytest

import quarterdeck_adapters
from quarterdeck.core.adapter import Ability, Pace, Rendered
from quarterdeck.core.reply import Button, Card, Citation, Field, Reply
from quarterdeck.runtime.platform_facts import read_all
from quarterdeck.runtime.platforms import names, names_with

ROOT = Path(quarterdeck_adapters.__path__[0])
CONNECTED = names_with("settings.py")
METHODS = {
    Ability.EDIT: "edit",
    Ability.TYPING: "typing",
    Ability.REACTIONS: "react",
    Ability.FILES: "download",
    Ability.MEMBERS: "members",
    Ability.COMMANDS: "declare",
}
EXCUSED = {
    "slack": {"declare"},  # its commands come with the app's manifest
    "console": {"download"},  # its files lie on this machine, and its screen shows what it waits for
    "web": {"download"},
}
REPLIES = (
    Reply(),
    Reply(text="plain"),
    Reply(
        text="# Head\n\n**bold** `code` [link](https://a.test) ~~gone~~\n\n- one\n- two\n\n|a|b|\n|-|-|\n|1|2|"
    ),
    Reply(text="<@U1> @everyone <!channel> <b> & *a* _b_ ```\nx", is_literal=True),
    Reply(text="word " * 20_000),
    Reply(text="```py\n" + "x = 1\n" * 5_000 + "```"),
    Reply(text="\U0001f468\u200d\U0001f469\u200d\U0001f467" * 2_000),
    Reply(
        card=Card(
            title="Card",
            body="body",
            fields=(Field(label="one", value="1"),),
            buttons=tuple(Button(id=f"b{n}", label=f"Button {n}", value=f"/echo {n}") for n in range(30)),
        )
    ),
    Reply(text="found", citations=(Citation(n=1, document="a.md", heading="Head", url="https://a.test/"),)),
)


def adapter_of(platform: str) -> type:
    """Return the class that a platform's `build` makes."""
    module = importlib.import_module(f"quarterdeck_adapters.{platform}.adapter")
    (found,) = [
        one
        for one in vars(module).values()
        if isinstance(one, type) and one.__module__ == module.__name__ and one.__name__.endswith("Adapter")
    ]
    return found


@pytest.mark.parametrize("platform", names())
def test_it_has_what_it_says_it_has(platform: str) -> None:
    """The code and platform.yaml name the same abilities, and each ability has its method."""
    adapter = adapter_of(platform)
    assert set(read_all()[platform].abilities) == set(adapter.abilities)
    lacking = {
        METHODS[one] for one in adapter.abilities if one in METHODS and not hasattr(adapter, METHODS[one])
    }
    assert set() == lacking - EXCUSED.get(platform, set())
    assert isinstance(adapter.pace, Pace)


@pytest.mark.parametrize("platform", CONNECTED)
def test_it_is_connected_by_its_own_settings(platform: str) -> None:
    """Without a token it is off and says what to set; its variables name keys that there are."""
    module = importlib.import_module(f"quarterdeck_adapters.{platform}.settings")
    assert module.SETTINGS().missing()
    assert set() == set(module.VARIABLES.values()) - set(module.SETTINGS.model_fields)


@pytest.mark.parametrize("platform", CONNECTED)
def test_it_comes_whole(platform: str) -> None:
    """A newcomer finds the same files in every folder."""
    wanted = {"adapter.py", "parse.py", "render.py", "errors.py", "manifest.py", "platform.yaml", "README.md"}
    assert set() == wanted - {file.name for file in (ROOT / platform).iterdir()}
    samples = [json.loads(file.read_text("utf-8")) for file in (ROOT / platform / "samples").glob("*.json")]
    assert all(samples)
    assert samples


@pytest.mark.parametrize("reply", REPLIES, ids=range(len(REPLIES)))
@pytest.mark.parametrize("platform", names())
def test_rendering_is_pure_and_complete(platform: str, reply: Reply) -> None:
    """Every part can lie on disk; the same reply is written alike; something is there to be sent."""
    render = importlib.import_module(f"quarterdeck_adapters.{platform}.render").render

    def parts() -> list[Rendered]:
        found = render(reply)
        return [found] if isinstance(found, Rendered) else found

    once = parts()
    assert once == parts()
    assert once
    assert [part.body for part in once] == json.loads(json.dumps([part.body for part in once]))
