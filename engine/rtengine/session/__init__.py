"""The sans-I/O core: events and a time go in, effects come out."""
