# Two commands do all their own set-up on a fresh Linux machine with Python and a C++ compiler:
#   make explore                     the page of findings for a real table
#   make explore TABLE=my.csv        ... for your own
#   make test                        the whole suite
.DEFAULT_GOAL := help
SHELL := /bin/bash

TABLE ?= sample:wine
OUT ?= report.html
EXTRAS ?= dev
ARGS ?=
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11 python; do \
  $$p -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null && echo $$p && break; done)

BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
PINNED := -c constraints.txt
CPP := $(wildcard src/tacit/kernels/cpp/*)
BUILT_FROM := pyproject.toml constraints.txt CMakeLists.txt $(CPP)

.PHONY: help explore test lint format bench docs-images clean

help:
	@sed -n '1,/^\.DEFAULT/s/^# //p' Makefile
	@echo "  make lint | format | bench | docs-images | clean"

explore: .venv/.run
	$(BIN)/tacit explore "$(TABLE)" -o "$(OUT)" $(ARGS)

test: .venv/.$(EXTRAS)
	$(BIN)/python -m pytest -n auto $(ARGS)

lint: .venv/.$(EXTRAS)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/clang-format --dry-run -Werror $(CPP)
	$(BIN)/mypy

format: .venv/.$(EXTRAS)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .
	$(BIN)/clang-format -i $(CPP)

bench: .venv/.bench
	$(BIN)/python -m benchmarks $(ARGS)

docs-images: .venv/.$(EXTRAS)
	$(BIN)/python docs/images/make.py

clean:
	rm -rf .venv build

# What the commands above stand on. A stamp is as new as what was built from these files.

.venv/.run: .venv/.pip $(BUILT_FROM)
	@$(MAKE) --no-print-directory install WHAT=.
	@touch $@

.venv/.$(EXTRAS): .venv/.pip $(BUILT_FROM)
	@$(MAKE) --no-print-directory install WHAT='.[$(EXTRAS)]'
	@touch .venv/.run $@

.venv/.bench: .venv/.pip $(BUILT_FROM)
	@$(MAKE) --no-print-directory install WHAT='.[bench]'
	@touch .venv/.run $@

.PHONY: install
install:
	@echo "Installing, and compiling the kernels where they changed: a minute or two the first time ..."
	$(PIP) install $(PINNED) cmake nanobind ninja scikit-build-core
	$(PIP) install $(PINNED) --no-build-isolation --editable '$(WHAT)'

.venv/.pip: constraints.txt
	@test -n "$(PYTHON)" || \
	  { echo "tacit needs Python 3.11, 3.12 or 3.13 on the path (or: make PYTHON=/path/to/python)" >&2; exit 1; }
	@command -v "$${CXX:-c++}" >/dev/null || command -v g++ >/dev/null || command -v clang++ >/dev/null || \
	  { echo "tacit needs a C++ compiler, GCC 11 or Clang 14 or newer (Debian, Ubuntu: apt install g++)" >&2; exit 1; }
	@$(PYTHON) -c 'import os, sys, sysconfig; \
	  sys.exit(not os.path.exists(os.path.join(sysconfig.get_path("include"), "Python.h")))' || \
	  { echo "tacit needs the headers of Python (Debian, Ubuntu: apt install python3-dev)" >&2; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv || \
	  { rm -rf .venv; echo "tacit needs Python's venv module (Debian, Ubuntu: apt install python3-venv)" >&2; exit 1; }
	@$(PIP) install $(PINNED) --upgrade pip
	@touch $@
