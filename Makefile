# Two commands for a newcomer: `make demo` and `make test`. Both set up first.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: setup demo test check docs fmt clean

setup: $(STAMP)

$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable ".[server,demo,dev]"
	touch $@

demo: setup
	$(BIN)/handrail demo

test: setup
	$(BIN)/python -m pytest

# Everything CI does beside the tests.
check: setup
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m handrail.documents --check

# JSON Schemas, AsyncAPI and the reference of the command line, made from the code.
docs: setup
	$(BIN)/python -m handrail.documents

fmt: setup
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

clean:
	rm -rf $(VENV) .cache dist build
