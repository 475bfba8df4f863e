"""Runs the stages as the nodes of a dora dataflow: one process per stage, on this machine or on several."""
