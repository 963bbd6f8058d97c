# Two commands do everything on a machine that has python3, pip and make:
#   make matrix   set up, then ask every agent every question
#   make test     set up, then run the suite
.DEFAULT_GOAL := help
UV := $(shell command -v uv 2>/dev/null || echo .venv/tool/bin/uv)
PYTHON := .venv/bin/python
export UV_PROJECT_ENVIRONMENT := .venv
export UV_SYSTEM_CERTS := 1

.PHONY: help setup matrix test coverage soak lint types architecture check wheel publish bench benchmark lock clean

help: ## Say what there is to make
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /\1\t/' | expand -t 12

setup: .venv/.ready ## Make the environment from the committed lock

.venv/.ready: requirements.lock pyproject.toml
	@command -v uv >/dev/null 2>&1 || test -x .venv/tool/bin/uv || \
		{ python3 -m venv .venv/tool && .venv/tool/bin/python -m pip install --quiet --disable-pip-version-check uv; }
	@test -x $(PYTHON) || $(UV) venv --quiet --allow-existing --python '>=3.11' .venv
	@$(UV) pip sync --quiet --python $(PYTHON) --require-hashes requirements.lock
	@$(UV) pip install --quiet --python $(PYTHON) --no-deps --no-build-isolation --editable .
	@touch $@

matrix: setup ## Run the matrix on the bundled agents, with stub and real servers
	$(PYTHON) -m matrix run --baseline results/baseline.toml

test: setup ## Run the tests, in parallel; COVERAGE=1 measures what they reach, and fails below 90 %
	$(PYTHON) -m pytest -n auto --dist worksteal $(if $(COVERAGE),--cov --cov-report=term)

coverage: ## Run the tests and show in htmlcov/ which lines and branches of matrix/ they reach
	$(MAKE) test COVERAGE=1
	$(PYTHON) -m coverage html

soak: setup ## Run what takes longer than CI may
	$(PYTHON) -m pytest -m soak

lint: setup ## Check style
	$(PYTHON) -m ruff check .
	$(PYTHON) -m ruff format --check .

types: setup ## Check types, strictly
	$(PYTHON) -m basedpyright

architecture: setup ## Check that arrows point only downward
	.venv/bin/lint-imports --no-cache
	$(PYTHON) -m pytest -q tests/test_architecture.py

check: test lint types architecture ## All that CI checks

wheel: setup ## Build the wheel into dist/
	$(PYTHON) -m hatchling build -t wheel

publish: matrix ## Renew results/
	$(PYTHON) -m matrix report out --publish results

bench: setup ## Renew docs/performance.md, all of it or PARTS; takes an hour of a quiet machine
	$(PYTHON) -m benchmarks $(PARTS)

benchmark: setup ## Renew docs/configs-benchmark.md; takes long
	$(PYTHON) -m matrix bench configs --output docs

lock: ## Renew the lock
	$(UV) pip compile --quiet --universal --generate-hashes --no-annotate --no-header --group dev --all-extras \
		--output-file requirements.lock pyproject.toml

clean: ## Remove what was made
	rm -rf .venv out dist htmlcov .coverage*
