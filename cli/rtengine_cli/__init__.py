"""The `rtengine` command. Thin: parse, call the engine, print."""
