"""What an operator may write about MCP servers, and what is refused with the fix."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from quarterdeck.runtime.secrets import SecretRef
from quarterdeck.runtime.settings.mcp import McpSettings


def read(hosts: tuple[str, ...] = (), **server: Any) -> McpSettings:
    """Read the settings of one server."""
    return McpSettings.model_validate({"hosts": hosts, "servers": {"one": server}})


def test_a_program_and_an_address_are_read() -> None:
    """Secrets are references, and only they."""
    program = read(command=["/bin/server", "-x"], env={"API_TOKEN": "secret:T", "LANG": "C"}).servers["one"]
    address = read(url="https://mcp.example.com/mcp?tools=wiki", bearer="env:T").servers["one"]

    assert {"API_TOKEN": SecretRef("secret", "T"), "LANG": "C"} == program.env
    assert ("https://mcp.example.com/mcp?tools=wiki", SecretRef("env", "T")) == (address.url, address.bearer)


@pytest.mark.parametrize(
    ("server", "words"),
    [
        ({}, "names neither a program nor an address, or both"),
        (
            {"command": ["x"], "url": "https://a.example/mcp"},
            "names neither a program nor an address, or both",
        ),
        ({"command": "rm -rf /"}, "valid tuple"),
        ({"command": ["x"], "env": {"API_TOKEN": "s3cr3t"}}, "a secret is written out here"),
        ({"command": ["x"], "env": {"A B": "c"}}, "is not the name of a variable"),
        ({"command": ["x"], "bearer": "env:T"}, "is for an address (url) only"),
        ({"url": "https://a.example/mcp", "inherit": ["PATH"]}, "is for a program (command) only"),
        ({"url": "http://a.example/mcp"}, "would be spoken with without encryption"),
        ({"url": "https://u:p@a.example/mcp"}, "holds a user name or password"),
        ({"url": "https://a.example/mcp?api_key=abc"}, "holds what looks like a key"),
        ({"url": "https://a.example/mcp?a= b"}, "holds characters that a query cannot hold"),
        ({"url": "file:///etc/passwd"}, "is not an http or https address"),
        ({"url": "https://a.example/mcp", "headers": {"X-Api-Key": "abc"}}, "a secret is written out here"),
        ({"command": ["x"], "tools": {"a b": "read"}}, "should match pattern"),
        ({"command": ["x"], "tools": {"a": "maybe"}}, "'off', 'read', 'write' or 'destructive'"),
        ({"command": ["x"], "shell": True}, "Extra inputs are not permitted"),
    ],
)
def test_what_is_wrong_is_said(server: dict[str, Any], words: str) -> None:
    """The hint travels beside it."""
    with pytest.raises(ValidationError) as error:
        read(**server)

    assert words in str(error.value)


def test_a_list_of_hosts_bounds_where_servers_may_be() -> None:
    """Who can add a server cannot take words anywhere."""
    read(("mcp.example.com",), url="https://MCP.example.com:8443/mcp")
    with pytest.raises(
        ValidationError, match=r"servers.one is at evil.example, which is not one of mcp.hosts"
    ):
        read(("mcp.example.com",), url="https://evil.example/mcp")
