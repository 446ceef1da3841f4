# Every target sets up what it needs by itself, in .tools/ and .venv/, with nothing but Python 3.11:
# `make clean` undoes it. The first run takes a minute or two; later ones start at once.

PYTHON ?= python3
RUN := .venv/bin/python -m
SETUP := $(PYTHON) .ci/setup.py

DEMO_ARGS ?=
TEST_ARGS ?=
BENCH_ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help demo test check lint format bench clean env browser

help: ## Show this list
	@echo "Usage: make TARGET"
	@echo
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  \1|\2/p' Makefile | awk -F'|' '{ printf "%-10s %s\n", $$1, $$2 }'

demo: env ## See everything at work on this machine alone; DEMO_ARGS=--exit checks it and stops
	@$(RUN) llmtrace demo $(DEMO_ARGS)

# Hundreds of tests start a process of their own: each would compile the SDKs anew where the shell
# says that no bytecode be written.
test: export PYTHONDONTWRITEBYTECODE :=
test: export PYTHONPYCACHEPREFIX := $(CURDIR)/.tools/bytecode
# One more than there are processors, for many tests wait: for processes, browsers, disks. Types take
# one processor a minute or more: beside the tests, and told at the end.
test: lint browser ## Run check and every test; TEST_ARGS="-k spool" narrows it
	@$(RUN) pyright > .tools/types.log 2>&1 & types=$$!; trap 'kill $$types 2>/dev/null' EXIT; \
	LLMTRACE_CHROMIUM="$(CURDIR)/.tools/bin/chromium" $(RUN) pytest --numprocesses="$$(( $$(getconf _NPROCESSORS_ONLN) + 1 ))" --maxprocesses=5 --dist=worksteal $(TEST_ARGS); failed=$$?; \
	echo "check: types"; wait $$types || failed=1; cat .tools/types.log; exit $$failed

check: lint ## Check formatting, lint, types and import contracts
	@echo "check: types" && $(RUN) pyright

lint: env
	@echo "check: formatting" && $(RUN) ruff format --check --quiet .
	@echo "check: lint" && $(RUN) ruff check --quiet --output-format=concise .
	@echo "check: import contracts" && .venv/bin/lint-imports --no-logo

format: env ## Format the code and fix what lint can fix
	@$(RUN) ruff check --fix --quiet . ; $(RUN) ruff format --quiet .

bench: env ## Measure what llmtrace costs and how much it takes in; BENCH_ARGS=--quick is short
	@echo "== overhead" && .venv/bin/python benchmarks/overhead.py $(BENCH_ARGS)
	@for file in $(filter-out %/overhead.py,$(wildcard benchmarks/*.py)); do echo "== $$file" && .venv/bin/python "$$file" || exit 1; done

clean: ## Delete everything that make has set up or cached here
	@rm -rf .venv .tools .pytest_cache .ruff_cache .import_linter_cache .hypothesis dist build

env:
	@$(SETUP) env

browser: env
	@$(SETUP) browser
