# Two commands for a newcomer: `make demo` and `make test`. Both set up first.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: setup demo test test-long test-again crash compiled check docs fmt clean

setup: $(STAMP)

$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable ".[server,demo,dev]"
	touch $@

demo: setup
	$(BIN)/handrail demo

# docs/testing.md says what runs where, and how to run one test by itself.
TESTERS ?= 4
TESTS ?= tests
test: setup
	$(BIN)/python -m pytest -m "not long" --numprocesses $(TESTERS) --dist worksteal $(TESTS)

# Fault runs, what stock Faust does wrong, recorded conversations on both brokers, the pages of the documentation: they load
# a machine themselves, so two at a time.
test-long: setup
	$(BIN)/python -m pytest -m long --numprocesses 2 --dist worksteal $(TESTS)

# What failed in the last run, once more and one at a time: timings of a busy machine differ from mistakes in the code by
# passing here. More than AGAIN_MAX is no matter of timing, and fails at once.
AGAIN_MAX ?= 5
FAILED := .pytest_cache/v/cache/lastfailed
test-again: setup
	@$(BIN)/python -c "import json, sys; failed = list(json.load(open('$(FAILED)'))); print('failed, to be run again alone:', *failed, sep='\n  '); sys.exit(len(failed) > $(AGAIN_MAX))"
	$(BIN)/python -m pytest --last-failed --last-failed-no-failures none

# Faults over running brokers, workers and sink, under load (docs/faults.md). A run with differences prints its command.
FAULTS ?= 200
SEED ?= 1
crash: setup
	$(BIN)/python -m tests.crash --faults $(FAULTS) --seed $(SEED)

# The fold compiled, in build/compiled beside the sources (docs/compiled.md says how to run it). Needs a C compiler.
compiled: setup
	@command -v cc > /dev/null || { echo "make compiled: there is no C compiler: apt-get install gcc libc6-dev"; exit 1; }
	rm -rf build/compiled build/wheel
	HATCH_BUILD_HOOK_ENABLE_CUSTOM=true $(BIN)/python -m pip wheel --quiet --disable-pip-version-check --no-deps \
	  --wheel-dir build/wheel .
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --target build/compiled build/wheel/*.whl

# Everything CI does beside the tests.
check: setup
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m handrail.documents --check
	$(BIN)/python -m infra.house --check

# JSON Schemas, AsyncAPI, the reference of the command line and the picture of the rooms, made from the code.
docs: setup
	$(BIN)/python -m handrail.documents
	$(BIN)/python -m infra.house --picture docs/images/house.svg

fmt: setup
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

clean:
	rm -rf $(VENV) .cache dist build
