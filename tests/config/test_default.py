"""The shipped settings say what the code does, and the published schemas fit both."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from pydantic import BaseModel

from quarterdeck.runtime.documents import yaml
from quarterdeck.runtime.paths import config_dir
from quarterdeck.runtime.settings import Settings
from quarterdeck.testing import schemas

DEFAULT = config_dir() / "default.yaml"
LEFT_OUT = {"data_dir", "user_dir"}  # they depend on the machine


def leaves(value: object, path: tuple[str, ...] = ()) -> dict[tuple[str, ...], object]:
    """Return every value by its path; lists become tuples, as in the models."""
    if isinstance(value, BaseModel):
        value = {name: getattr(value, name) for name in type(value).model_fields}
    if isinstance(value, dict) and value:
        return {
            key: leaf for name, inner in value.items() for key, leaf in leaves(inner, (*path, name)).items()
        }
    return {path: tuple(value) if isinstance(value, list) else value}


def test_every_default_is_written_down_as_it_is() -> None:
    """An operator reads the file, not the code."""
    code = {path: value for path, value in leaves(Settings()).items() if path[0] not in LEFT_OUT}
    written = leaves(yaml.load(DEFAULT).data)

    assert {path: value for path, value in code.items() if value is not None} == written


def test_every_setting_without_a_default_is_shown_in_a_comment() -> None:
    """What can be set has to be findable."""
    text = DEFAULT.read_text(encoding="utf-8")
    optional = [path[-1] for path, value in leaves(Settings()).items() if value is None]

    assert [] == [
        name for name in [*optional, "data_dir"] if not re.search(rf"^\s*# {name}:", text, re.MULTILINE)
    ]


def test_every_section_is_explained() -> None:
    """A key with a value and no sentence explains nothing."""
    text = DEFAULT.read_text(encoding="utf-8")
    sections = re.split(r"^(?=[a-z_]+:)", text, flags=re.MULTILINE)[1:]
    bare = [body.partition(":")[0] for body in sections if "# " not in body and ": {}" not in body]

    assert [] == bare


@pytest.mark.parametrize("name", sorted(schemas.PUBLISHED))
def test_the_published_schema_is_in_step(name: str) -> None:
    """`python -m quarterdeck.testing.schemas` writes them anew."""
    published = (config_dir() / "schema" / f"{name}.json").read_text(encoding="utf-8")

    assert schemas.schema_text(name) == published


def test_no_other_schema_is_published() -> None:
    """A file without a model behind it is checked by nobody."""
    files = {file.stem for file in (config_dir() / "schema").glob("*.json")}

    assert set(schemas.PUBLISHED) == files


def test_publishing_writes_every_schema(tmp_path: Path) -> None:
    """One command does it."""
    written = schemas.publish(tmp_path / "schema")

    assert sorted(schemas.PUBLISHED) == [file.stem for file in written]
    (settings,) = [file for file in written if file.stem == "settings"]
    assert schemas.schema_text("settings") == settings.read_text(encoding="utf-8")


def settings_schema() -> Any:
    """Return the schema that editors use."""
    return json.loads((config_dir() / "schema" / "settings.json").read_text(encoding="utf-8"))


def test_the_default_file_fits_the_schema() -> None:
    """An editor must not underline what we ship."""
    problems = jsonschema.Draft202012Validator(settings_schema()).iter_errors(yaml.load(DEFAULT).data)

    assert [] == [problem.message for problem in problems]


@pytest.mark.parametrize(
    "text",
    [
        "http: {prot: 1}",
        "http: {port: 70000}",
        "log: {level: loud}",
        "platforms: {slack: {bot_token: xoxb-1}}",
        "platforms: {slack: {bot_token: }}",
        "platforms: {discord: {public_key: abc}}",
        "providers: {Mine: {}}",
        "access: {owners: [anna]}",
        "vault: {key: aGVsbG8=}",
    ],
)
def test_the_schema_refuses_what_the_program_refuses(text: str) -> None:
    """An editor shows the mistake before the program does."""
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(yaml.load(text).data, settings_schema(), cls=jsonschema.Draft202012Validator)


def test_what_a_setting_means_is_in_the_schema() -> None:
    """Editors show it."""
    http = settings_schema()["$defs"]["HttpSettings"]["properties"]

    assert "0 takes any free port." == http["port"]["description"]
