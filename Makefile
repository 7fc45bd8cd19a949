# Telemetra: `make run` starts everything on this machine, `make test` tests everything. `make` alone lists the rest.

PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
BIN := .venv/bin
PIP_INSTALL := $(BIN)/pip install --quiet --no-deps --disable-pip-version-check
SOURCES := src tests bench alembic hatch_build.py
NAMES_DATA_DIR := ^[[:space:]]*(export[[:space:]]+)?TELEMETRA_DATA_DIR[[:space:]]*=[[:space:]]*[^[:space:]]
# What `make test` runs, and the engines it runs on: `make test TESTS=tests/contract POSTGRES_BIN=/usr/lib/postgresql/15/bin
# REDIS_BIN=/usr/bin/redis-server`. Without them, the packaged PostgreSQL and Valkey.
TESTS ?= tests
POSTGRES_BIN ?=
REDIS_BIN ?=
.DEFAULT_GOAL := help
.PHONY: help install install-dev run test test-faults check format coverage bench bench-detector bench-http bench-live bench-soak fuzz openapi types clients test-browser node-tools lock wheel check-wheel clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: .venv/.installed ## Make the environment: .venv/bin/telemetra

install-dev: .venv/.installed-dev

run: .venv/.installed ## Start PostgreSQL, Valkey, the service and a demo stream; HOST and PORT as you like
	@# A directory that the environment or .env names goes before the checkout's own: an empty value leaves it to them.
	@TELEMETRA_DATA_DIR="$${TELEMETRA_DATA_DIR:-$$(grep -Eqs '$(NAMES_DATA_DIR)' .env || echo "$(CURDIR)/.telemetra")}" \
		exec $(BIN)/telemetra serve --demo

test: .venv/.installed-dev node-tools ## Run the whole suite on real engines; TESTS=, POSTGRES_BIN=, REDIS_BIN= choose
	TELEMETRA_TEST_POSTGRES_BIN="$(POSTGRES_BIN)" TELEMETRA_TEST_REDIS_BIN="$(REDIS_BIN)" \
		$(BIN)/pytest $(TESTS)

test-faults: .venv/.installed-dev ## Run the slow faults too: `make test` leaves them out, unless TESTS= names one
	TELEMETRA_TEST_POSTGRES_BIN="$(POSTGRES_BIN)" TELEMETRA_TEST_REDIS_BIN="$(REDIS_BIN)" \
		$(BIN)/pytest -m slow_fault --dist=load $(TESTS)

test-browser: .venv/.installed-dev node-tools ## Run what needs a browser: the dashboard, and the TypeScript client in it
	TELEMETRA_TEST_POSTGRES_BIN="$(POSTGRES_BIN)" TELEMETRA_TEST_REDIS_BIN="$(REDIS_BIN)" \
		$(BIN)/pytest -m browser $(TESTS)

check: .venv/.installed-dev node-tools ## Check format, lint, types and layers
	$(BIN)/ruff format --check $(SOURCES)
	$(BIN)/ruff check $(SOURCES)
	$(BIN)/mypy
	$(BIN)/pyright
	$(BIN)/lint-imports
	@if [ -e clients/node_modules/.installed ]; then npm --prefix clients run --silent check; fi

format: .venv/.installed-dev ## Format, and mend what lint can mend
	$(BIN)/ruff check --fix $(SOURCES)
	$(BIN)/ruff format $(SOURCES)

coverage: .venv/.installed-dev ## Run the suite and show what it covers: here, and in htmlcov/
	$(BIN)/coverage erase
	$(BIN)/coverage run -m pytest $(TESTS)
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report
	$(BIN)/coverage html --quiet

bench-detector: .venv/.installed ## Judge the detector on real minutes
	$(BIN)/python bench/detector.py

bench: ## All benchmarks of speed, one after the other, whatever misses
	@failed=0; $(MAKE) --no-print-directory bench-live || failed=1; \
		$(MAKE) --no-print-directory bench-http || failed=1; exit $$failed

bench-http: .venv/.installed-dev ## Measure the reads beside what others make of this machine; PARTS= and QUICK=1 choose
	$(BIN)/python -m bench.http $(PARTS) $(if $(QUICK),--quick)

bench-live: .venv/.installed-dev ## Measure live delivery beside what others make of this machine; PARTS= and QUICK=1 choose
	$(BIN)/python -m bench.live $(PARTS) $(if $(QUICK),--quick)

bench-soak: .venv/.installed-dev ## Serve, write and listen while everything fails in turn; MINUTES= and QUICK=1 choose
	$(BIN)/python -m bench.soak $(if $(MINUTES),--minutes $(MINUTES)) $(if $(QUICK),--quick)

fuzz: .venv/.installed-dev ## Fuzz what reads a client's bytes; SECONDS= for all together, TARGETS= choose
	$(BIN)/python -m bench.fuzz $(if $(SECONDS),--seconds $(SECONDS)) $(TARGETS)

openapi: .venv/.installed ## Renew the committed documents: OpenAPI and AsyncAPI
	$(BIN)/telemetra openapi > tests/architecture/openapi.json
	$(BIN)/telemetra asyncapi > tests/architecture/asyncapi.json

types: openapi clients/node_modules/.installed ## Renew the types of the TypeScript client
	npm --prefix clients run --silent types

clients: clients/node_modules/.installed ## Build the TypeScript client, and the dashboard that is served
	npm --prefix clients run --silent build

lock: ## Renew the lock files with uv (https://docs.astral.sh/uv)
	./requirements/lock

wheel: .venv/.installed-dev ## Build the wheel into dist/
	rm -rf dist
	$(BIN)/hatchling build -t wheel

check-wheel: wheel ## Install the wheel into an empty environment, and look whether it is whole
	rm -rf dist/check && $(PYTHON) -m venv dist/check
	dist/check/bin/pip install --quiet --no-deps --require-hashes --disable-pip-version-check -r requirements/run.lock
	dist/check/bin/pip install --quiet --no-deps --disable-pip-version-check dist/*.whl
	cd dist && check/bin/python ../tests/wheel.py
	rm -rf dist/check

clean: ## Remove what the targets made, but not the embedded data
	rm -rf .venv dist htmlcov clients/node_modules clients/typescript/dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .coverage*

.venv/bin/python:
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed; name it with PYTHON=/path/to/python3" >&2; exit 1; }
	@# Debian's Python leaves half an environment behind where its venv package is missing.
	@$(PYTHON) -m venv .venv || { rm -rf .venv; \
		echo "Python's venv does not work here; on Debian and Ubuntu: apt install python3-venv" >&2; exit 1; }

.venv/.installed: .venv/bin/python requirements/run.lock pyproject.toml hatch_build.py
	@echo "Installing (once, half a minute) ..."
	$(PIP_INSTALL) --require-hashes -r requirements/run.lock
	$(PIP_INSTALL) --no-build-isolation --editable .
	@touch $@

.venv/.installed-dev: .venv/.installed requirements/dev.lock
	@echo "Installing what tests need ..."
	$(PIP_INSTALL) --require-hashes -r requirements/dev.lock
	@touch $@

# What the TypeScript in clients/ is made with. Only who changes it needs Node: what is served is in the repository.
node-tools:
	@if ! command -v npm > /dev/null; then echo "No npm here: clients/ is left out." >&2; \
		elif ! $(MAKE) --no-print-directory clients/node_modules/.installed; then \
		echo "npm could not install what clients/ is made with: it is left out." >&2; fi

clients/node_modules/.installed: clients/package-lock.json
	npm --prefix clients ci --loglevel=error
	@touch $@
