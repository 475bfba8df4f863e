"""A profile: one file that says which models, machines, session, limits and address a server runs with."""
