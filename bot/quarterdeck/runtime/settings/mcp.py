"""Name the settings of MCP servers: programs and addresses whose tools models may be offered."""

from __future__ import annotations

import re
from typing import Annotated, Final, Literal

from pydantic import (
    BeforeValidator,
    Field,
    StringConstraints,
    TypeAdapter,
    ValidationError,
    WithJsonSchema,
    model_validator,
)

from quarterdeck.core.errors import SetupError
from quarterdeck.runtime.secrets import SecretRef
from quarterdeck.runtime.settings.section import Section
from quarterdeck.runtime.settings.types import Headers, HostName, Network, OptionalSecret, Url, refuse

ServerName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]{0,31}$")]
ToolName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.-]{1,64}$")]
Argument = Annotated[str, StringConstraints(min_length=1, max_length=4000, pattern=r"^[^\x00]+$")]
VariableName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,127}$")]
Mark = Literal["off", "read", "write", "destructive"]

SENSITIVE: Final = re.compile(r"auth|key|token|secret|cookie|passw|credential", re.IGNORECASE)


def _variables(value: object) -> dict[str, str | SecretRef]:
    if not isinstance(value, dict):
        raise refuse("must be a map of variables to values", "write `NAME: value` lines")
    return {str(name): _variable(str(name), content) for name, content in value.items()}


def _variable(name: str, content: object) -> str | SecretRef:
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]{0,127}", name):
        raise refuse("is not the name of a variable", "use letters, digits and underscores", key=name)
    is_reference = isinstance(content, str) and content.startswith(("env:", "secret:"))
    if is_reference or isinstance(content, SecretRef) or SENSITIVE.search(name):
        try:
            return SecretRef.parse(content)
        except SetupError as error:
            raise refuse(error.message, error.hint, key=name) from error
    if isinstance(content, str) and "\0" not in content:
        return content
    raise refuse("must be text", "put it in quotes", key=name)


def _address(value: object) -> str:
    """Read an address that may carry a query, such as `?tools=wiki`; a key has its place in bearer or headers."""
    address, _, query = str(value).strip().partition("?")
    try:
        _PLAIN.validate_python(address)
    except ValidationError as error:
        found = error.errors()[0]
        context = found.get("ctx", {})
        raise refuse(str(context.get("message", found["msg"])), str(context.get("hint", ""))) from error
    if not query:
        return address
    if not re.fullmatch(r"[A-Za-z0-9._~%&=+@:,/-]+", query):
        raise refuse("holds characters that a query cannot hold", "write them as %XX")
    if any(SENSITIVE.search(pair.partition("=")[0]) for pair in query.split("&")):
        raise refuse("holds what looks like a key", "write it as bearer or headers, by reference")
    return f"{address}?{query}"


_PLAIN: Final = TypeAdapter(Url)
Address = Annotated[
    str, BeforeValidator(_address), WithJsonSchema({"type": "string", "pattern": "^https?://"})
]

Variables = Annotated[
    dict[str, str | SecretRef],
    BeforeValidator(_variables),
    WithJsonSchema({"type": "object", "additionalProperties": {"type": "string"}}),
]


class McpServerSettings(Section):
    """Use the tools of one server: a program on this machine, or an address."""

    enabled: bool = True
    command: tuple[Argument, ...] = Field(default=(), max_length=100)
    """The program and its arguments, each as it is: no shell reads them."""
    env: Variables = Field(default_factory=dict)
    """Variables that the program gets; values that are secrets are references."""
    inherit: tuple[VariableName, ...] = ()
    """Variables of ours that it gets too, such as PATH and HOME. All others it does not see."""
    url: Address | None = None
    """The address of a server that speaks streamable HTTP."""
    bearer: OptionalSecret = None
    """Sent to the address as Authorization: Bearer."""
    headers: Headers = Field(default_factory=dict)
    """Sent to the address with every request; values that are secrets are references."""
    allow_private: tuple[Network, ...] = ()
    """Private networks where this address may be, besides egress.allow_private: [127.0.0.0/8] for this machine."""
    allow_http: bool = False
    """Speak with the address without encryption."""
    tools: dict[ToolName, Mark] = Field(default_factory=dict)
    """What its tools do: read, write, destructive, or off. What is not marked is taken for reading."""
    reaches_out: bool = True
    """Whether what it is told may get to places outside; then it needs consent once strangers' text was read."""
    timeout_s: float = Field(default=30.0, gt=0, le=600)
    """How long one call may take."""
    concurrency: int = Field(default=4, ge=1, le=100)
    """Calls that may be under way at once; others wait."""

    @model_validator(mode="after")
    def _is_one_kind(self) -> McpServerSettings:
        if bool(self.command) == (self.url is not None):
            raise refuse("names neither a program nor an address, or both", "write either command or url")
        stray = self._stray("command", "env", "inherit") if self.url else self._stray_of_program()
        if stray:
            other = "a program (command)" if self.url else "an address (url)"
            raise refuse(f"is for {other} only", "leave it out", key=stray)
        if self.url and self.url.startswith("http://") and not self.allow_http:
            raise refuse(
                "would be spoken with without encryption",
                "write https://, or allow_http: true beside it",
                key="url",
            )
        return self

    def _stray_of_program(self) -> str:
        return self._stray("bearer", "headers", "allow_private", "allow_http")

    def _stray(self, *names: str) -> str:
        return next((name for name in names if getattr(self, name)), "")


class McpSettings(Section):
    """Use tools of MCP servers."""

    hosts: tuple[HostName, ...] = ()
    """The only hosts where servers may be; without it those that their addresses name."""
    servers: dict[ServerName, McpServerSettings] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _are_known_hosts(self) -> McpSettings:
        for name, server in self.servers.items():
            host = re.sub(r"^https?://|[:/].*$", "", server.url or "").lower()
            if self.hosts and server.url and host not in self.hosts:
                raise refuse(
                    f"servers.{name} is at {host}, which is not one of mcp.hosts",
                    "add the host there, or take the server out",
                    key="servers",
                )
        return self
