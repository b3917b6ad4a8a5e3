# Needs make and a Python >= 3.11, nothing else. `make` alone lists the targets.

PYTHON ?= python3.13 python3.12 python3.11 python3
BIN := .venv/bin
STAMP := .venv/.stamp
PROVED := scenarios/concurrent_threshold_flushes.py:concurrent_threshold_flushes_1_0_9
CERTIFICATE := .convexsim/concurrent_threshold_flushes.certificate
QUIET ?= --quiet --quiet
PIP := $(BIN)/python -m pip --disable-pip-version-check $(QUIET)

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help setup demo test docs course pictures bench others explorers estimate shrinking conflicts matrix exact mutants lint format \
	clean

help: ## list the targets
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 18

setup: $(STAMP) ## prepare .venv (again only when pyproject.toml or requirements-dev.txt changed)

demo: $(STAMP) ## find a race and print how to replay it; prove that another one is none
	@status=0; \
	$(BIN)/convexsim explore scenarios/timer_cancels_itself.py --runs 200 --seed 1 || status=$$?; \
	if [ $$status -ne 1 ]; then \
		echo "make demo: expected a violation (exit status 1), got exit status $$status" >&2; exit 1; \
	fi; \
	echo "make demo: the violation above is what was expected."
	@mkdir -p .convexsim
	@$(BIN)/convexsim certify $(PROVED) $(CERTIFICATE)
	@$(BIN)/convexsim verify $(PROVED) $(CERTIFICATE)

test: lint ## lint, types and all tests
	@$(BIN)/pytest --numprocesses auto --maxprocesses 4 --dist loadfile

docs: $(STAMP) ## build the documentation into site/
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet
	@echo "make docs: open site/index.html"

course pictures: $(STAMP) ## make the pages and the pictures of the course from its lessons
	@$(BIN)/python docs/make_course.py

bench: $(STAMP) ## measure the runtime, the component, the search and memory (a minute or two)
	@$(BIN)/python -m benchmarks.runtime
	@$(BIN)/python -m benchmarks.orders
	@$(BIN)/python -m benchmarks.component
	@$(BIN)/python -m benchmarks.search
	@$(BIN)/python -m benchmarks.memory

others: $(STAMP) ## measure other tools beside it, installed for the purpose (some minutes, needs the network)
	@$(BIN)/python -m benchmarks.others

explorers: $(STAMP) ## measure how soon each explorer finds planted bugs (some minutes)
	@$(BIN)/python -m benchmarks.explorers

shrinking: $(STAMP) ## measure how small failures become, and write that table (a minute)
	@$(BIN)/python -m benchmarks.shrinking

estimate: $(STAMP) ## measure how far off the meter's estimate of all traces is (some minutes)
	@$(BIN)/python -m benchmarks.estimate

conflicts: $(STAMP) ## count who loses to whom in versions of the batch processor, and write docs/conflicts.md (a minute or two)
	@$(BIN)/python -m benchmarks.conflicts

matrix: $(STAMP) ## explore which properties hold in which version, and write docs/matrix.md (half an hour on two cores)
	@$(BIN)/convexsim matrix components.batch_processor --workers 2 --json docs/matrix.json --markdown docs/matrix.md \
		--save tests/saved_choices/matrix.jsonl || test $$? -eq 1

exact: $(STAMP) ## compare DPOR with brute force on 10,000 worlds (the tests do a sample)
	@$(BIN)/python -m tests.explore.exact 10000

mutants: $(STAMP) ## break the program in each of many ways and see which test notices (an hour)
	@$(BIN)/python -m benchmarks.mutants

lint: $(STAMP) ## rules, format and types, changing nothing
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@$(BIN)/mypy

format: $(STAMP) ## lay out the sources and mend what can be mended
	@$(BIN)/ruff format
	@$(BIN)/ruff check --fix

clean: ## remove everything that these targets made
	rm -rf .venv .convexsim build dist site *.egg-info .hypothesis .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The stamp is the last thing written and .venv is always built from nothing: an interrupted setup leaves no stamp, and the
# next one starts over. A candidate is judged by running it: a command of that name may be a shim without a Python behind it.
$(STAMP): pyproject.toml requirements-dev.txt
	@python=; bare=; \
	for candidate in $(PYTHON); do \
		$$candidate -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 || continue; \
		if $$candidate -c 'import ensurepip, venv' >/dev/null 2>&1; then python=$$candidate; break; fi; \
		bare=$${bare:-$$candidate}; \
	done; \
	if [ -z "$$python" ] && [ -n "$$bare" ]; then \
		echo "make setup: $$bare cannot create virtual environments: install python3-venv" >&2; exit 1; \
	elif [ -z "$$python" ]; then \
		echo "make setup: no Python >= 3.11 among: $(PYTHON): install one, or name it: make setup PYTHON=..." >&2; exit 1; \
	fi; \
	rm -rf .venv && echo "make setup: preparing .venv with $$python" && $$python -m venv .venv || \
		{ echo "make setup: $$python could not create .venv: install python3-venv" >&2; exit 1; }
	@$(PIP) install --requirement requirements-dev.txt && \
		$(PIP) install --no-build-isolation --no-deps --editable . && $(PIP) check || \
		{ echo "make setup: pip failed (see it at work with: make setup QUIET=)" >&2; exit 1; }
	@touch $@
