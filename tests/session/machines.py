"""The shipped machines, compiled once for all tests."""

from __future__ import annotations

from rtengine.chart.load import load_machines
from rtengine.profile.shipped import shipped_files
from rtengine.session.vocabulary import VOCABULARY

MACHINES = load_machines(shipped_files("machines"), VOCABULARY)
