# make demo, make photos, make test, and make quick while you work. They install what they need into .venv, once.
PYTHON ?= python3
BIN := .venv/bin
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.PHONY: demo photos test quick test-all check reference findings bench lock audit clean

demo: .venv/installed
	@source $(BIN)/activate && snakemake --cores all all_tables all_figures report
	@$(BIN)/python -m wholepool show --results results
	@echo "all of it on one page: $(CURDIR)/results/report.html"

# photographs from zero labels, by frozen features: CIFAR-10's where they are in data/, else crops of
# those that installed packages bring
PHOTOS = $(if $(wildcard data/cifar-10-batches-py),photos,photographs)
photos: .venv/installed
	@source $(BIN)/activate && snakemake --cores all all_tables all_figures report --configfile workflow/grids/$(PHOTOS).yaml
	@$(BIN)/python -m wholepool show --results results/$(PHOTOS)
	@echo "all of it on one page: $(CURDIR)/results/$(PHOTOS)/report.html"

# a worker a core, at most 8; each file stays in one of them, with the fixtures of its module. In the
# order of tests/conftest.py, which starts the longest first
PYTEST := $(BIN)/python -m pytest -n logical --maxprocesses 8 --dist loadfile --no-loadscope-reorder

test: .venv/installed
	@$(PYTEST)

# units only: no stage, no Snakemake, nothing killed
quick: .venv/installed
	@$(PYTEST) -m "not jobs and not long" --ignore tests/fuzz

# all of them: the long ones too, and a long random draw of the fuzz tests (tests/README.md)
SEED ?= $(shell date +%s)
test-all: SEED := $(SEED)
test-all: .venv/installed
	@echo "make test-all SEED=$(SEED) draws the same again"
	@HYPOTHESIS_PROFILE=long $(PYTEST) -m "" --hypothesis-seed=$(SEED) --durations=20

# style, types and the workflow's own linters
check: .venv/installed
	@source $(BIN)/activate && \
	ruff check . && ruff format --check . && mypy && \
	snakefmt --check Snakefile workflow/Snakefile rules && snakemake --lint

# docs/config.md and its JSON schema, from the keys as they are; the modules in docs/layout.md; the
# words of a method in docs/words.md
reference: .venv/installed
	@$(BIN)/python tools/config_reference.py
	@$(BIN)/python tools/layout_reference.py
	@$(BIN)/python tools/words.py

# whatever is made of evidence/: the tables in docs/, the comparison with the paper
findings: .venv/installed
	@$(BIN)/python tools/study_tables.py

# Linux on x86-64 gets the lock: these files, by their hashes, and nothing else (setuptools, which
# builds the package, is among them). Elsewhere pip resolves pyproject.toml's ranges
comma := ,
LOCKED := $(filter Linux-x86_64,$(shell uname -sm | tr ' ' -))
REQUIREMENTS := $(if $(LOCKED),--require-hashes --requirement envs/requirements.lock,.[workflow$(comma)label$(comma)dev])

.venv/installed: envs/requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "wholepool needs Python >= 3.11, but $(PYTHON) is older: make PYTHON=python3.12 ..."; exit 1; }
	@echo "installing into .venv (about 3 minutes, 6 GB: torch brings its GPU libraries)"
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check $(REQUIREMENTS)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps \
		$(if $(LOCKED),--no-build-isolation) --editable .
	@touch $@

# side by side with the peers' way; 17 minutes, better on an idle machine
BENCH ?= --write benchmarks/README.md
bench: .venv/installed
	@$(BIN)/python benchmarks/bench.py $(BENCH)

# make the lock again from what pyproject.toml allows; then `make audit`
lock:
	$(PYTHON) -m venv .venv-lock
	.venv-lock/bin/python -m pip install --quiet uv
	.venv-lock/bin/uv pip compile pyproject.toml --extra workflow --extra label --extra slurm --extra dev \
		--constraint <(printf '%s\n' torch==2.15.0 torchvision==0.29.2) \
		--universal --fork-strategy fewest --python-version 3.11 --generate-hashes --upgrade \
		--no-annotate --no-header --quiet --output-file envs/requirements.lock
	rm -rf .venv-lock

# known vulnerabilities in the lock; fails too if the data about one package cannot be reached
audit:
	$(PYTHON) -m venv .venv-audit
	.venv-audit/bin/python -m pip install --quiet pip-audit
	.venv-audit/bin/pip-audit --strict --disable-pip --require-hashes --requirement envs/requirements.lock
	rm -rf .venv-audit

clean:
	rm -rf .venv .venv-lock .venv-audit .pytest_cache .hypothesis .mypy_cache .ruff_cache
