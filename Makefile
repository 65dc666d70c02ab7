# `make run` and `make test` do all the set-up themselves; the second time they are quick.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
NODE_SDK := tests/node/node_modules/.installed

.PHONY: help run demo handoff llm test check lint test-all test-others lock clean

help:
	@echo "make run       talk to a bot in your browser, and see the call as it happens"
	@echo "make demo      a real call through the bridge, on this machine: listen, look, read"
	@echo "make handoff   a caller is handed to a person: three on the line, and a picture of them"
	@echo "make llm       a language model on the line, cut by its caller, and what it is told then"
	@echo "make test      set-up and the whole test suite"
	@echo "make check     format, lint, types and tests, as before every commit"
	@echo "make test-all  the test suite, on every Python from 3.11 that is installed"
	@echo "make lock      renew the pinned versions"

run: $(VENV)/.demo
	@$(BIN)/python -m callbridge run examples/message_desk.py

demo: $(VENV)/.demo
	@$(BIN)/python -m callbridge demo

handoff: $(VENV)/.demo
	@$(BIN)/python -m callbridge demo handoff

# The model is a local server that answers by rules: no key.
llm: $(VENV)/.demo
	@$(BIN)/python -m tests.vendors.openai --prompts --rules examples/llm/order_desk.rules.json -- \
		$(BIN)/python -m callbridge demo examples/llm/order_desk.py \
		--caller examples/llm/order_desk_cut.json --numbers examples/llm/people.json

# A file's tests stay together and in order: those of `bench` and `demo` want the machine for
# themselves. More than four workers would disturb what is tested in real time; what failed beside
# others has one more try alone, and is named: a test that needs it is to be mended.
PYTEST := $(BIN)/python -m pytest -q
test: $(VENV)/.dev $(NODE_SDK)
	@$(PYTEST) -n logical --maxprocesses 4 --dist loadfile --no-loadscope-reorder $(LESS) || { \
		[ $$? = 1 ] && echo "== What failed, alone:" && \
		$(PYTEST) --last-failed --last-failed-no-failures none --maxfail 1 -rpf $(LESS); }

check: lint test

lint: $(VENV)/.dev
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/pyright --pythonpath $(BIN)/python

test-all: test test-others

# What a browser makes of a page is the same on every Python, and benchmarks are for this clone.
test-others: $(VENV)/.dev
	@.ci/interpreters $$($(BIN)/python -c 'import sys; print("%d.%d" % sys.version_info[:2])') | \
	while read -r version python; do \
		echo "== Python $$version" && \
		$(MAKE) --no-print-directory PYTHON="$$python" VENV=".venv-$$version" \
			LESS='--ignore=tests/callbridge/browser --ignore=tests/benchmarks' test </dev/null || exit 1; \
	done

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "Callbridge needs Python 3.11 or newer; name one: make PYTHON=python3.13 $(MAKECMDGOALS)"; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { \
		echo "Python's venv module is missing; on Debian and Ubuntu: apt install python3-venv"; exit 1; }
	@echo "Making a virtual environment in $(VENV) ..."
	@$(PYTHON) -m venv $(VENV)

# The demo's environment is the development one without its tools.
$(VENV)/.demo: requirements.lock pyproject.toml | $(BIN)/python
	@echo "Installing what the demo needs (about 150 MB, once) ..."
	@$(BIN)/python -m pip install --disable-pip-version-check -q --progress-bar on -r requirements.lock
	@$(BIN)/python -m pip install --disable-pip-version-check -q --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.dev: requirements-dev.lock $(VENV)/.demo
	@echo "Installing the development tools (about 150 MB, once) ..."
	@$(BIN)/python -m pip install --disable-pip-version-check -q --progress-bar on -r requirements-dev.lock
	@touch $@

# The platform's SDK for Node, whose test is skipped without it: nothing here depends on npm.
$(NODE_SDK): tests/node/package.json
	@if command -v npm >/dev/null && node -e 'process.exit(Number(parseInt(process.versions.node) < 20))'; then \
		echo "Installing the SDK for Node, for one test (40 MB, once) ..."; \
		npm install --prefix tests/node --no-package-lock --no-audit --no-fund --silent \
			--fetch-retries 1 --fetch-timeout 30000 && touch $@ || \
			echo "That failed: the test will be skipped."; \
	fi

# Versions only: no addresses of package indexes, and markers for every Python from 3.11.
lock: $(VENV)/.dev
	@$(BIN)/python -m pip install --disable-pip-version-check -q uv
	@for lock in "requirements.lock --extra demo --group build" "requirements-dev.lock --extra demo --extra examples --extra hd --group build --group dev"; do \
		$(BIN)/uv pip compile -q --universal --python-version 3.11 --no-annotate --no-header --no-emit-index-url \
			pyproject.toml -o $$lock; \
	done

clean:
	rm -rf .venv .venv-* tests/node/node_modules out dist build .mypy_cache .pytest_cache .ruff_cache .hypothesis
