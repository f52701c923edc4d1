# Two commands: make demo, make test. Both install what they need into .venv, once.
PYTHON ?= python3
BIN := .venv/bin
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.PHONY: demo test check bench lock clean

demo: .venv/installed
	@source $(BIN)/activate && snakemake --cores all all_tables all_figures
	@$(BIN)/python -m wholepool show --results results

test: .venv/installed
	@$(BIN)/python -m pytest -m "not long"

# style, types and the workflow's own linters
check: .venv/installed
	@source $(BIN)/activate && \
	ruff check . && ruff format --check . && mypy && \
	snakefmt --check Snakefile rules && snakemake --lint

# Linux on x86-64 gets the versions of the lock; elsewhere pip resolves pyproject.toml's ranges
REQUIREMENTS := $(if $(filter Linux-x86_64,$(shell uname -sm | tr ' ' -)),\
	--requirement envs/requirements.lock,.[workflow$(comma)dev])
comma := ,

.venv/installed: envs/requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "wholepool needs Python >= 3.11, but $(PYTHON) is older: make PYTHON=python3.12 ..."; exit 1; }
	@echo "installing into .venv (about 3 minutes, 6 GB: torch brings its GPU libraries)"
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check $(REQUIREMENTS)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --editable .
	@touch $@

# side by side with the peers' way; 17 minutes, better on an idle machine
BENCH ?= --write benchmarks/README.md
bench: .venv/installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable ".[bench]"
	@$(BIN)/python benchmarks/bench.py $(BENCH)

# make the lock anew from what pyproject.toml allows
lock:
	$(PYTHON) -m venv .venv-lock
	.venv-lock/bin/python -m pip install --quiet ".[workflow,dev]" torch==2.15.0 torchvision==0.29.2
	.venv-lock/bin/python -m pip freeze --exclude wholepool > envs/requirements.lock
	rm -rf .venv-lock

clean:
	rm -rf .venv .pytest_cache .mypy_cache .ruff_cache
