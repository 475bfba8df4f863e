"""The beta dialect: its events as GA ones, and back. The edge of the server speaks it; the core never hears of it."""
