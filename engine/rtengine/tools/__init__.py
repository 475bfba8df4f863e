"""Tools that run on the server: Python callables, HTTP endpoints and the tools of MCP servers."""
