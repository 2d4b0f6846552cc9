# Two commands matter: `make demo` and `make test`. Both set up what they need, once.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
INPUTS := pyproject.toml constraints.txt

.PHONY: setup setup-media setup-dev demo demo-multimodal test lint format clean

setup: $(VENV)/.base
setup-media: $(VENV)/.media
setup-dev: $(VENV)/.dev

$(BIN)/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "gistill needs Python 3.11 or newer; name one with: make PYTHON=/path/to/python3.11")'
	$(PYTHON) -m venv $(VENV)

# The stamps make both targets do nothing when nothing changed; the base one never holds torch.
$(VENV)/.base: $(INPUTS) | $(BIN)/python
	$(PIP) install --quiet --constraint constraints.txt --editable .
	touch $@

$(VENV)/.media: $(INPUTS) $(VENV)/.base
	$(PIP) install --quiet --constraint constraints.txt --editable '.[docs,images,audio]'
	touch $@

$(VENV)/.dev: $(INPUTS) $(VENV)/.base
	$(PIP) install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $@

demo: setup
	$(BIN)/gistill models get
	$(BIN)/gistill demo

demo-multimodal: setup-media
	$(BIN)/gistill models get
	$(BIN)/gistill models get whisper-tiny.en
	$(BIN)/gistill examples/greenhouse --out-dir outputs/greenhouse

test: setup-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/gistill models get
	$(BIN)/gistill models get whisper-tiny.en
	$(BIN)/pytest

lint: setup-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: setup-dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis outputs
