.DEFAULT_GOAL := help
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: audit help setup demo test lint docs bench targets fix-loop clean
help: ## what can be done here
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 14

setup: $(VENV)/.ready ## a virtual environment with everything

$(VENV)/.ready: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade 'pip>=25.1'
	$(BIN)/python -m pip install --quiet --editable '.[fast]' --group test --group lint
	@touch $@

demo: $(BIN)/kcproxy ## a 403 replayed and cured: simulated, or KEYCLOAK=26.7.4 (fetched and started), or UPSTREAM=URL
ifdef KEYCLOAK
	$(BIN)/python -m devkit.realserver run $(KEYCLOAK) -- $(BIN)/kcproxy demo $(ARGS)
else
	$(BIN)/kcproxy demo $(if $(UPSTREAM),--upstream $(UPSTREAM)) $(ARGS)
endif

# The demo needs the program alone, none of the tools that `setup` brings: that keeps its first run short.
$(BIN)/kcproxy: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --editable .
	@touch $@

test: setup ## all tests; on a real Keycloak too, wherever Java and Maven are there
	$(BIN)/python -m pytest -q -n 2 -m 'not live and not live_long' --durations=5
	$(BIN)/python -m pytest -q -m live --durations=10

lint: setup ## style, types, import contracts, and that generated documents are up to date
	$(BIN)/ruff format --check --quiet .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m tools.docs --check

docs: setup ## write the generated documents anew
	$(BIN)/python -m tools.docs

bench: setup ## what forwarding costs, side by side with its peers
	$(BIN)/python -m bench

targets: setup ## 250,000 hostile request targets: what is judged is what is sent, and a token goes only where every reader agrees
	KCPROXY_TEST_TARGETS=250000 $(BIN)/python -m pytest -q -s --timeout=3600 tests/catalog/test_targets_property.py

fix-loop: setup ## every refusal cured by the printed commands: on 26.7.4, 26.4.7 and 24.0.5 (fetched and started), or KEYCLOAK=26.7.4
	$(BIN)/python -m tools.fixloop $(KEYCLOAK) $(ARGS)

audit: setup ## licences, bill of materials (dist/kcproxy.cdx.json), known vulnerabilities where their database answers
	$(BIN)/python -m tools.deploy.audit

clean: ## forget everything that was set up or downloaded
	rm -rf $(VENV) .keycloak .work dist
