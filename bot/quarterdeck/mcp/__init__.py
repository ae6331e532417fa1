"""Use the tools of MCP servers: programs and addresses of the operator's settings, as far as an owner approved."""
