# Two commands do everything on a fresh machine: `make run` and `make test`.
PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
PIP = $(BIN)/python -m pip install --disable-pip-version-check --quiet --constraint constraints.txt

.PHONY: run setup test check evaluate bench faults audit clean

run: setup            ## start the bot; without BOT_TOKEN, the terminal chat
	@$(BIN)/mimika run

setup: $(VENV)/runtime.done

test: $(VENV)/dev.done     ## all tests
	$(BIN)/python -m pytest -n auto --dist loadfile

check: $(VENV)/dev.done    ## the quick loop: style, types, layers, unit tests
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/mimika knowledge check
	$(BIN)/python -m pytest -n auto --dist loadfile -m "not slow" tests/unit tests/test_architecture.py

evaluate: $(VENV)/dev.done ## how well questions are answered
	$(BIN)/mimika evaluate

bench: $(VENV)/dev.done    ## how fast and how large
	$(BIN)/mimika bench

faults: $(VENV)/dev.done   ## processes killed at work: nothing lost, nothing twice; takes half an hour
	$(BIN)/python -m tests.faults.kills --kills 200 --database sqlite
	$(BIN)/python -m tests.faults.kills --kills 200 --database postgresql --replicas 3

audit: $(VENV)/dev.done    ## known vulnerabilities of the default install
	$(BIN)/python tests/audit.py

clean:                ## forget the environment and everything built
	rm -rf $(VENV) var

# The stamps make a second run skip what is done.
$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "Python 3.11 or newer is needed; set PYTHON, for example: make run PYTHON=python3.12"; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/runtime.done: pyproject.toml constraints.txt | $(BIN)/python
	@echo "Installing Mimika; this takes a minute the first time."
	$(PIP) --editable .
	@touch $@

$(VENV)/dev.done: pyproject.toml constraints.txt | $(BIN)/python
	@echo "Installing Mimika with what its tests need; this takes a minute or two the first time."
	$(PIP) --editable '.[dev]'
	@touch $@ $(VENV)/runtime.done
