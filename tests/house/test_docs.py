"""The documentation is true: every verb, option, setting, command, metric and link in it exists; none is missing."""

import json
import re
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, get_args

import click
import pytest
from pydantic import BaseModel

from quarterdeck.cli import program
from quarterdeck.core.person import ROLES
from quarterdeck.router.command.catalogue import UMBRELLA, check, discover
from quarterdeck.runtime.observability import metrics
from quarterdeck.runtime.settings.sections import ProviderSettings, Settings
from quarterdeck_workflows.language.shelf import read_shelf
from quarterdeck_workflows.triggers.commands import commands_of, unstarted

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
PAGES = sorted(DOCS.glob("*.md"))
TEXTS = [*PAGES, ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "benchmarks" / "README.md"]

VERB = re.compile(r"(?<![\w/.-])(?:quarterdeck|(?:\./)?qd) +([a-z]+)((?: +[^\s`|>]+)*)")
BOOTSTRAP = ("test", "lock")  # verbs of ./qd itself
PROSE_DEFAULTS = {
    "data_dir": "the data folder of your system",
    "user_dir": "`data_dir/user`",
    "platforms.slack.mode": "by which token is there",
    "platforms.discord.gateway_url": "what the API says",
    "providers.ID.base_url": "the provider's",
    "providers.ID.key": "its own variable",
    "providers.ID.dialect": "the provider's",
}


def page(name: str) -> str:
    """Return the text of a page."""
    return (DOCS / f"{name}.md").read_text("utf-8")


def code_of(text: str) -> list[str]:
    """Return what is marked as code: indented lines, fenced blocks and `spans`."""
    blocks = re.findall(r"^(?: {4}|\t)(.*)$", text, re.MULTILINE)
    fenced = [
        line for block in re.findall(r"```.*?\n(.*?)```", text, re.DOTALL) for line in block.splitlines()
    ]
    return [*blocks, *fenced, *re.findall(r"`([^`\n]+)`", text)]


def verb_uses() -> list[tuple[str, str, list[str]]]:
    """Return (page, verb, words after it) for each command line in the documentation."""
    return [
        (path.name, match[1], match[2].split())
        for path in TEXTS
        for code in code_of(path.read_text("utf-8"))
        for match in VERB.finditer(code)
    ]


def resolve(verb: str, words: list[str]) -> tuple[click.Command, list[str]]:
    """Return the command that the words call, and the words left for it."""
    context = click.Context(program)
    command = program.get_command(context, verb)
    assert command is not None, f"there is no verb {verb!r}"
    if isinstance(command, click.Group) and words and not words[0].startswith("-"):
        inner = command.get_command(click.Context(command), words[0])
        assert inner is not None, f"there is no verb {verb} {words[0]}"
        return inner, words[1:]
    return command, words


def test_every_command_line_in_the_documentation_is_real() -> None:
    """Somebody will paste it."""
    uses = [use for use in verb_uses() if use[1] not in BOOTSTRAP]
    wrong = []
    for where, verb, words in uses:
        try:
            command, rest = resolve(verb, words)
        except AssertionError as error:
            wrong.append(f"{where}: {error}")
            continue
        with click.Context(command) as context:
            known = {name for option in command.get_params(context) for name in option.opts}
        wrong += [
            f"{where}: {verb} has no option {word}"
            for word in rest
            if word.startswith("--") and word.split("=")[0] not in known
        ]

    assert [] == wrong
    assert len(uses) > 40


def test_every_verb_of_the_program_is_in_the_documentation() -> None:
    """What is not written down is found by nobody."""
    mentioned = {verb for _, verb, _ in verb_uses()}

    assert set() == set(program.list_commands(click.Context(program))) - mentioned


@pytest.mark.parametrize("verb", program.list_commands(click.Context(program)))
def test_every_verb_explains_itself_with_an_example(verb: str) -> None:
    """The documentation sends people there."""
    command, _ = resolve(verb, [])
    commands = {verb: command}
    if isinstance(command, click.Group):
        context = click.Context(command)
        inner = {name: command.get_command(context, name) for name in command.list_commands(context)}
        commands |= {f"{verb} {name}": one for name, one in inner.items() if one is not None}

    without = [
        name
        for name, one in commands.items()
        if "Example" not in one.get_help(click.Context(one, info_name=f"quarterdeck {name}"))
    ]
    assert [] == without


def settings_of(section: type[BaseModel], prefix: str = "") -> dict[str, Any]:
    """Return each setting by its dotted key with its default."""
    found: dict[str, Any] = {}
    for name, field in section.model_fields.items():
        inner: object = field.annotation  # pydantic declares a type, and `X | None` is none
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            found |= settings_of(inner, f"{prefix}{name}.")
        elif name == "providers":
            found |= settings_of(ProviderSettings, "providers.ID.")
        elif not (isinstance(inner, UnionType) and NoneType in get_args(inner)):
            found[prefix + name] = field.get_default(call_default_factory=True)
        else:
            found[prefix + name] = None
    return found


def test_every_setting_is_documented_with_its_default() -> None:
    """And none that does not exist."""
    rows = re.findall(r"^\| `([\w.]+)` \| (.*?) \| .+ \|$", page("settings"), re.MULTILINE)
    expected = {
        key: PROSE_DEFAULTS.get(key, "not set" if default is None else f"`{written(default)}`")
        for key, default in settings_of(Settings).items()
    }

    assert expected == dict(rows)
    assert len(rows) == len(dict(rows))


def written(value: object) -> str:
    """Write a default as YAML has it."""
    if isinstance(value, tuple | dict):
        return json.dumps(list(value) if isinstance(value, tuple) else value)
    return json.dumps(value) if isinstance(value, bool | int | float) else str(value)


def test_every_variable_in_the_documentation_sets_something() -> None:
    """A misspelt one would do nothing in silence."""
    known = {f"QUARTERDECK__{key.upper().replace('.', '__')}" for key in settings_of(Settings)}
    named = {name for path in TEXTS for name in re.findall(r"QUARTERDECK__[A-Z_]+", path.read_text("utf-8"))}

    assert set() == {name for name in named if name not in known}


def test_every_command_is_documented_with_its_role_and_summary() -> None:
    """And none that does not exist."""
    rows = re.findall(r"^\| `/(\w+)` \| (\w+) \| (.+?) \|$", page("commands"), re.MULTILINE)

    assert [
        (command.name, command.allow, command.summary) for command in discover("quarterdeck.commands").all()
    ] == rows


def test_every_command_in_the_documentation_exists() -> None:
    """In every page, not only in the list."""
    commands = discover("quarterdeck.commands")  # quiet ones too, which no list has
    routes = {"healthz", "readyz", "metrics", UMBRELLA}
    named = {
        (path.name, match[1])
        for path in PAGES
        for code in code_of(path.read_text("utf-8"))
        for match in re.finditer(r"(?:^|['\" ])/([a-z]+)(?=[\s'\"\\]|$)", code)
    }

    made_up = {
        "dice",
        "deploy",
        "ship",
    }  # what extending.md and workflows.md show how to add, and what rules are about
    shipped = {one.name for one in commands_of(read_shelf().workflows.values(), unstarted, check)}
    others = {use for use in named if use[1] not in routes | made_up | shipped}
    assert set() == {use for use in others if commands.get(use[1]) is None}


def test_light_commands_are_listed_as_light() -> None:
    """The page promises that they answer while much is going on."""
    light = {
        f"`/{command.name}`" for command in discover("quarterdeck.commands").all() if command.lane == "light"
    }
    sentence = re.search(r"^((?:`/\w+`,? ?(?:and )?)+)are light", page("commands"), re.MULTILINE)

    assert sentence is not None
    assert light == set(re.findall(r"`/\w+`", sentence[1]))


def test_every_role_is_named_in_order() -> None:
    """From the least to the most."""
    assert ", ".join(ROLES) in page("operations").replace("\n", " ")
    assert ", ".join(ROLES) in page("commands").replace("\n", " ")


def test_every_metric_is_documented_with_its_labels() -> None:
    """And none that does not exist."""
    rows = re.findall(r"^\| `(quarterdeck_\w+)` \| (.*?) ?\| .+ \|$", page("operations"), re.MULTILINE)
    expected = {
        one.name + ("_total" if isinstance(one, metrics.Counter) else ""): ", ".join(one.labels)
        for one in vars(metrics).values()
        if isinstance(one, metrics.Metric)
    }

    assert expected == dict(rows)


def test_every_link_leads_somewhere() -> None:
    """Files and headings alike."""
    broken = []
    for path in TEXTS:
        for target in re.findall(r"\]\(([^)\s]+)\)", path.read_text("utf-8")):
            name, _, anchor = target.partition("#")
            if "://" in target:
                continue
            there = (path.parent / name).resolve() if name else path
            if not there.exists():
                broken.append(f"{path.name}: {target}")
            elif anchor and anchor not in anchors(there):
                broken.append(f"{path.name}: {target}: no such heading")

    assert [] == broken


def anchors(path: Path) -> set[str]:
    """Return the names that headings get: lower case, hyphens for spaces, nothing else but letters and digits."""
    titles = re.findall(r"^#+ +(.+)$", path.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w-]", "", title.lower().replace(" ", "-")) for title in titles}


def test_every_page_is_in_the_index() -> None:
    """A page that nothing leads to is read by nobody."""
    linked = set(re.findall(r"\]\(([\w-]+\.md)\)", page("index")))

    assert {path.name for path in PAGES} - {"index.md"} == linked


def test_every_file_that_is_named_exists() -> None:
    """Paths in code spans that begin with a folder of ours."""
    named = {
        (path.name, match[1])
        for path in TEXTS
        for code in code_of(path.read_text("utf-8"))
        for match in re.finditer(
            r"^((?:bot|adapters|workflows|config|benchmarks|docs|requirements)/[\w./-]+)$", code
        )
    }

    later = (
        "config/connectors/",
        "workflows/quarterdeck_workflows/",
    )  # rooms that CONTRIBUTING shows in advance
    assert set() == {use for use in named if not (ROOT / use[1]).exists() and not use[1].startswith(later)}


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: path.name)
def test_no_page_has_a_line_that_nobody_can_read_in_a_terminal(path: Path) -> None:
    """Tables apart, whose cells cannot be broken."""
    long = [
        line
        for line in path.read_text("utf-8").splitlines()
        if len(line) > 140 and not line.startswith("|") and "{" not in line
    ]

    assert [] == long


def test_the_command_that_the_documentation_shows_can_be_added(tmp_path: Path) -> None:
    """The example in extending.md is loaded as an owner's command is."""
    block = re.search(r"`user_dir/commands/dice\.py`:\n\n((?: {4}.*\n|\n)+)", page("extending"))
    assert block is not None
    (tmp_path / "dice.py").write_text(re.sub(r"^ {4}", "", block[1], flags=re.MULTILINE), "utf-8")

    dice = discover("quarterdeck.commands", tmp_path).get("dice")
    assert dice is not None
    assert ("light", "operator", "sides") == (dice.lane, dice.allow, dice.options[0].name)


def test_the_provider_that_the_documentation_shows_can_be_added(tmp_path: Path) -> None:
    """The example in extending.md is loaded as an owner's provider is."""
    from quarterdeck.models.providers.catalog import Catalog
    from quarterdeck.runtime.paths import config_dir

    block = re.search(r"`user_dir/providers/workshop\.yaml`:\n\n((?: {4}.*\n|\n)+)", page("extending"))
    assert block is not None
    (tmp_path / "providers").mkdir()
    text = re.sub(r"^ {4}", "", block[1], flags=re.MULTILINE)
    (tmp_path / "providers" / "workshop.yaml").write_text(text, "utf-8")

    catalog = Catalog.read(config_dir(), tmp_path)
    provider = catalog.get("workshop")
    assert () == tuple(catalog.problems)
    assert provider is not None
    assert "http://10.1.2.3:8000/v1" == provider.row.base_url


def test_the_settings_that_the_documentation_shows_are_valid(tmp_path: Path) -> None:
    """Every YAML block of the pages on models and operations, through the real loader."""
    from quarterdeck.runtime.settings import load_settings

    blocks = [
        re.sub(r"^ {4}", "", block, flags=re.MULTILINE)
        for name in ("models", "operations", "settings")
        for block in re.findall(r"\n\n((?: {4}[a-z].*\n(?: {4}.*\n)*))", page(name))
        if re.match(r" {4}(models|providers|http|access|egress):\n", block)
    ]
    for block in blocks:
        (tmp_path / "quarterdeck.yaml").write_text(block, "utf-8")
        names = ("WORKSHOP_KEY", "WORKSHOP_SECOND_KEY", "BILLING_TOKEN")
        keys = {name: f"a-secret-of-{name}" for name in names}
        load_settings(tmp_path / "quarterdeck.yaml", keys)

    assert 6 == len(blocks)


def test_every_test_that_the_fault_page_names_is_there() -> None:
    """A promise without its test is a claim."""
    named = set(re.findall(r"`(test_[a-z0-9_]+)`", (ROOT / "docs" / "faults.md").read_text("utf-8")))
    files = list((ROOT / "tests").rglob("test_*.py"))
    there = {path.stem for path in files}.union(
        *(re.findall(r"def (test_[a-z0-9_]+)", path.read_text("utf-8")) for path in files)
    )

    assert set() == named - there
