"""Read what each platform can do from its `platform.yaml`, without importing the platform.

The adapters' own abilities are held to this file by a test. Numbers are the vendor's; 0 stands for no limit.
"""

from __future__ import annotations

import importlib.resources
from datetime import date
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from quarterdeck.core.adapter import Ability
from quarterdeck.core.command import OptionKind
from quarterdeck.runtime.platforms import PACKAGE, names
from quarterdeck.runtime.settings.datafiles import load_one

Words = Annotated[str, StringConstraints(min_length=1)]


class CommandLimits(BaseModel):
    """Bound what a platform takes as native commands and forms."""

    model_config = ConfigDict(extra="allow", frozen=True)

    commands: int = Field(default=0, ge=0)
    """Native commands in all."""
    command_name: int = Field(default=32, ge=1)
    """Characters of a command's name."""
    command_name_letters: str = "abcdefghijklmnopqrstuvwxyz0123456789-_"
    """What a command's name may consist of."""
    command_summary: int = Field(default=100, ge=0)
    """Characters of a command's description."""
    taken: tuple[str, ...] = ()
    """Names that the platform's own commands have."""
    options: int = Field(default=0, ge=0)
    """Options of one command."""
    option_name: int = Field(default=32, ge=0)
    option_summary: int = Field(default=100, ge=0)
    choices: int = Field(default=0, ge=0)
    """Choices of one option, and entries of one list of completions."""
    choice_length: int = Field(default=100, ge=0)
    command_size: int = Field(default=0, ge=0)
    """Characters of names, descriptions and choices of one command."""
    set_bytes: int = Field(default=0, ge=0)
    """Bytes of names and descriptions of all commands together."""
    form_inputs: int = Field(default=0, ge=0)
    """Inputs of one form."""
    umbrella: Literal["always", "surplus"] = "surplus"
    """Offer the one command that reaches all others always, or only when some do not fit."""


class PlatformFacts(BaseModel):
    """State what one platform has natively, and its limits."""

    model_config = ConfigDict(extra="allow", frozen=True)

    id: Annotated[str, StringConstraints(pattern=r"^[a-z0-9_]+$")]
    name: Words
    proof: Literal["vendor-docs", "recorded", "live"]
    source: Words
    """The page that the facts stand on."""
    checked_on: date
    abilities: tuple[Ability, ...]
    options: dict[OptionKind, Words] = Field(default_factory=dict)
    """What a kind of option becomes in a native command; plain text where it is not named."""
    limits: CommandLimits = CommandLimits()
    fallbacks: dict[Ability, Words] = Field(default_factory=dict)
    """What is particular about an ability here, or what is done without it, in a sentence."""

    def has(self, ability: Ability) -> bool:
        """Tell whether the platform has this natively."""
        return ability in self.abilities


def read_all() -> dict[str, PlatformFacts]:
    """Return the facts of every platform there is a folder for, by id, sorted.

    Raises:
        SetupError: a file is wrong; names file, line and column.
    """
    return {name: read(name) for name in names()}


def read(platform: str) -> PlatformFacts:
    """Return the facts of one platform.

    Raises:
        SetupError: its file is wrong; names file, line and column.
    """
    with importlib.resources.as_file(importlib.resources.files(PACKAGE) / platform / "platform.yaml") as file:
        return load_one([Path(file)], PlatformFacts)
