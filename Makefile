# A fresh machine needs Python 3.11 or newer, and nothing else.
#   make run     install, fetch the weights the profile needs, start the server
#   make demo    the same, then ask it a recorded question and save its spoken answer
#   make test    everything that must hold before a change is merged

SHELL := /bin/bash
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

VENV    := .venv
BIN     := $(VENV)/bin
PROFILE ?= default
PYTEST  ?=

# The first interpreter that fits, the version the pins were tried with before others; PYTHON=… overrides it.
PYTHON ?= $(shell for p in python3.11 python3.12 python3.13 python3 python; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)

.PHONY: help run demo test quick style types unit clients soak coverage lines weights format schemas drawings editor docs clean

help:
	@sed -n '2,4s/^#  *//p' Makefile
	@echo 'make quick   style, types and the tests that need no model'
	@echo 'make soak    minutes of load, and a million random events (make test runs a short form of both)'
	@echo 'make clients  a written, a spoken, a tool and an interrupted turn through each client of other makers'
	@echo 'make coverage  which rows of the machine files the scenarios take'
	@echo 'make lines   the tests with line and branch coverage'
	@echo 'make format  let ruff lay out the code'
	@echo 'make schemas  write the JSON Schemas that editors use for YAML files'
	@echo 'make drawings  draw the machines for the documentation'
	@echo 'make editor  fetch the YAML language server that the tests of the schemas drive (npm)'
	@echo 'make docs    write the pages that are made from the code'

run: $(VENV)/.installed
	$(BIN)/rtengine run --profile $(PROFILE)

demo: $(VENV)/.installed
	$(BIN)/rtengine demo --profile $(PROFILE)

test: style types weights
	$(BIN)/pytest $(PYTEST)

quick: style types
	$(BIN)/pytest -m "not (soak or models or packaging)" $(PYTEST)

# Clients of other makers, each in an environment of its own in the user's cache. Needs npm. CLIENTS="name …" runs some.
clients: $(VENV)/.tested
	$(BIN)/python -m tests.conformance.clients $(CLIENTS)

soak: $(VENV)/.tested
	RTENGINE_SOAK=10 RTENGINE_RANDOM_STEPS=1000000 $(BIN)/pytest --timeout 3000 tests/soak tests/pipeline/dora tests/session/test_random_sequences.py $(PYTEST)

coverage: $(VENV)/.tested
	$(BIN)/pytest -q -s tests/scenarios/test_coverage.py $(PYTEST)

lines: $(VENV)/.tested weights
	$(BIN)/pytest -m "not (soak or packaging)" --cov --cov-report=term $(PYTEST)

style: $(VENV)/.tested
	$(BIN)/ruff check engine cli tests
	$(BIN)/ruff format --check engine cli tests
	$(BIN)/lint-imports
	$(BIN)/rtengine check

types: $(VENV)/.tested
	$(BIN)/mypy

format: $(VENV)/.tested
	$(BIN)/ruff check --fix engine cli tests
	$(BIN)/ruff format engine cli tests

editor:
	npm ci --prefix tests/editor

drawings: $(VENV)/.tested
	$(BIN)/python -m tests.structure.drawings

schemas: $(VENV)/.installed
	$(BIN)/rtengine schema machine > machines/schema.json
	$(BIN)/rtengine schema profile > profiles/schema.json
	$(BIN)/rtengine schema scenario > machines/scenario.schema.json

docs: $(VENV)/.installed
	$(BIN)/rtengine errors > docs/errors.md
	$(BIN)/rtengine vocabulary > docs/vocabulary.md

# Files that are already in the cache are verified, not fetched again.
weights: $(VENV)/.installed
	$(BIN)/rtengine models pull --all

clean:
	rm -rf $(VENV) dist build .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .coverage .coverage.*

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo 'error: no Python 3.11 or newer found' >&2; \
		echo 'hint: install python3.11, or name one: make PYTHON=/path/to/python' >&2; exit 1; }
	@# Debian ships venv without ensurepip: then pip is fetched into an environment made without it.
	$(PYTHON) -m venv $(VENV) 2>/dev/null || $(PYTHON) -m venv --without-pip $(VENV)
	@$@ -m pip --version >/dev/null 2>&1 || $(PYTHON) -m pip --python $@ install --quiet pip 2>/dev/null || { \
		echo 'error: the new environment has no pip' >&2; \
		echo 'hint: install the python3-venv package of your system' >&2; exit 1; }

$(VENV)/.installed: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[local,openai,noise]'
	@touch $@

$(VENV)/.tested: pyproject.toml $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[local,openai,noise,test]'
	@touch $@
