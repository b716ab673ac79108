.DEFAULT_GOAL := help
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
LOWEST := .venv-lowest
BIN := $(VENV)/bin

# Without bytecode, each start of the program compiles it again: 0.2 s and 1 MiB more. The tests start hundreds of processes.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: audit help release setup demo test test-fast test-long test-lowest coverage lint docs site bench targets fix-loop permission-loop clean
help: ## list the targets
	@grep -Eh '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 14

# xds-protos brings an old copy of some modules of opentelemetry-proto. Which one stays depends on the order in which pip installs them.
restore = $(1)/python -m pip install --quiet --force-reinstall --no-deps opentelemetry-proto==$$($(1)/python -c 'from importlib.metadata import version; print(version("opentelemetry-proto"))')

setup: $(VENV)/.ready ## create a virtual environment in .venv with everything that the targets below need

$(VENV)/.ready: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade 'pip>=25.1'
	$(BIN)/python -m pip install --quiet --editable '.[fast]' --group test --group lint
	$(call restore,$(BIN))
	$(BIN)/python -m compileall -q kcproxy
	@touch $@

demo: $(BIN)/kcproxy ## reproduce a 403 and fix it: on the simulator, on a real Keycloak (KEYCLOAK=26.7.5), or on your own (UPSTREAM=URL)
ifdef KEYCLOAK
	$(BIN)/python -m devkit.realserver run $(KEYCLOAK) -- $(BIN)/kcproxy demo $(ARGS)
else
	$(BIN)/kcproxy demo $(if $(UPSTREAM),--upstream $(UPSTREAM)) $(ARGS)
endif

# The demo needs only the program, without the development tools of `setup`. That keeps its first run short.
$(BIN)/kcproxy: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --editable .
	$(BIN)/python -m compileall -q kcproxy
	@touch $@

FAST := -m 'not live and not live_long'

test: setup ## run all tests, including those on a real Keycloak if Java and Maven are installed
	$(BIN)/python -m pytest -q -n 3 $(FAST) --durations=5 $(ARGS)
	$(BIN)/python -m pytest -q -m 'live and not live_long' -n 3 --dist loadfile --durations=10 $(ARGS)

test-fast: setup ## run all tests that need no Keycloak
	$(BIN)/python -m pytest -q -n 3 $(FAST) --durations=5

test-long: setup ## run the tests that take longest, most on a real Keycloak, which `test` leaves out
	$(BIN)/python -m pytest -q -m live_long -n 2 --dist loadfile --durations=10

# A second environment, because the first one has the newest versions.
test-lowest: $(LOWEST)/.ready ## run the same tests with the lowest supported version of each dependency
	$(LOWEST)/bin/python -m pytest -q -n 2 $(FAST) --durations=5

$(LOWEST)/.ready: pyproject.toml tools/lowest.py | setup
	$(PYTHON) -m venv $(LOWEST)
	$(BIN)/python -m tools.lowest > $(LOWEST)/constraints.txt
	$(LOWEST)/bin/python -m pip install --quiet --upgrade 'pip>=25.1'
	$(LOWEST)/bin/python -m pip install --quiet --constraint $(LOWEST)/constraints.txt --editable '.[fast,tracing,envoy,postgresql]' --group test
	$(call restore,$(LOWEST)/bin)
	@touch $@

coverage: setup ## measure line and branch coverage of the tests that need no Keycloak
	$(BIN)/coverage erase
	$(BIN)/python -m pytest -q -n 2 $(FAST) --cov=kcproxy --cov-branch --cov-report=
	$(BIN)/coverage report --format=total
	$(BIN)/coverage report --skip-covered --sort=cover | head -30

lint: setup ## check style, types, import contracts, and that generated documents are up to date
	$(BIN)/ruff format --check --quiet .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m tools.docs --check

docs: setup ## write the generated documents
	$(BIN)/python -m tools.docs

site: $(VENV)/.site-ready ## build the documentation site into dist/site without warnings, and check its links
	$(BIN)/python -m tools.site

$(VENV)/.site-ready: pyproject.toml | setup
	$(BIN)/python -m pip install --quiet --group docs
	@touch $@

bench: setup ## measure the CPU cost of forwarding, side by side with other proxies
	$(BIN)/python -m bench

targets: setup ## check 250,000 hostile request targets: the matched bytes are the sent bytes, and ambiguous targets get no token
	TEST_TARGETS=250000 $(BIN)/python -m pytest -q -s --timeout=3600 tests/catalog/test_targets_property.py

fix-loop: setup ## run the printed fix of every refusal on Keycloak 26.7.5, 26.4.7 and 24.0.5, or on one version (KEYCLOAK=26.7.5)
	$(BIN)/python -m tools.fixloop $(KEYCLOAK) $(ARGS)

permission-loop: setup ## run the first fix of every refusal that permissions end on Keycloak 26.7.5, or on one version (KEYCLOAK=26.4.7)
	$(BIN)/python -m tools.permissions.loop $(or $(KEYCLOAK),26.7.5) $(ARGS)

audit: setup ## check licences, write a bill of materials (dist/kcproxy.cdx.json), and look up known vulnerabilities
	$(BIN)/python -m tools.deploy.audit

release: setup ## build wheel, sdist, bill of materials and checksums into dist/release, reproducibly (ARGS=--snapshot for any commit)
	$(BIN)/python -m tools.deploy.release $(ARGS)

clean: ## remove everything that was set up or downloaded
	rm -rf $(VENV) $(LOWEST) .keycloak .work dist .coverage*
