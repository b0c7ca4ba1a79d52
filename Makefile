# Two commands for a first look: `make audit` and `make test`. Each sets up what it needs.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
PIP := $(BIN)/python -m pip --disable-pip-version-check

.PHONY: audit test lint benchmarks clean

audit: $(READY)  ## audit scikit-learn's handwritten digits
	@test -f data/digits.parquet || $(BIN)/labelhealth example data/digits.parquet
	@$(BIN)/labelhealth audit configs/digits.yaml

test: $(READY)  ## run all tests
	@$(BIN)/python -m pytest -q -n 2 --dist loadfile --no-loadscope-reorder

lint: $(READY)  ## style and types
	@$(PIP) install --quiet -c constraints.txt -e '.[dev]'
	@$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy

benchmarks: $(READY)  ## measure speed and memory beside cleanlab (an hour; quick: make benchmarks QUICK=1)
	@$(BIN)/python -m benchmarks $(if $(QUICK),--quick)

$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "labelhealth needs Python 3.11 or newer; try: make PYTHON=python3.11")'
	@echo "setting up $(VENV) (once, a minute or two)"
	@$(PYTHON) -m venv $(VENV)
	@$(PIP) install --quiet -c constraints.txt -e '.[test]'
	@touch $@

clean:  ## remove the environment, the example dataset and its audits
	rm -rf $(VENV) data audits
