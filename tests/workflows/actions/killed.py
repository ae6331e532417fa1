"""Extract from a video in a process that a test kills."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from tests.workflows.actions.conftest import Bench

from quarterdeck.models.providers.catalog import Catalog
from quarterdeck.models.registry import ModelRegistry
from quarterdeck.runtime.clock import SystemClock
from quarterdeck.runtime.observability.redaction import Redactor
from quarterdeck.runtime.paths import config_dir
from quarterdeck.runtime.secrets import Resolver
from quarterdeck.runtime.settings import Settings
from quarterdeck_workflows.actions.kit.registry import discover


async def main(folder: str, settings: str, source: str, schema: str) -> None:
    """Begin, and never end."""
    read = Settings.model_validate(json.loads(settings))
    clock = SystemClock()
    models = ModelRegistry(
        settings=read,
        catalog=Catalog.read(config_dir()),
        resolver=Resolver({}, Redactor()),
        clock=clock,
        record=_nobody,
    )
    bench: Any = SimpleNamespace(
        folder=Path(folder) / "run",
        person=SimpleNamespace(id="p1"),
        platform=SimpleNamespace(conversation=lambda: SimpleNamespace(id="fake:general")),
        models=models,
        clock=clock,
        media_folders=read.media.folders,
        _tell=_nobody,
    )
    call = Bench.call(bench, source=source, schema=json.loads(schema), every_s=0.25)
    await cast("Any", discover().find("media.extract")).run(call)


async def _nobody(what: object) -> None:
    """Tell nobody."""
