# Every target sets up what it needs. Only python3 (>= 3.11), make and git must be there.
PYTHON ?= $(shell for p in python3.11 python3.12 python3.13 python3 python; do \
	command -v $$p >/dev/null 2>&1 && $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
BIN := .venv/bin
WORKERS ?= 3

.PHONY: run setup check test test-slow bench docs shots clean

run: setup            ## open the screen on the sample missions; without a terminal run one and print its result
	@if [ -t 0 ] && [ -t 1 ]; then $(BIN)/mission; else $(BIN)/mission run sample_missions/hello.yaml; fi

setup: .venv/.ready   ## leaves .venv/bin/mission

.venv/.ready: pyproject.toml
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed and was not found" >&2; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@

check: setup          ## format, lint, types, import contracts
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

test: check           ## everything that must hold, in under five minutes
	$(BIN)/python -m pytest -n $(WORKERS) -m "not slow"

test-slow: setup      ## crash loops, fuzzing, 100k steps
	MISSION_SEARCH=1 $(BIN)/python -m pytest -m "slow or hypothesis"

bench: setup          ## cost per step, memory, start-up; ratios in one run
	$(BIN)/python -m benchmarks

docs: setup           ## write the generated parts of the docs anew
	$(BIN)/python -m tests.support.generate_docs
	$(BIN)/python -m tests.support.generate_step_docs

shots: setup          ## make the pictures of README and docs
	$(BIN)/python -m tests.support.shots

clean:
	rm -rf .venv .bench .shots
