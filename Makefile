# What the README and continuous integration call.
# `make demo` and `make test` do all of their own set-up in .venv; they need Python 3.11
# to 3.13 and make, nothing else. Another interpreter: make demo PYTHON=/path/to/python3

VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
DOCS_STAMP := $(VENV)/.installed-docs
RESULTS ?= results/k2_24
ARGS ?=
# Most of the tests' time is compilation, which uses one core: one process a core, and
# two examples at a time.
# Compiled programs stay in memory until a process ends, so the tests come in parts.
PARALLEL ?= -n auto --maxprocesses=4 --dist loadfile

# TensorFlow has wheels for these versions only; Debian's Python may lack ensurepip.
SUITABLE := import ensurepip, sys, venv; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))
PYTHON ?= $(shell for candidate in python3 python3.13 python3.12 python3.11 python; do \
	if "$$candidate" -c '$(SUITABLE)' 2>/dev/null; then command -v "$$candidate"; break; fi; done)

.DEFAULT_GOAL := help
.PHONY: help demo test test-full check docs figures lint format imports types coverage bench clean

help: ## Show this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 14

CLUSTER_STAMP := $(VENV)/.installed-cluster
ADAPTERS_STAMP := $(VENV)/.installed-adapters

# The stamp is younger than setup.cfg, or the environment is brought up to date.
# radvel carries the K2-24 velocities; its own requirements need a compiler, and the
# data alone need none of them.
$(STAMP): setup.cfg pyproject.toml
	@"$(PYTHON)" -c '$(SUITABLE)' 2>/dev/null || { \
	echo "flowmc needs Python 3.11, 3.12 or 3.13 with the venv module; python3 here is: $$(python3 --version 2>&1)." \
	"Install one, or name it: make PYTHON=/path/to/python3.12" >&2; exit 1; }
	@echo "Installing flowmc and what it needs into $(VENV): once, a few minutes."
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || "$(PYTHON)" -m venv --clear $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[test]'
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check \
	--no-deps --only-binary radvel 'radvel>=1.4.9'
	@touch $@

$(DOCS_STAMP): $(STAMP)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[docs]'
	@touch $@

demo: $(STAMP) ## Sample the K2-24 posterior; ARGS=--force or ARGS=--resume the second time
	@status=0; $(BIN)/flowmc run examples/k2_24.toml -o $(RESULTS) $(ARGS) || status=$$?; \
	case $$status in 0|3) echo "The results are in $(RESULTS): open $(RESULTS)/report.html";; \
	*) test ! -e $(RESULTS) || echo "To go on: make demo ARGS=--resume. To start" \
	"afresh: make demo ARGS=--force." >&2;; esac; \
	exit $$status

test: $(STAMP) ## Lint, import contracts, types, default tests
	@$(MAKE) --no-print-directory lint imports types
	$(BIN)/python -m pytest $(PARALLEL) --durations=10 tests/unit
	$(BIN)/python -m pytest $(PARALLEL) --durations=10 --ignore=tests/unit

# Pools of other packages: the default tests need none of them.
$(CLUSTER_STAMP): $(STAMP)
	@echo "Installing dask, ray, schwimmbad and mpi4py into $(VENV) for the long tests."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[cluster]'
	@touch $@

# Packages that flowmc runs in, or converts to: the default tests need none of them.
$(ADAPTERS_STAMP): $(STAMP)
	@echo "Installing bilby, cobaya and GetDist into $(VENV) for the long tests."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[adapters]'
	@touch $@

test-full: $(CLUSTER_STAMP) $(ADAPTERS_STAMP) ## The long tests, the site, then every example at its smallest size
	@$(MAKE) --no-print-directory docs
	$(BIN)/python -m pytest -m full $(PARALLEL) --durations=10 tests/unit
	$(BIN)/python -m pytest -m full $(PARALLEL) --durations=10 tests/conformance tests/statistical
	$(BIN)/python -m pytest -m full $(PARALLEL) --durations=10 --ignore=tests/unit \
	--ignore=tests/conformance --ignore=tests/statistical
	@printf '%s\n' examples/*.py | xargs -P 2 -I{} sh -c 'said=$$(FLOWMC_QUICK=1 \
	MPLBACKEND=agg $(BIN)/python {} 2>&1); status=$$?; echo "{}"; echo "$$said"; exit $$status'
	@folder=$$(mktemp -d); trap 'rm -rf "$$folder"' EXIT; \
	printf '%s\n' examples/*.toml | xargs -P 2 -I{} sh -c 'said=$$($(BIN)/flowmc run {} \
	-o "$$0/{}" --test 2>&1); status=$$?; echo "{}"; echo "$$said"; exit $$status' "$$folder"

docs: $(DOCS_STAMP) ## The site, in docs/_build; warnings are errors
	$(BIN)/python -m sphinx -W --keep-going --quiet -b html docs docs/_build
	@echo "Open docs/_build/index.html"

figures: $(STAMP) ## Make the pictures of the site anew, and those of the examples
	@set -e; for script in docs/figures/make_*.py; do echo "$$script"; \
	MPLBACKEND=agg $(BIN)/python "$$script"; done

check: $(STAMP) ## The fast part of `make test`
	@$(MAKE) --no-print-directory lint imports types
	$(BIN)/python -m pytest -q tests/architecture tests/unit/core

lint: $(STAMP) ## Ruff: rules and format
	$(BIN)/python -m ruff check .
	$(BIN)/python -m ruff format --check .

format: $(STAMP) ## Let ruff repair what it can
	$(BIN)/python -m ruff check --fix .
	$(BIN)/python -m ruff format .

imports: $(STAMP) ## The contracts between rooms
	$(BIN)/lint-imports --no-logo

types: $(STAMP) ## Mypy
	$(BIN)/python -m mypy

coverage: $(STAMP) ## Which lines the default tests reach
	$(BIN)/python -m coverage run -m pytest
	$(BIN)/python -m coverage report

bench: $(STAMP) ## Name the comparisons with other packages
	@echo "Install the peers: $(BIN)/python -m pip install --editable '.[bench]'"
	@for script in flows training kernels vae samplers sbc smc emcee_moves pools; do echo "$(BIN)/python benchmarks/$$script.py"; done

clean: ## Remove the environment and every cache
	rm -rf $(VENV) build docs/_build *.egg-info .coverage
	rm -rf .pytest_cache .mypy_cache .ruff_cache .import_linter_cache
