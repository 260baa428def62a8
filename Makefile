# make book: build the site into _build/html        make test: all tests, on a strictly built book
# Each target sets up what it needs: a local .venv from requirements.lock.
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready
STRICTLY := build . --warningiserror --keep-going --nitpick --quiet
BUILD := $(BIN)/jupyter-book $(STRICTLY)
# As many at a time as there are processors; the tests of a module stay together, in their order.
SIDE_BY_SIDE := --numprocesses auto --maxprocesses 4 --dist loadscope --no-loadscope-reorder

# Whatever a page may hang on, folders too, so that a file that is gone is noticed.
SOURCES := $(wildcard *.*) LICENSE $(shell find book/. notebooks/. data/. src/. \
  \( -name __pycache__ -o -name '.?*' -o -name '*.ipynb' \) -prune -o -print)
BUILT := _build/html/.built

# Kernels start twice as slowly without compiled imports; a user's own settings must not leak in.
unexport PYTHONDONTWRITEBYTECODE PYTHONPATH PYTHONHOME MPLBACKEND
export PYTHONHASHSEED := 0
export MATPLOTLIBRC := /dev/null
export JUPYTER_PREFER_ENV_PATH := 1
# uv, Jupyter, Matplotlib and a browser keep things in a home: where it cannot be written, in ours.
ifneq ($(shell test -d "$$HOME" && test -w "$$HOME" && echo writable),writable)
  export HOME := $(shell mkdir -p _build/.home && cd _build/.home && pwd)
endif
# Compiled functions do not notice an edit in another file: their cache is known by all that compile.
export NUMBA_CACHE_DIR := $(CURDIR)/_build/.numba/$(shell grep -rlE --include='*.py' '^(import|from) numba' src | sort | xargs cat | cksum | cut -d' ' -f1)

.PHONY: book slides pdf bundle browser test check setup lab notebooks watch serve lint lock selftest xpt twin ensemble bench clean
.DELETE_ON_ERROR:

book: $(BUILT)
	@echo "The book is at _build/html/index.html"

# Sphinx and the chapters' runs know what has to be done anew; make knows when nothing has.
$(BUILT): $(READY) $(SOURCES)
	$(BUILD)
	@touch $@

# `make book` writes them with the site, from book/slides.yaml.
slides: book
	@echo "The slides are at _build/html/slides/index.html"

# The whole book, and a summary on one page, in _build/pdf: a minute or two.
pdf: browser book
	$(BIN)/python -m palmira.site.pdf

# Site, slides, PDFs, executed notebooks, twin data and lock: dist/palmira-book.zip.
bundle: pdf
	$(BIN)/python -m palmira.site.bundle

# A Chromium that starts, found or installed: before the long work that needs it.
browser: $(READY)
	@$(BIN)/python -m palmira.site.browser

test: browser book lint
	$(BIN)/python -m pytest $(SIDE_BY_SIDE)

# What holds within two minutes: no book is built, no browser started.
check: lint
	$(BIN)/python -m pytest $(SIDE_BY_SIDE) -m "not slow and not site"

setup: $(READY)

# uv itself comes from the lock, checked against its hash; it then installs the rest the same way.
$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(0 if (3, 11) <= v <= (3, 13) else "Python 3.11, 3.12 or 3.13 is needed and $(PYTHON) is %d.%d: call make PYTHON=python3.12" % v)'
	rm -rf .venv
	$(PYTHON) -m venv .venv
	sed -n '/^uv==/,/[^\\]$$/p' requirements.lock > .venv/uv.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r .venv/uv.lock
	VIRTUAL_ENV=.venv $(BIN)/uv pip sync --quiet --require-hashes --compile-bytecode requirements.lock
	VIRTUAL_ENV=.venv $(BIN)/uv pip install --quiet --no-deps --no-build-isolation --editable .
	touch $@

# A click on a chapter opens it as a notebook, which jupytext saves as the same text file.
lab: $(READY)
	$(BIN)/jupytext-config --settings-file .venv/etc/jupyter/labconfig/default_setting_overrides.json \
	  set-default-viewer markdown myst
	$(BIN)/jupyter lab notebooks

# The chapters as .ipynb with their results (in _build/notebooks), as each page offers its own.
notebooks: book
	mkdir -p _build/notebooks
	cp _build/html/_sources/notebooks/*.ipynb _build/notebooks

# The site follows whatever is saved, sooner than a new build would: a chapter's own run and a little.
watch: $(READY)
	@$(BIN)/python -m palmira.site.watch $(STRICTLY)

serve: book
	$(BIN)/python -m http.server --bind 127.0.0.1 --directory _build/html 8000

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	rm -rf _build/lint
	$(BIN)/jupytext --quiet --to ../_build/lint//py:percent notebooks/*.md
	$(BIN)/ruff check --quiet --ignore D,E501,B018,B905 _build/lint
	$(BIN)/mypy
	$(BIN)/lint-imports

# How reliable is the audit? Simulated papers with planted errors; writes data/audit/selftest.json.
selftest: $(READY)
	$(BIN)/python -m palmira.audit.selftest

# The synthetic data sets as SAS transport files, version 5: _build/xpt/<scale>/*.xpt.
xpt: $(READY)
	$(BIN)/python -m palmira.twin.adam.xpt _build/xpt

# The committed synthetic patients and their ensemble, made anew (half an hour each).
twin: $(READY)
	$(BIN)/python -m palmira.twin.search.make

ensemble: $(READY)
	$(BIN)/python -m palmira.twin.ensemble.left_open data/published/palmira.yaml

bench: $(READY)
	for script in benchmarks/*.py; do $(BIN)/python $$script || exit 1; done

# After a change to pyproject.toml.
lock:
	$(BIN)/uv pip compile pyproject.toml --all-extras --no-strip-extras --universal \
	  --fork-strategy fewest --python-version 3.11 --generate-hashes --no-header --quiet \
	  --output-file requirements.lock

clean:
	rm -rf _build dist
