# im: everything a fresh clone needs, and everything CI runs. `make help` lists the targets.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

PYTHON ?= python3
TOOLS := .tools
UV := $(TOOLS)/bin/uv
VENV := .venv
BIN := $(VENV)/bin
PYTEST := $(BIN)/python -m pytest
WORKERS ?= 4
# A file's tests stay together, in order: many share servers, which take seconds to start.
SPREAD := -n $(WORKERS) --dist loadfile --no-loadscope-reorder
# Without bytecode each worker, and each process that tests start, would compile everything again.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help setup nlu-setup run test test-fast test-long test-debian check format bench lock clean

help: ## list the targets
	@awk -F':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(VENV)/.ready ## make the environment: tools, Python, locked packages

$(UV): .ci/preflight
	@PYTHON='$(PYTHON)' bash .ci/preflight
	@echo "setting up: uv into $(TOOLS)"
	@$(PYTHON) -m venv $(TOOLS)
	@$(TOOLS)/bin/python -m pip install --quiet --disable-pip-version-check 'uv>=0.9' 2> >(grep -v WARNING >&2 || true)
	@touch $@

$(VENV)/.ready: $(UV) requirements-dev.txt pyproject.toml
	@PYTHON='$(PYTHON)' bash .ci/preflight
	@echo "setting up: Python and locked packages into $(VENV)"
	@test -x $(BIN)/python || $(UV) venv --quiet --python '>=3.11,<3.14' $(VENV)
	@$(BIN)/python .ci/headers.py
	@$(UV) pip sync --quiet --python $(BIN)/python --require-hashes --compile-bytecode requirements-dev.txt
	@$(UV) pip install --quiet --python $(BIN)/python --no-deps --editable .
	@$(BIN)/python -c 'import durable_rules_engine' || \
	  { echo "setup: durable-rules was built but does not import; run 'make clean' and try again" >&2; exit 1; }
	@touch $@

nlu-setup: setup ## make the environment and the model of the language service (minutes, the first time)
	@./im nlu train

run: setup ## set up what is missing and serve on http://127.0.0.1:8000
	@exec ./im serve

test-fast: setup ## unit, contract and flow tests but those marked slow (under 3 minutes)
	IM_RULES_EXAMPLES=60 $(PYTEST) $(SPREAD) -m 'not slow and not chaos and not long and not nlu'

test: setup ## all tests but the long runs (under 20 minutes)
	$(PYTEST) $(SPREAD) -m 'not chaos and not long and not nlu'
	$(PYTEST) -m 'chaos and not long'
	$(PYTEST) -m nlu

test-long: setup ## the long kill test
	$(PYTEST) -m long

test-debian: setup ## the store and flow tests against the system's PostgreSQL and Redis
	@# One process: Redis has one set of channels for all its databases, and drains would hear each other.
	bash .ci/with-system-servers $(PYTEST) -m 'not chaos and not long and not nlu' tests/flow

check: setup ## what CI runs before the tests: ruff, mypy, import-linter
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: setup ## format and fix what can be fixed
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: setup ## bounded benchmarks; prints a table and writes bench/results.json
	$(BIN)/python -m bench

lock: $(UV) ## lock the newest allowed versions, with hashes and without addresses
	@for out in requirements.txt 'requirements-dev.txt --group dev'; do \
	  $(UV) pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-emit-find-links \
	    --no-header --python-version 3.11 pyproject.toml --upgrade -o $$out; done
	$(UV) pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-emit-find-links \
	  --no-header --python-version 3.10 --override nlu_model/overrides.txt nlu_model/requirements.in --upgrade \
	  -o nlu_model/requirements.lock

clean: ## remove the environments, the tools and caches (not var/, where the data is)
	rm -rf $(VENV) .nlu .nlu.* $(TOOLS) build *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache
