"""Know the providers there are: one YAML file each, ours in `config/providers`, the owner's over them.

Settings (`providers.ID`) change single values on top, or add a provider that has no file.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import Field, field_validator

from quarterdeck.core.errors import SetupError
from quarterdeck.core.text import did_you_mean
from quarterdeck.core.value import dataclass
from quarterdeck.models.embeddings.ways import EmbedWays
from quarterdeck.models.images.ways import ImageWays, ways_of
from quarterdeck.models.providers.capabilities import Capabilities, Row
from quarterdeck.runtime.settings import ProviderSettings
from quarterdeck.runtime.settings.datafiles import read_data
from quarterdeck.runtime.settings.types import Headers, Url

FOLDER: Final = "providers"
BUILTIN: Final = "builtin"
CUSTOM: Final = "custom"

DialectName = Literal["openai_chat", "openai_responses", "anthropic", "gemini", "llama_cpp", "none"]
KeyHeader = Literal["bearer", "x-api-key", "api-key", "x-goog-api-key"]
VariableName = Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9_]*$")]


class Key(Row):
    """Say how a provider is authenticated to."""

    variables: tuple[VariableName, ...] = ()
    """Variables that hold the key; the first that is set is used, and switches the provider on."""
    is_needed: bool = Field(default=True, alias="needed")
    """Whether nothing works without a key."""
    header: KeyHeader = "bearer"
    """How the key is sent."""


class DefaultModels(Row):
    """Name the models that are used where the settings name none; empty where the owner must choose."""

    chat: str = ""
    fast: str = ""
    embed: str = ""
    image: str = ""


class Local(Row):
    """Say how a model server on this machine is recognised."""

    loaded: str = ""
    """A path, from the server's root, that lists the models held in memory."""


class Compatible(Row):
    """Describe the vendor's second endpoint, in another wire format."""

    dialect: DialectName
    """The format; chosen by naming it in the settings."""
    ends: str = ""
    """Chosen too where the address ends so."""
    header: KeyHeader = "bearer"
    """How the key is sent there."""
    capabilities: Capabilities = Capabilities()


class ProviderRow(Row):
    """Describe one provider, as its file does; the file's name is the provider's id."""

    name: str = Field(min_length=1, max_length=60)
    """As people know it."""
    dialect: DialectName
    """The wire format it speaks; `none` where there is nothing to talk with, only pictures."""
    base_url: Url | None = None
    """Where its API is; none where the owner must say."""
    key: Key = Key()
    models: DefaultModels = DefaultModels()
    headers: Headers = Field(default_factory=dict)
    """Sent with every request."""
    local: Local | None = None
    """Present where this is a server on the owner's machine that may be looked for."""
    capabilities: Capabilities = Capabilities()
    embed: EmbedWays | None = None
    """How vectors are asked for, where that is otherwise than `capabilities.embeddings` says by itself."""
    images: ImageWays | None = None
    """How pictures are ordered, where it draws."""
    compatible: Compatible | None = None
    """Another endpoint of the same vendor that may be used instead."""
    renamed: dict[str, str] = Field(default_factory=dict)
    """What answers in place of ids that the vendor retired; `*` stands for any characters."""
    concurrency: int = Field(default=512, ge=1, le=10_000)
    """How many calls may be under way at once; others wait their turn."""
    rank: int = Field(default=50, ge=0, le=100)
    """Which goes first where several are connected and the settings name none; the least."""
    note: str = ""
    """What an operator should know."""
    source: str = Field(min_length=4)
    """Where all this was read."""
    checked_on: date
    """When."""
    proof: Literal["vendor-docs", "recorded", "live"]
    """How sure it is."""

    @field_validator("checked_on")
    @classmethod
    def _is_a_day(cls, value: date) -> date:
        if value.year < 2026:
            raise ValueError("must be a day on which the source was read")
        return value


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """Hold one provider with its id."""

    id: str
    row: ProviderRow

    def current(self, model: str) -> str:
        """Return the id that the vendor has for `model` today: another one where it was retired."""
        for old, new in self.row.renamed.items():
            if fnmatchcase(model, old):
                return new
        return model


class Catalog:
    """Hold the providers by id, and what is wrong with files that could not be read."""

    def __init__(self, rows: Mapping[str, ProviderRow], problems: Iterable[SetupError] = ()) -> None:
        self._rows, self.problems = dict(rows), tuple(problems)

    @classmethod
    def read(cls, config_dir: Path, user_dir: Path | None = None) -> Catalog:
        """Read every provider's file; a file that is wrong is left out and stands in `problems`."""
        overlay = user_dir / FOLDER if user_dir else None
        return cls(*read_data(config_dir / FOLDER, overlay, ProviderRow))

    def all(self) -> tuple[Provider, ...]:
        """Return every provider, the first choice first."""
        providers = (Provider(id=id_, row=row) for id_, row in self._rows.items())
        return tuple(sorted(providers, key=lambda one: (one.row.rank, one.id)))

    def get(self, id_: str) -> Provider | None:
        """Return the provider with this id."""
        row = self._rows.get(id_)
        return Provider(id=id_, row=row) if row else None

    def changed(self, settings: Mapping[str, ProviderSettings]) -> Catalog:
        """Return the catalogue with what the settings say laid over it."""
        rows, problems = dict(self._rows), list(self.problems)
        for id_, setting in settings.items():
            try:
                rows[id_] = self._changed(id_, setting)
            except SetupError as problem:
                problems.append(problem)
        return Catalog(rows, problems)

    def _changed(self, id_: str, setting: ProviderSettings) -> ProviderRow:
        known = self._rows.get(id_)
        if known is None:
            if setting.base_url is None:
                raise SetupError(
                    f"providers.{id_} is in no catalogue and has no base_url",
                    hint=did_you_mean(id_, self._rows) or f"set providers.{id_}.base_url",
                    key=f"providers.{id_}",
                )
            known = self._rows[CUSTOM].model_copy(update={"name": id_})
        changes: dict[str, object] = {"headers": {**known.headers, **setting.headers}}
        if setting.base_url is not None:
            changes["base_url"] = setting.base_url
        if setting.concurrency is not None:
            changes["concurrency"] = setting.concurrency
        changes |= _format(known, setting)
        if setting.image_dialect is not None:
            changes["images"] = ways_of(setting.image_dialect, known.images)
        if setting.models:
            changes["models"] = known.models.model_copy(update={"chat": setting.models[0]})
        return known.model_copy(update=changes)


def _format(known: ProviderRow, setting: ProviderSettings) -> dict[str, object]:
    """Return what changes with another wire format; the vendor's own second endpoint is known by its data."""
    other = known.compatible
    address = (setting.base_url or "").rstrip("/")
    ends_so = other is not None and bool(other.ends) and address.endswith(other.ends)
    wanted = setting.dialect or (other.dialect if other is not None and ends_so else known.dialect)
    if wanted == known.dialect:
        return {}
    if other is None or other.dialect != wanted:
        return {"dialect": wanted, "capabilities": Capabilities()}
    key = known.key.model_copy(update={"header": other.header})
    return {"dialect": wanted, "capabilities": other.capabilities, "key": key}
