# Two commands matter: `make demo` and `make test`. Both set everything up first.
# They need Python 3.11+ with venv, make and a package registry; nothing else has to be installed.

PYTHON ?= python3
TOOLS  := .edurelay/tools
UV     := $(shell command -v uv 2>/dev/null || echo $(TOOLS)/bin/uv)
RUN    := .venv/bin

export UV_PYTHON_DOWNLOADS = never
export UV_PYTHON ?= $(PYTHON)

DATA   ?=
LAYOUT ?=

.PHONY: setup demo test faults up down bench check docs format clean
.DEFAULT_GOAL := help

help: ## show this list
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-8s %s\n", $$1, $$2}'

setup: .venv/.synced ## install everything that the project needs into .venv and .edurelay

$(TOOLS)/bin/uv:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Edurelay needs Python 3.11 or newer; $(PYTHON) is older. Set PYTHON=/path/to/python3.11."; exit 1; }
	@$(PYTHON) -m venv $(TOOLS) || \
		{ echo "$(PYTHON) cannot make a virtual environment; install its venv module and try again."; exit 1; }
	@$(TOOLS)/bin/pip install --quiet --disable-pip-version-check uv==0.13.8

.venv/.synced: uv.lock pyproject.toml $(wildcard */pyproject.toml services/*/pyproject.toml) | $(UV)
	@$(UV) sync --frozen --quiet
	@touch $@

demo: setup ## the main job, end to end; on your own files with DATA=<folder> LAYOUT=<file or preset>
	@$(RUN)/edurelay demo $(if $(DATA),--data $(DATA)) $(if $(LAYOUT),--layout $(LAYOUT))

test: setup ## every test but the faults, in three processes: most of them wait for something most of the time
	@$(RUN)/pytest --numprocesses 3 --dist loadscope --no-loadscope-reorder --ignore tests/faults

faults: setup ## kill every process of a stack of its own, and look what became of 5,000 records
	@$(RUN)/pytest tests/faults

up: setup ## start the whole stack here (Ctrl-C ends it)
	@$(RUN)/edurelay up

down: setup ## end what `make up` started
	@$(RUN)/edurelay down

bench: setup ## measure, each figure beside a bare loop in the same run
	@$(RUN)/edurelay bench

check: setup ## linter, formatter, types, import arrows, generated files
	@$(RUN)/ruff check
	@$(RUN)/ruff format --check
	@$(RUN)/mypy
	@$(RUN)/lint-imports
	@$(RUN)/edurelay contracts --check

docs: setup ## write the generated contracts and reference pages again
	@$(RUN)/edurelay contracts

format: setup ## let the formatter and the linter mend what they can
	@$(RUN)/ruff check --fix
	@$(RUN)/ruff format

clean: ## forget the environment and all local data
	rm -rf .venv .edurelay
