# Two commands for a fresh clone: `make demo` (the main job) and `make test` (the suite).
# Everything lands in .venv; later calls reuse it and start in seconds.

PYTHON ?= python3
BIN := .venv/bin
# Read by every pip call below: torch and torchvision stay on the pins, also when sam2 is built
# from source, and its CUDA extension is not.
export PIP_CONSTRAINT := $(CURDIR)/requirements/constraints.txt
export PIP_BUILD_CONSTRAINT := $(PIP_CONSTRAINT)
export SAM2_BUILD_CUDA := 0
export PIP_DISABLE_PIP_VERSION_CHECK := 1
# Workers that share the suite's files, one a core, each with a screen of its own (four take 12 GB); `make test WORKERS=`
# has none. One that dies fails the test it ran, and with it the run.
WORKERS ?= --numprocesses=logical --maxprocesses=4 --dist=loadfile --max-worker-restart=2
# What is compiled is kept: each worker would compile every test, and every process that a test starts all of the source.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo test test-all test-slow test-integration test-nightly check check-lowest check-coverage ratchet ratchet-update docs app \
	web demo-web clean help

help:  ## Show this list
	@grep -E '^[a-z-]+:.*##' Makefile | sed 's/:.*## /\t/' | expand -t 12

demo: .venv/.base  ## Segment the CT phantom from one box into demo/
	@$(BIN)/volsweep demo --output demo

test: .venv/.dev  ## Run the test suite, but for what takes seconds of the processor each
	@tools/system-packages --check
	$(BIN)/python -m pytest $(WORKERS) -m 'not long and not slow and not integration and not nightly'

test-all: .venv/.dev  ## Run the whole test suite, as CI does
	@tools/system-packages --check
	$(BIN)/python -m pytest $(WORKERS)

test-slow: .venv/.dev  ## Run the tests that take minutes
	$(BIN)/python -m pytest -m slow

test-integration: .venv/.integration  ## Run the tests against other programs (dicom3tools, dcmqi, Orthanc, Chromium), and install these
	@tools/system-packages --integration
	$(BIN)/python -m pytest $(WORKERS) -m integration

test-nightly: .venv/.dev  ## Run the tests that take hours (hostile inputs, sittings, mutants), and those with the lowest versions
	$(BIN)/python -m pytest -m nightly
	$(BIN)/python -m pytest --hypothesis-profile=nightly --fuzz-minutes=30 --timeout=7200 tests/fuzz/test_texts.py tests/fuzz/test_names.py
	$(BIN)/python tools/mutants.py
	tools/check-lowest

check-lowest:  ## Run the tests of what needs no window with the lowest versions that are declared
	tools/check-lowest

check: .venv/.dev  ## Lint, types, the walls between rooms, declared dependencies
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/deptry --no-ansi .

check-coverage: .venv/.dev  ## Run the suite and hold its coverage to a floor
	@tools/system-packages --check
	$(BIN)/python -m pytest $(WORKERS) --cov --cov-report=term:skip-covered --cov-fail-under=94

ratchet: .venv/.dev  ## Hold the bundled network's figures against the last one's, if it is another than was measured
	$(BIN)/python benchmarks/ratchet.py

ratchet-update: .venv/.dev  ## Measure the bundled network and write benchmarks/ratchet.json
	$(BIN)/python benchmarks/ratchet.py --update

docs: .venv/.docs  ## Build the documentation with the API reference into site/, without a network
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

app: .venv/.dev  ## Open napari with the CT phantom and Volsweep docked
	@tools/system-packages --check
	$(BIN)/python -m volsweep.napari

web:  ## Build the page of `volsweep serve` into src/volsweep/serve/static (needs Node.js)
	cd web && npm ci --silent && npm run --silent check && npm run --silent build

demo-web: .venv/.serve  ## Open the page on the phantoms in a browser
	@$(BIN)/volsweep serve --open

clean:  ## Remove the environment and what the demo made
	rm -rf .venv demo

.venv/bin/python:
	$(PYTHON) -m venv .venv

.venv/.base: pyproject.toml requirements/constraints.txt | .venv/bin/python
	$(BIN)/python -m pip install --quiet --editable .
	@touch $@

.venv/.dev: .venv/.base
	$(BIN)/python -m pip install --quiet --editable '.[napari,serve,dev]'
	@touch $@

.venv/.serve: .venv/.base
	$(BIN)/python -m pip install --quiet --editable '.[serve]'
	@touch $@

.venv/.docs: .venv/.base
	$(BIN)/python -m pip install --quiet --editable '.[docs]'
	@touch $@

.venv/.integration: .venv/.dev
	$(BIN)/python -m pip install --quiet --editable '.[batch,integration]'
	@touch $@
