# Everything runs in .venv, which the first target that needs it makes; nothing is installed twice until
# pyproject.toml or constraints.txt changes. To pick the interpreter: make test PYTHON=/path/to/python
PYTHON ?= $(shell for name in python3.11 python3.12 python3.13 python3 python; do \
	$$name -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$name && break; done)
BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
# what the type checker sees: the package through a link, as its root is the repository's
TYPES := .types/sightloop

.PHONY: help demo serve mcp test lint format types docs check constraints clean

help: ## this list
	@sed -n 's/^\([a-z]*\):.*## /  make \1 - /p' Makefile | sort

demo: .venv/.installed ## ask real questions about sample pictures
	@$(BIN)/python examples/demo.py

serve: .venv/.faces ## start the server, with its web page at http://127.0.0.1:8000
	@$(BIN)/sightloop serve

mcp: .venv/.faces ## speak MCP over stdin and stdout, for the configuration of an MCP client
	@$(BIN)/sightloop mcp

test: .venv/.tested ## run all tests
	$(BIN)/python -m pytest -n auto --dist loadfile

lint: .venv/.tested ## check the style
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

format: .venv/.tested ## put the style right
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

types: .venv/.tested $(TYPES) ## check the types
	$(BIN)/mypy

docs: .venv/.tested ## run what README.md and docs/ show
	$(BIN)/python -m pytest tests/test_docs.py

check: test lint types ## all of these, as CI does

constraints: .venv/.tested ## freeze the versions in .venv as the tested set
	@echo '# The set of versions that the tests pass with, on Linux and Python 3.11; `make constraints` renews it.' \
		> constraints.txt
	@$(PIP) freeze --exclude-editable | sed 's/+.*//' | grep -vxFf benchmarks/peers.txt >> constraints.txt

clean: ## remove what these made
	rm -rf .venv .types .pytest_cache .mypy_cache .ruff_cache .hypothesis build dist *.egg-info

.venv/.pip:
	@test -n "$(PYTHON)" || { echo "No Python 3.11 or newer found; name one: make PYTHON=/path/to/python" >&2; exit 1; }
	$(PYTHON) -m venv .venv
	$(PIP) install --quiet --upgrade pip
	@touch $@

.venv/.installed: pyproject.toml constraints.txt | .venv/.pip
	@echo "Installing sightloop into .venv; the first time this downloads PyTorch and takes minutes."
	$(PIP) install --constraint constraints.txt --editable .
	@touch $@

# over stdout an MCP client is spoken to
.venv/.faces: pyproject.toml constraints.txt | .venv/.pip
	@echo "Installing sightloop with its server and MCP into .venv; the first time this takes minutes." >&2
	@$(PIP) install --constraint constraints.txt --editable ".[server,mcp,langchain]" >&2
	@touch .venv/.installed $@

.venv/.tested: pyproject.toml constraints.txt benchmarks/peers.txt | .venv/.pip
	@echo "Installing sightloop and what its tests need into .venv; the first time this takes minutes."
	$(PIP) install --constraint constraints.txt --editable ".[dev]"
	$(PIP) install --no-deps --requirement benchmarks/peers.txt
	@touch .venv/.installed .venv/.faces $@

$(TYPES):
	@mkdir -p .types
	@ln -sfn .. $(TYPES)
