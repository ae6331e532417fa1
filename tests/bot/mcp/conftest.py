"""Wire the desk to real servers in processes of their own."""

from __future__ import annotations

import json
import sys
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from quarterdeck.core.access import AccessRequest, Decision
from quarterdeck.core.errors import SetupError
from quarterdeck.core.mcp import McpCall, McpTool
from quarterdeck.core.message import Conversation
from quarterdeck.core.person import Identity, Person
from quarterdeck.core.ports import Json
from quarterdeck.core.tool import ToolResult, ToolUse
from quarterdeck.mcp.desk import McpDesk
from quarterdeck.mcp.pins import Pins
from quarterdeck.mcp.server import Server, Surroundings
from quarterdeck.runtime.files import MadeFiles
from quarterdeck.runtime.secrets import SecretRef
from quarterdeck.runtime.settings.egress import EgressSettings
from quarterdeck.runtime.settings.mcp import McpSettings
from quarterdeck.testing.clock import FakeClock

RAW = Path(__file__).with_name("raw.py")
SERVED = Path(__file__).with_name("served.py")
ANNA = Person(id="p1", name="Anna", role="operator")
IDENTITY = Identity(platform="fake", user_id="1")
HERE = Conversation(id="fake:general", platform="fake")


def tool(name: str = "say", about: str = "Say it", **more: object) -> dict[str, object]:
    """Return what a server says of a tool."""
    return {"name": name, "description": about, "inputSchema": {"type": "object", "properties": {}}, **more}


class Kept:
    """Remember in memory."""

    def __init__(self) -> None:
        self.rows: dict[str, str] = {}

    async def get(self, name: str) -> Json:
        """Return what was put last."""
        found: Json = json.loads(self.rows.get(name, "null"))
        return found

    async def put(self, name: str, value: Json) -> None:
        """Keep it."""
        self.rows[name] = json.dumps(value)


class Rights:
    """Allow everything, or answer as a test says; note what was asked."""

    def __init__(self) -> None:
        self.asked: list[AccessRequest] = []
        self.decision = Decision(allowed=True, rule="test")

    async def authorise(self, request: AccessRequest) -> Decision:
        """Decide."""
        self.asked.append(request)
        return self.decision


class Bench:
    """Hold a desk with what surrounds it."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.clock = folder, FakeClock()
        self.kept, self.rights = Kept(), Rights()
        self.record: list[tuple[str, Mapping[str, object], str]] = []
        self.environ: dict[str, str] = {"OURS": "ours", "HOME": "ours too", "TOKEN": "s3cr3t"}
        self.egress = EgressSettings()
        self.refusal: SetupError | None = None
        self.desks: list[McpDesk] = []
        self.desk: McpDesk
        self.servers: dict[str, Server] = {}

    async def append(self, kind: str, detail: Mapping[str, object], *, person_id: str = "") -> None:
        """Put on record."""
        self.record.append((kind, detail, person_id))

    def reveal(self, ref: SecretRef) -> str:
        """Return a secret."""
        return self.environ[ref.name]

    def set_up(self, **servers: Mapping[str, object]) -> McpDesk:
        """Build a desk, as a start of the bot does."""
        settings = McpSettings.model_validate({"servers": servers})
        around = Surroundings(self.folder / "mcp", self.environ, self.reveal, self.egress, self.clock)
        self.servers = {name: Server(name, one, around) for name, one in settings.servers.items()}
        self.desk = McpDesk(
            list(self.servers.values()),
            Pins(self.kept),
            authoriser=self.rights,
            record=self,
            files=MadeFiles(self.folder / "files"),
            refusal=lambda: self.refusal,
        )
        self.desks.append(self.desk)
        return self.desk

    def raw(self, *arguments: str, **settings: object) -> dict[str, object]:
        """Return the settings of the server by hand, which starts fast."""
        return {"command": [sys.executable, "-I", str(RAW), *arguments], **settings}

    def served(self, *arguments: str, **settings: object) -> dict[str, object]:
        """Return the settings of the server that the SDK serves."""
        return {"command": [sys.executable, str(SERVED), *arguments], **settings}

    def put(self, server: str, file: str, content: object) -> Path:
        """Write a file where a server works."""
        folder = self.folder / "mcp" / server
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / file
        path.write_text(json.dumps(content), "utf-8")
        return path

    async def approve(self, name: str) -> None:
        """Approve what waits, as an owner who looked at it."""
        tools = await self.desk.show(name)
        server = next(one for one in await self.desk.servers() if one.name == name.partition(".")[0])
        digest = server.digest if "." not in name else tools[0].digest
        await self.desk.approve(name, digest)

    async def states(self, *, ask: bool = True) -> dict[str, str]:
        """Return how each tool stands, by name."""
        servers = await self.desk.servers(ask=ask)
        return {tool.name: tool.state for server in servers for tool in server.tools}

    async def offered(self) -> list[str]:
        """Name what models are offered."""
        return [one.name for one in await self.desk.tools()]

    async def use(self, name: str, **arguments: object) -> ToolResult:
        """Run a tool as the chat loop does."""
        (usable,) = [one for one in await self.desk.tools() if one.name == name]
        use = ToolUse(arguments=arguments, person=ANNA, identity=IDENTITY, conversation=HERE, key="k")
        usable.accept(use)
        return await usable.run(use)

    async def one(self, name: str) -> McpTool:
        """Return a tool."""
        (found,) = await self.desk.show(name)
        return found

    def call(self, name: str, **more: Any) -> McpCall:
        """Return what a workflow's step asks for."""
        return McpCall(
            **{
                "tool": name,
                "arguments": {},
                "effect": "read",
                "person": ANNA,
                "identity": IDENTITY,
                "conversation": HERE,
                **more,
            }
        )


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    """Return a bench; every program that it started is ended."""
    found = Bench(tmp_path)
    yield found
    for desk in found.desks:
        await desk.close()
