# Handwritten digits with Keras. Each target does all the set-up that it needs.

ARGS ?=
# Windows would write files and pipes in letters of its own.
export PYTHONUTF8 := 1
ifeq ($(OS),Windows_NT)
VENV_PYTHON := .venv/Scripts/python.exe
PYTHON ?= $(if $(shell command -v py 2>/dev/null),py -3,python3)
else
PYTHON ?= python3
VENV_PYTHON := .venv/bin/python
endif
# JupyterLab refuses root, as which containers run, unless told.
ROOT_FLAG := $(if $(filter 0,$(shell id -u 2>/dev/null)),--allow-root)

.PHONY: help lab test course reader bench set-up notebooks handout collect hero lock address

help:
	@echo "make lab        open the course in JupyterLab"
	@echo "make course     run every lesson and write pages to build/course/ (ARGS=--pdf)"
	@echo "make reader     write your network into one page, for a phone (ARGS=models/...)"
	@echo "make bench      compare the recipes (ARGS=--quick for a minute's run)"
# The others need what a handout for students leaves out.
ifneq ($(wildcard tests),)
	@echo "make test       run all tests, with every notebook (ARGS=... goes to pytest)"
	@echo "make notebooks  run every lesson on MNIST and store its outputs in place"
	@echo "make handout    write build/handout/handwritten-digits.zip, without solutions"
	@echo "make collect    count what a class got wrong (FROM=folder-or-zip)"
	@echo "make hero       take the README's picture again, in a browser"
	@echo "make address    put the address of your copy everywhere (URL=https://...)"
	@echo "make lock       renew requirements.lock"
endif

set-up:
	@command -v $(firstword $(PYTHON)) >/dev/null || { echo "There is no $(PYTHON): install Python 3.11, 3.12 or 3.13, or name one, as in: make lab PYTHON=python3.12"; exit 1; }
	@$(PYTHON) scripts/set_up.py

# What lessons start by name, such as tensorboard, lies beside Python.
lab: set-up
	PATH="$(abspath $(dir $(VENV_PYTHON))):$$PATH" $(VENV_PYTHON) -m jupyterlab $(ROOT_FLAG) $(ARGS) notebooks/00_start_here.ipynb

test: set-up
	$(VENV_PYTHON) -m pytest $(ARGS)

course: set-up
	$(VENV_PYTHON) scripts/course.py $(ARGS)

reader: set-up
	$(VENV_PYTHON) scripts/reader.py $(ARGS)

bench: set-up
	$(VENV_PYTHON) benchmarks/recipes.py $(ARGS)

notebooks: set-up
	$(VENV_PYTHON) scripts/course.py --store $(ARGS)

handout:
	@git rev-parse HEAD >/dev/null || { echo "A handout is made from a git clone of the course: git clone it, and run this there."; exit 1; }
	@git status --porcelain | sed 's/^.. /Not committed, so not in the handout: /'
	@$(PYTHON) scripts/handout.py

collect: set-up
	@$(VENV_PYTHON) scripts/collect.py $(if $(FROM),"$(FROM)")

# The browser test draws a 3 on the pad, and takes the picture.
hero: set-up
	@rm -f build/hero/pad.png
	SCREENSHOTS="$(abspath build/hero)" $(VENV_PYTHON) -m pytest tests/test_browser.py -k three
	@test -f build/hero/pad.png || { echo "No picture was taken: that needs Chromium or Chrome on PATH."; exit 1; }
	cp build/hero/pad.png assets/hero.png

address:
	$(PYTHON) scripts/address.py "$(URL)"

# A universal resolution: Python 3.11 to 3.13; Linux, macOS and Windows.
lock:
	$(PYTHON) -m venv build/uv
	build/uv/bin/python -m pip install --quiet uv
	build/uv/bin/uv pip compile pyproject.toml --all-extras --universal \
	    --fork-strategy fewest --python-version 3.11 --generate-hashes --upgrade \
	    --custom-compile-command "make lock" --quiet --output-file requirements.lock
	# The proof: every package has a wheel, with its hash, on every system meant.
	for system in x86_64-unknown-linux-gnu aarch64-unknown-linux-gnu \
	        aarch64-apple-darwin x86_64-pc-windows-msvc; do \
	    for version in 3.11 3.12 3.13; do \
	        echo "$$system, Python $$version"; \
	        build/uv/bin/uv pip install --dry-run --quiet --target build/uv/none \
	            --python-platform $$system --python-version $$version \
	            --only-binary :all: --require-hashes -r requirements.lock || exit 1; \
	    done; \
	done
