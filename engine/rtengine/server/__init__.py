"""WebSocket and HTTP on one port: the shell that executes what sessions ask for."""
