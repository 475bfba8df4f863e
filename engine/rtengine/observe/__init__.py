"""Logs and the time line of a turn."""
