"""Runs models for many sessions: transport-free stages and the hosts that carry jobs to them."""
