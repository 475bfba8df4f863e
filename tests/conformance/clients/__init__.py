"""Clients of other makers, each in an environment of its own: `make clients`."""
