# Every target sets up what it needs. Only python3 (>= 3.11), make and git must be there.
PYTHON ?= $(shell for p in python3.11 python3.12 python3.13 python3 python; do \
	command -v $$p >/dev/null 2>&1 && $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
BIN := .venv/bin
WORKERS ?= 4
CONSTRAINTS ?= constraints.txt
DEMO := $(CURDIR)/.demo

.PHONY: help run setup check compiled test test-slow test-latest test-lowest test-pythons coverage suite lock bench docs shots clean

help:                 ## list these targets
	@sed -n 's/^\([a-z-]*\):[^#]*## \(.*\)/make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 20

run: .venv/.runs      ## open the screen on the sample missions; without a terminal run one and print its result
	@echo "This demo keeps its records in .demo, apart from your own."
	@echo "For the command mission in this shell:  export PATH=\"$(CURDIR)/$(BIN):\$$PATH\""
	@echo "To install it for good:                 pipx install .    (or: uv tool install .)"
	@if [ -t 0 ] && [ -t 1 ]; then $(IN_DEMO) $(BIN)/mission; else $(IN_DEMO) $(BIN)/mission run sample_missions/hello.yaml; fi

IN_DEMO = env -u MISSION_DB MISSION_HOME=$(DEMO)

setup: .venv/.ready   ## install everything that running, testing and checking needs into .venv

# $(call install,ENVIRONMENT,EXTRAS,CONSTRAINTS,PIP OPTIONS): install this folder, editable. The
# build system is installed first, under the same constraints, so that the build fetches nothing.
define install
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed and was not found" >&2; exit 1; }
	@test -x $(1)/bin/python || { echo "making $(1) with $$($(PYTHON) --version)"; $(PYTHON) -m venv $(1); }
	@echo "installing missiondeck$(2) into $(1)"
	@$(1)/bin/python -m pip install $(PIP_OPTIONS) --constraint $(3) hatchling editables
	@$(1)/bin/python -m pip install $(PIP_OPTIONS) --constraint $(3) $(4) --no-build-isolation --editable '.$(2)'
endef
PIP_OPTIONS = --disable-pip-version-check --no-input

.venv/.runs: pyproject.toml constraints.txt
	$(call install,.venv,,$(CONSTRAINTS))
	@touch $@

.venv/.ready: .venv/.runs
	$(call install,.venv,[dev],$(CONSTRAINTS))
	@touch $@

check: setup          ## format, lint, types, import contracts
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

test: setup           ## everything that must hold, in under five minutes
	@$(MAKE) --no-print-directory -j2 check compiled
	$(BIN)/python -m pytest -n $(WORKERS) -m "not slow"

# Compile the tests once for all workers, while the code is checked; what is wrong the tests say.
compiled:
	-@$(BIN)/python -m pytest --collect-only -qq >/dev/null 2>&1

test-slow: setup      ## crash loops, fuzzing, 100k steps
	MISSION_SEARCH=1 $(BIN)/python -m pytest -m "slow or hypothesis"

coverage: setup       ## the suite with the coverage of each file; ARGS="tests/core" measures a part of it
	$(BIN)/python -m pytest -n $(WORKERS) -m "not slow" --cov --cov-report=term --cov-report=html:.coverage-html $(ARGS)
	@echo "line by line: .coverage-html/index.html"

test-latest:          ## the suite on the newest versions of all packages that pyproject.toml allows
	@$(MAKE) --no-print-directory suite ENVIRONMENT=.venvs/latest CONSTRAINTS=/dev/null UPGRADE="--upgrade --upgrade-strategy eager"

test-lowest: setup    ## the suite on the lowest versions of the direct packages
	@mkdir -p .venvs
	@$(BIN)/python -m tests.tools.dependencies lowest > .venvs/lowest.txt
	@$(MAKE) --no-print-directory suite ENVIRONMENT=.venvs/lowest CONSTRAINTS=.venvs/lowest.txt

test-pythons: setup   ## the suite on every supported Python of this machine; PYTHONS="..." names them
	@$(BIN)/python tests/tools/pythons.py

# The suite in an environment of its own: what the three above share. SUITE adds pytest arguments.
suite:
	$(call install,$(ENVIRONMENT),[test],$(CONSTRAINTS),$(UPGRADE))
	$(ENVIRONMENT)/bin/python -m pytest -n $(WORKERS) -m "not slow" $(SUITE)

lock: setup           ## write constraints.txt anew: the newest versions that pyproject.toml allows
	$(BIN)/python -m tests.tools.dependencies lock

bench: setup          ## cost per step, memory, start-up beside other tools; writes docs/performance.md
	$(BIN)/python -m benchmarks --full --docs

docs: setup           ## write the generated parts of the docs anew
	$(BIN)/python -m tests.tools.generate_docs
	$(BIN)/python -m tests.tools.generate_step_docs
	$(BIN)/python -m tests.tools.generate_man

shots: setup          ## make the pictures of README and docs
	$(BIN)/python -m tests.tools.shots

clean:                ## remove all that these targets have made, the records of the demo too
	rm -rf .venv .venvs .demo .bench .shots .coverage-html .coverage .coverage.*
