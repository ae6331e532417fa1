"""Publish the JSON Schemas of our data files, so that editors complete and check them.

    python -m quarterdeck.testing.schemas          writes config/schema/*.json anew

A test holds the published files to the models.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import json
import textwrap
from pathlib import Path
from typing import Any, Final

import click
from pydantic import BaseModel

from quarterdeck.runtime.paths import config_dir

PUBLISHED: Final = {
    "settings": "quarterdeck.runtime.settings:Settings",
    "platform": "quarterdeck.runtime.platform_facts:PlatformFacts",
    "policy": "quarterdeck.router.policy.document:ShippedPolicy",
    "policy-cases": "quarterdeck.router.policy.cases:CaseFile",
    "directory": "quarterdeck.router.policy.directory:DirectoryFile",
    "provider": "quarterdeck.models.providers.catalog:ProviderRow",
    "graph": "quarterdeck.models.images.graph:Graph",
    "workflow": "quarterdeck_workflows.language.rows.file:WorkflowFile",
    "transcript": "quarterdeck.testing.simulator.transcript:Transcript",
}
"""The model behind each file, by the file's stem."""


def schema_text(name: str) -> str:
    """Return the content of `config/schema/{name}.json`; attribute docstrings become descriptions."""
    module, _, class_name = PUBLISHED[name].partition(":")
    model: type[BaseModel] = getattr(importlib.import_module(module), class_name)
    schema = model.model_json_schema()
    described = {found.__name__: found for found in _models_in(model)}
    for part, definition in {class_name: schema, **schema.get("$defs", {})}.items():
        if part in described:
            _describe(definition, described[part])
    _close(schema)
    document = {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}
    return json.dumps(document, indent=2, ensure_ascii=False, sort_keys=True) + "\n"


def publish(folder: Path) -> list[Path]:
    """Write every schema into `folder` and return the files."""
    folder.mkdir(parents=True, exist_ok=True)
    files = [folder / f"{name}.json" for name in sorted(PUBLISHED)]
    for file in files:
        file.write_text(schema_text(file.stem), encoding="utf-8")
    return files


def _close(schema: object) -> None:
    """Refuse keys that fit no pattern, where pydantic leaves them open."""
    if isinstance(schema, dict):
        if "patternProperties" in schema:
            schema.setdefault("additionalProperties", False)
        for inner in schema.values():
            _close(inner)
    if isinstance(schema, list):
        for inner in schema:
            _close(inner)


def _models_in(model: type[BaseModel]) -> set[type[BaseModel]]:
    found: set[type[BaseModel]] = set()
    waiting: list[Any] = [model]
    while waiting:
        one = waiting.pop()
        if isinstance(one, type) and issubclass(one, BaseModel):
            if one not in found:
                found.add(one)
                waiting += [field.annotation for field in one.model_fields.values()]
        else:
            waiting += getattr(one, "__args__", ())
    return found


def _describe(definition: dict[str, Any], model: type[BaseModel]) -> None:
    body = ast.parse(textwrap.dedent(inspect.getsource(model))).body[0]
    assert isinstance(body, ast.ClassDef)
    for attribute, text in zip(body.body, body.body[1:], strict=False):
        if not (isinstance(attribute, ast.AnnAssign) and isinstance(attribute.target, ast.Name)):
            continue
        field = model.model_fields.get(attribute.target.id)
        if field is None or not (isinstance(text, ast.Expr) and isinstance(text.value, ast.Constant)):
            continue
        name = field.alias or attribute.target.id
        definition["properties"][name]["description"] = inspect.cleandoc(str(text.value.value))


if __name__ == "__main__":
    for written in publish(config_dir() / "schema"):
        click.echo(written)
