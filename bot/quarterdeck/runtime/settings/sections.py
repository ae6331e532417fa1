"""Name every setting there is, with its default and its limits.

Each default stands here and, with its explanation, in `config/default.yaml`; a test holds the two together.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from platformdirs import user_data_dir
from pydantic import Field, StringConstraints

from quarterdeck.runtime.paths import Paths
from quarterdeck.runtime.settings.access import AccessSettings
from quarterdeck.runtime.settings.budgets import BudgetSettings, PriceSettings
from quarterdeck.runtime.settings.digests import DigestName, DigestSettings
from quarterdeck.runtime.settings.egress import EgressSettings, MediaSettings
from quarterdeck.runtime.settings.http import HttpSettings
from quarterdeck.runtime.settings.mcp import McpSettings
from quarterdeck.runtime.settings.platforms import PlatformsSettings
from quarterdeck.runtime.settings.section import Section, by_default
from quarterdeck.runtime.settings.sources import SourceSettings
from quarterdeck.runtime.settings.types import (
    Headers,
    OptionalSecret,
    Secrets,
    Url,
    VaultKey,
    Zone,
)
from quarterdeck.runtime.settings.workflows import WorkflowSettings

ModelName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]*/\S+$")]
HostPattern = Annotated[str, StringConstraints(pattern=r"^(\*\.)?[a-z0-9-]+(\.[a-z0-9-]+)*$")]
ProviderId = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]*$")]


class RolesSettings(Section):
    """Name which models answer, the first that works; provider/model each."""

    chat: tuple[ModelName, ...] = ()
    fast: tuple[ModelName, ...] = ()
    vision: tuple[ModelName, ...] = ()
    embed: tuple[ModelName, ...] = ()
    image: tuple[ModelName, ...] = ()


class BuiltinModelSettings(Section):
    """Run the small built-in model in a worker process."""

    enabled: bool = True
    """Use it when it is installed and nothing else is connected."""
    threads: int = Field(default=0, ge=0, le=256)
    """CPU threads; 0 takes as many as there are cores, at most 8."""
    context_tokens: int = Field(default=2048, ge=256, le=131_072)


class ModelsSettings(Section):
    """Choose language models."""

    roles: RolesSettings = by_default()
    discover: bool = True
    """Look for model servers on well-known local ports."""
    links: tuple[HostPattern, ...] = ()
    """Hosts that models may link to besides those that an answer cites; *.example.com for all below."""
    tools: bool = True
    """Let models use what the policy grants to the person who asks: commands, documents, workflows."""
    builtin: BuiltinModelSettings = by_default()


class ProviderSettings(Section):
    """Change a provider of the catalogue, or add one."""

    base_url: Url | None = None
    key: OptionalSecret = None
    headers: Headers = Field(default_factory=dict)
    """Sent with every request; values that are secrets are references."""
    models: tuple[str, ...] = ()
    """Model ids to offer, where the endpoint cannot list them."""
    prices: dict[str, PriceSettings] = Field(default_factory=dict)
    """What its models cost, by model id, `*` for all; needed where a budget counts money and nobody knows."""
    dialect: Literal["openai_chat", "openai_responses", "anthropic", "gemini"] | None = None
    """The wire format; needed for a provider that is not in the catalogue."""
    keys: Secrets = ()
    """More keys; the next is used where one is refused or has used up its rate."""
    image_url: Url | None = None
    """Where its pictures are made, if elsewhere."""
    image_dialect: Literal["openai_images", "chat_images"] | None = None
    """How pictures are ordered: as OpenAI's images API, or as an answer of a chat."""
    concurrency: int | None = Field(default=None, ge=1, le=10_000)
    """How many calls may be under way at once; others wait their turn."""


class KnowledgeSettings(Section):
    """Cut, embed and search documents."""

    chunk_tokens: int = Field(default=250, ge=32, le=2000)
    overlap_tokens: int = Field(default=0, ge=0, le=500)
    floor: float = Field(default=0.3, ge=0.0, le=1.0)
    """Below this relevance the answer is "not found"."""
    embedder: str = "onnx"
    """onnx (the packaged model), or sentence-transformers:MODEL (an extra)."""
    reranker: str = ""
    """A cross-encoder that brings the best passages in order: sentence-transformers:MODEL (an extra), a folder."""
    sources: tuple[SourceSettings, ...] = ()
    """Where documents come from, besides what commands add."""


class ScheduleSettings(Section):
    """Set how schedules are read."""

    default_timezone: Zone = "UTC"


class DurableSettings(Section):
    """Set how hard step history is written to disk."""

    synchronous: Literal["NORMAL", "FULL"] = "NORMAL"


class LogSettings(Section):
    """Set what is logged."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["auto", "human", "json"] = "auto"
    """auto: for people on a terminal, JSON otherwise."""


class BackupSettings(Section):
    """Copy the database while running."""

    every_s: int = Field(default=3600, ge=60, le=7 * 86_400)
    keep: int = Field(default=24, ge=1, le=1000)


class VaultSettings(Section):
    """Keep the key of the secrets in the database."""

    key: VaultKey = "keyring"
    """keyring, file (data_dir/vault.key, for machines without a keyring), or env:NAME."""


class RouterSettings(Section):
    """Bound what waits and what runs at once."""

    queue_limit: int = Field(default=100, ge=1, le=100_000)
    """Events that may wait in one conversation."""
    total_limit: int = Field(default=10_000, ge=1, le=1_000_000)
    """Events that may wait altogether."""
    heavy_concurrency: int = Field(default=512, ge=1, le=10_000)
    """Commands that may call models or search at once."""
    missed_after_s: int = Field(default=900, ge=0, le=7 * 86_400)
    """What was asked longer ago while the bot was away is not done but named as missed."""
    person_per_minute: int = Field(default=600, ge=0, le=1_000_000)
    """Such commands that one person may start in a minute; 0: any number."""
    conversation_per_minute: int = Field(default=1200, ge=0, le=1_000_000)
    """Such commands that may start in one conversation in a minute; 0: any number."""
    form_s: int = Field(default=900, ge=10, le=86_400)
    """How long a form or a question waits for its answer."""


class Settings(Section):
    """Hold all settings of one installation."""

    data_dir: Path = Field(default_factory=lambda: Path(user_data_dir("quarterdeck")))
    """Where everything that is remembered lies."""
    user_dir: Path | None = None
    """The owner's providers, prompts and commands; data_dir/user unless it is said."""
    access: AccessSettings = by_default()
    platforms: PlatformsSettings = by_default()
    models: ModelsSettings = by_default()
    providers: dict[ProviderId, ProviderSettings] = Field(default_factory=dict)
    budgets: tuple[BudgetSettings, ...] = ()
    knowledge: KnowledgeSettings = by_default()
    schedule: ScheduleSettings = by_default()
    digests: dict[DigestName, DigestSettings] = Field(default_factory=dict)
    egress: EgressSettings = by_default()
    mcp: McpSettings = by_default()
    media: MediaSettings = by_default()
    workflows: WorkflowSettings = by_default()
    durable: DurableSettings = by_default()
    http: HttpSettings = by_default()
    log: LogSettings = by_default()
    backup: BackupSettings = by_default()
    vault: VaultSettings = by_default()
    router: RouterSettings = by_default()

    def paths(self) -> Paths:
        """Name the places on disk."""
        return Paths.of(self.data_dir, self.user_dir)
