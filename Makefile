# `make` alone lists the targets. Needed: Python 3.11 or newer, and make; everything else goes into .venv.

PYTHON ?= python3
ARGS ?=
UV := uv==0.13.9
# Linux and CPython 3.11 to 3.13 only, so it is no locked package.
ATHERIS := atheris==3.0.0
SECONDS ?= 60

BIN := .venv/bin
MARKS := .venv/.marks
PIP := PIP_DISABLE_PIP_VERSION_CHECK=1 $(BIN)/python -m pip --quiet --no-input
OFFLINE := echo "The packages could not be installed: see above; with the network there, run make again." >&2; exit 1

.DEFAULT_GOAL := help
.PHONY: help setup demo test bench chaos fuzz soak audit lint types gallery lock clean ALWAYS

help:  ## This list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-7s %s\n", $$1, $$2 }' Makefile

setup: $(MARKS)/project $(MARKS)/dev  ## Fill .venv with the locked packages (the others call it)

demo: $(MARKS)/project  ## The whole story on this machine, nothing leaves it
	@$(BIN)/aidstation demo $(ARGS)

test: setup  ## The tests; a part of them: make test ARGS=tests/content
	@$(BIN)/python -m pytest -n 2 --maxschedchunk 1 $(ARGS)

chaos: setup  ## Kill everything in mid-send, 20 rounds; fewer: make chaos ARGS="--rounds 2 --seed 7"
	@PYTHONPATH=tests/e2e $(BIN)/python -m chaos $(ARGS)

soak: setup  ## A year of four events on a virtual clock, with faults (20 minutes and more)
	@$(BIN)/python -m bench.soak $(ARGS)

fuzz: setup  ## Feed strangers' input to all that reads it, a minute each; longer: make fuzz SECONDS=600
	@$(PIP) install "$(ATHERIS)"
	@for target in importer workbook template text plan plan-words hooks reports bounce; do \
		echo "$$target, $(SECONDS) s"; \
		PYTHONPATH=tests nice -n 19 $(BIN)/python -m fuzz $$target --seconds $(SECONDS) || exit 1; \
	done

bench: setup  ## What this machine reaches, in a quarter of an hour; larger: aidstation bench --help
	@for words in "email --entrants 10000 --delay-ms 20" "sms" "sms --count 4000 --rate 200" "open --entrants 200000" \
		"import --rows 20000" "alert --bulk 50000" "claim --rows 100000"; do \
		echo "aidstation bench $$words"; $(BIN)/aidstation bench $$words || exit 1; echo; \
	done

lint: setup  ## Style and format
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check

audit: setup  ## Unsafe code, and releases with known holes
	@.ci/audit

types: setup  ## Type check
	@$(BIN)/mypy

gallery: setup  ## Pictures of emails and pages for docs/gallery; needs Chromium
	@$(BIN)/python -m pytest -q tests/browser/gallery_pages.py tests/browser/gallery_organiser.py
	@$(BIN)/python tests/browser/gallery.py

lock: $(MARKS)/python  ## Write both lock files from pyproject.toml; newer versions: make lock ARGS=--upgrade
	@$(PIP) install "$(UV)"
	@$(call compile,requirements.lock,)
	@$(call compile,requirements-dev.lock,--extra dev)

clean:  ## Remove what the other targets made, except data in var
	@rm -rf .venv build dist *.egg-info .hypothesis .mypy_cache .pytest_cache .ruff_cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

compile = UV_CUSTOM_COMPILE_COMMAND="make lock" $(BIN)/uv pip compile --quiet --generate-hashes --universal \
	--python-version 3.11 --no-emit-index-url $(2) $(ARGS) pyproject.toml --output-file $(1)

# A mark is younger than what it stands for, so that a second run starts at once.
# The first one holds the folder's path: programs in a .venv that was moved or copied still run the old place.
$(MARKS)/python: ALWAYS
	@if [ ! -x $(BIN)/python ] || [ "$$(cat $@ 2>/dev/null)" != "$(CURDIR)" ]; then \
		command -v "$(PYTHON)" >/dev/null \
			|| { echo "There is no $(PYTHON) here: install Python 3.11 or newer." >&2; exit 1; }; \
		"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
			|| { echo "Aid Station needs Python 3.11 or newer, and $(PYTHON) is older: name another, as in make PYTHON=python3.12 setup" >&2; exit 1; }; \
		"$(PYTHON)" -c 'import ensurepip, venv' 2>/dev/null \
			|| { echo "$(PYTHON) comes without its venv module: install it (Debian, Ubuntu: apt install python3-venv)." >&2; exit 1; }; \
		echo "Setting up 1/3: a virtual environment in .venv"; \
		"$(PYTHON)" -m venv $$([ ! -e $@ ] || echo --clear) .venv && mkdir -p $(MARKS) && echo "$(CURDIR)" >$@; \
	fi

$(MARKS)/packages: requirements.lock $(MARKS)/python
	@echo "Setting up 2/3: the packages of requirements.lock (about a minute)"
	@$(PIP) install --require-hashes -r requirements.lock || { $(OFFLINE); }
	@touch $@

$(MARKS)/project: pyproject.toml $(wildcard */__init__.py) $(MARKS)/packages
	@echo "Setting up 3/3: the aidstation command"
	@$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@

$(MARKS)/dev: requirements-dev.lock $(MARKS)/packages | $(MARKS)/project
	@echo "Setting up for development: the packages of requirements-dev.lock"
	@$(PIP) install --require-hashes -r requirements-dev.lock || { $(OFFLINE); }
	@touch $@
