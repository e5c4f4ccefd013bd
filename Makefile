# Each target creates the environment and installs what is missing, so each works alone.
PYTHON ?= python3
VENV   := .venv
PY     := $(VENV)/bin/python
DB     ?=
OPEN   ?=

.PHONY: demo test bench app docs lint check clean

demo: $(VENV)/.installed  ## build the demo store, in the app from the start
	$(PY) -m precompute demo --open

app: $(VENV)/.installed  ## open the app on DB=store.duckdb, a store or a folder of stores
	$(PY) -m app $(OPEN) $(if $(DB),"$(DB)")

test: check  ## all checks
	$(PY) -m pytest -n 2

check: lint  ## style, types and import rules, without the tests
lint: $(VENV)/.tested
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports

bench: $(VENV)/.tested  ## speeds as ratios within one run, sizes, query times
	$(PY) -m tests.bench

docs: $(VENV)/.installed  ## write docs/reference from the code
	$(PY) -m docs.generate

clean:  ## remove the environment and all stores
	rm -rf $(VENV) data/artifacts

$(VENV)/.created:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed")'
	$(PYTHON) -m venv $(VENV)
	touch $@

$(VENV)/.installed: requirements.txt $(VENV)/.created
	$(PY) -m pip install --quiet --disable-pip-version-check -r requirements.txt
	touch $@

$(VENV)/.tested: tests/requirements.txt $(VENV)/.installed
	$(PY) -m pip install --quiet --disable-pip-version-check -r tests/requirements.txt
	touch $@
