# The commands everyone uses. They need Python 3.11 or newer, make and gcc; the first one makes .venv and fills it.

VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
PLUGINS := $(patsubst %/pyproject.toml,%,$(wildcard plugins/*/pyproject.toml))
PROJECTS := $(addsuffix /pyproject.toml,assets core $(PLUGINS))
ARGS ?=

.PHONY: help train test check format docs venv clean

help:
	@echo "make train    train the ant with settings that suit this machine        (ARGS='--seed 1' adds options)"
	@echo "make test     run all tests                                             (ARGS='core/tests -k name' picks some)"
	@echo "make check    ruff, pyright, import-linter"
	@echo "make format   let ruff mend what it can"
	@echo "make docs     write the pages of the tasks anew                       (ARGS=--pictures draws them, too)"
	@echo "make venv     make or update $(VENV), with what developing needs"
	@echo "make clean    remove $(VENV), builds and caches; runs stay"

train: $(VENV)/.installed
	@$(BIN)/igx train ant $(ARGS)

test: $(VENV)/.developing
	@$(BIN)/python -m pytest $(ARGS)

check: $(VENV)/.developing
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/pyright --warnings
	$(BIN)/lint-imports

format: $(VENV)/.developing
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

docs: $(VENV)/.developing
	$(BIN)/python docs/write_task_pages.py $(ARGS)

venv: $(VENV)/.developing

clean:
	rm -rf $(VENV) .pytest_cache .ruff_cache .import_linter_cache
	find assets core plugins tests -name __pycache__ -o -name build -o -name '*.egg-info' | xargs rm -rf

# The first python found that is new enough; `make PYTHON=/path/to/python venv` names another.
PYTHON ?= python3 python3.14 python3.13 python3.12 python3.11 python
NEW_ENOUGH := import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))

$(BIN)/python:
	@for python in $(PYTHON); do \
	    if $$python -c '$(NEW_ENOUGH)' 2>/dev/null; then \
	        echo "Making $(VENV) with $$($$python --version)"; exec $$python -m venv $(VENV); \
	    fi; \
	done; \
	echo "igx needs Python 3.11 or newer with its venv module; found none among: $(PYTHON)."; \
	echo "Install it (Debian, Ubuntu: apt install python3 python3-venv), or name it: make PYTHON=/path/to/python $(MAKECMDGOALS)"; \
	exit 1

# The stamps say what was installed last: nothing is done again until a file on the right of the colon changes.
$(VENV)/.installed: constraints.txt $(PROJECTS) | $(BIN)/python
	@echo "Installing igx into $(VENV); the first time takes minutes, because PyTorch is large"
	@$(PIP) install -c constraints.txt --upgrade pip setuptools
	@$(PIP) install -c constraints.txt --no-build-isolation $(addprefix -e ,assets 'core[gpu]' $(PLUGINS))
	@touch $@

$(VENV)/.developing: $(VENV)/.installed pyproject.toml
	@echo "Installing what tests and checks need"
	@$(PIP) install -c constraints.txt --no-build-isolation -e 'core[gpu,mlflow,wandb]' -e 'plugins/algo_amp[bvh]' --group dev
	@touch $@
