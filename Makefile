# Everything a developer or CI does is one of these targets. `make` alone lists them.
# Needs: Python >= 3.11 with venv, and make. Everything else is installed into .venv from pinned hashes.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip --disable-pip-version-check --no-input install --quiet
# xdist's workers: as many as there are cores. `make test PYTEST_ARGS='-n 0 -k isolate'` narrows a run.
WORKERS     ?= auto
PYTEST_ARGS ?=
LOCK := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
        --no-emit-index-url --no-emit-find-links --no-header --no-annotate pyproject.toml
UPGRADE ?=
# Where the tests of a real cluster run: the one of `make cluster-up`, or a context of your own (IRKIT_TEST_CONTEXT=...).
# CLUSTER_ARGS chooses how it enforces policies: `make cluster-up CLUSTER_ARGS='--established cut --refuse drop'`.
# `APART=yes` has them run on a second one beside it, in namespaces of its own, that is gone afterwards.
CLUSTER_ARGS  ?=
CLUSTER_TESTS ?= tests/cluster tests/contract tests/crash tests/e2e
CLUSTER       := PYTHONPATH=. $(BIN)/python -m tests.cluster
APART         ?=

.DEFAULT_GOAL := help
.PHONY: help dev drill test crash-all cluster-up test-cluster cluster-down lint format bench docs check-docs lock clean

help:  ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | awk -F '\t' '{printf "  make %-12s %s\n", $$1, $$2}'

# -- environment: two layers, so that `make drill` installs only what irkit and its lab need ---------------------

$(VENV)/.run: requirements/run.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	  echo "make: irkit needs Python 3.11 or newer; $(PYTHON) is $$($(PYTHON) -V 2>&1 || true)"; \
	  echo "      install one, then: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	  echo "make: $(PYTHON) has no venv module; on Debian or Ubuntu: apt install python3-venv"; exit 1; }
	@echo "make: creating $(VENV) from pinned hashes (about half a minute, once)"
	@$(PYTHON) -m venv --clear $(VENV)
	@$(PIP) --require-hashes -r requirements/run.txt
	@touch $@

# The editable install is one path entry and the `irkit` command. Bytecode is written even where
# PYTHONDONTWRITEBYTECODE is set, because start-up without it takes twice as long.
$(VENV)/.irkit: $(VENV)/.run pyproject.toml irkit/__init__.py
	@$(PIP) --no-deps --no-build-isolation --editable .
	@$(BIN)/python -m compileall -q irkit
	@touch $@

$(VENV)/.dev: $(VENV)/.run requirements/dev.txt
	@echo "make: adding the test and lint tools"
	@$(PIP) --require-hashes -r requirements/dev.txt
	@touch $@

dev: $(VENV)/.irkit $(VENV)/.dev  ## make .venv: irkit, editable, and every tool

# -- what people run ---------------------------------------------------------------------------------------------

drill: $(VENV)/.irkit  ## one whole incident in the embedded lab: respond, verify, report
	@$(BIN)/irkit drill run compromised-pod

test: dev  ## everything that needs no cluster
	@$(BIN)/pytest -n $(WORKERS) --dist worksteal $(PYTEST_ARGS)

crash-all: dev  ## every pair of crash points; `make test` takes single points and a sample of pairs
	@$(BIN)/pytest -n $(WORKERS) -m crash_all tests/crash $(PYTEST_ARGS)

cluster-up: $(VENV)/.irkit  ## a real Kubernetes cluster on this machine (Debian, root)
	@$(CLUSTER) up $(CLUSTER_ARGS)

test-cluster: dev  ## what needs a real cluster: this machine's, or IRKIT_TEST_CONTEXT
	@$(if $(APART),$(CLUSTER) with --apart --) $(BIN)/pytest -m cluster $(CLUSTER_TESTS) $(PYTEST_ARGS)

cluster-down: $(VENV)/.irkit  ## stop it, leave no trace of it
	@$(CLUSTER) down

lint: dev check-docs  ## style, types, import layers, spelling, generated pages
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo
	@$(BIN)/codespell

format: dev  ## let ruff rewrite what it can
	@$(BIN)/ruff check --fix
	@$(BIN)/ruff format

bench: dev  ## ratios of speed against a baseline of the same run
	@$(BIN)/python -m compileall -q irkit
	@$(BIN)/python -m bench

docs: dev  ## write the generated pages, tables, schema and help text
	@$(BIN)/python -m scripts.docs

check-docs: dev  ## fail if a generated page is stale
	@$(BIN)/python -m scripts.docs --check

lock: dev  ## requirements/*.txt from pyproject.toml; UPGRADE=--upgrade takes newer versions
	@$(LOCK) $(UPGRADE) --extra lab --group build --group dev -o requirements/dev.txt
	@$(LOCK) --extra lab --group build -c requirements/dev.txt -o requirements/run.txt

clean:  ## remove .venv and caches
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .grimp_cache build dist
