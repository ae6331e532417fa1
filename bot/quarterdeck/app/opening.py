"""Open the parts that not every bot needs; each brings its libraries along only now (see `later`)."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from quarterdeck.app.digests import Press
    from quarterdeck.app.parts import Parts
    from quarterdeck.app.schedules import Clockwork
    from quarterdeck.app.shelf import LiveShelf
    from quarterdeck.mcp.desk import McpDesk
    from quarterdeck.models.embeddings.role import RoleEmbeddings
    from quarterdeck.models.images.desk import ImageDesk
    from quarterdeck.models.registry import ModelRegistry
    from quarterdeck.rag.knowledge import TeamKnowledge
    from quarterdeck.rag.sources.desk import SourceDesk
    from quarterdeck.router.tools.desk import ToolDesk
    from quarterdeck.runtime.durable import Durable
    from quarterdeck_workflows.engine.engine import WorkflowEngine
    from quarterdeck_workflows.triggers.desk import TriggerDesk


def models(parts: Parts) -> ModelRegistry:
    """Return what answers for roles; it connects to nothing."""
    from quarterdeck.models.providers.catalog import Catalog
    from quarterdeck.models.registry import ModelRegistry
    from quarterdeck.runtime.paths import config_dir
    from quarterdeck.store.conversations.memory import PlatformMemory
    from quarterdeck.store.ledger.answers import StoredAnswers

    return ModelRegistry(
        settings=parts.settings,
        catalog=Catalog.read(config_dir(), parts.paths.user_dir),
        resolver=parts.resolver,
        clock=parts.clock,
        record=parts.telemetry.record,
        ledger=parts.budgets if parts.settings.budgets else None,
        answers=StoredAnswers(parts.store),
        kept=PlatformMemory(parts.store, "models", parts.clock),
    )


def embeddings(parts: Parts) -> RoleEmbeddings:
    """Return what embeds with the models of providers."""
    from quarterdeck.app.embedding import build_embeddings

    return build_embeddings(parts)


def knowledge(parts: Parts) -> TeamKnowledge:
    """Return the team's knowledge, able to read every kind of source."""
    from quarterdeck.app.knowing import build_knowledge
    from quarterdeck.app.sourcing import equip

    found = build_knowledge(parts)
    equip(parts, found)
    return found


def sourcing(parts: Parts) -> SourceDesk:
    """Return what reads the sources of knowledge."""
    from quarterdeck.app.sourcing import build_sourcing

    return build_sourcing(parts)


def images(parts: Parts) -> ImageDesk:
    """Return what draws pictures."""
    from quarterdeck.app.pictures import build_images

    return build_images(parts)


def mcp(parts: Parts) -> McpDesk:
    """Return what uses MCP servers."""
    from quarterdeck.app.mcp import build_mcp

    return build_mcp(parts)


def durable(parts: Parts) -> Durable:
    """Return the durable engine, not launched."""
    from quarterdeck.app.schedules import build_durable

    return build_durable(parts)


def clockwork(parts: Parts) -> Clockwork:
    """Return what fires schedules."""
    from quarterdeck.app.schedules import Clockwork

    return Clockwork(parts, parts.durable)


def press(parts: Parts) -> Press:
    """Return what writes digests.

    Raises:
        SetupError: one of the settings file cannot work.
    """
    from quarterdeck.app.digests import Press

    return Press(parts, parts.orders)


def tools(parts: Parts) -> ToolDesk:
    """Return what lets models use tools: commands, documents, workflows, MCP servers."""
    from quarterdeck.app.tools import build_tools

    return build_tools(parts)


def workflow_files(parts: Parts) -> LiveShelf:
    """Return what knows the files of workflows."""
    from quarterdeck.app.shelf import LiveShelf

    return LiveShelf(parts.paths.user_dir, parts.settings.workflows.library)


def workflows(parts: Parts) -> WorkflowEngine:
    """Return what runs workflows."""
    from quarterdeck.app.workflows import build_engine

    return build_engine(parts)


def triggers(parts: Parts) -> TriggerDesk:
    """Return what starts workflows; platforms are told when the commands among them change."""
    from quarterdeck.app.triggers import build_triggers

    desk = build_triggers(parts)
    desk.index.on_change(parts.offering.refresh)
    return desk
