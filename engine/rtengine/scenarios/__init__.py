"""Scenarios: what a client and the models do, and what the machines must make of it, in virtual time."""
