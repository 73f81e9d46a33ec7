# Everything is set up by the first target that needs it; a second call starts within a second.
VENV   := .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready
# One more than there are processors: some wait for sandboxes, clocks and limits while others work.
JOBS   ?= $(shell expr $$(nproc) + 1)
unexport PYTHONDONTWRITEBYTECODE  # what hundreds of processes load is compiled once

.PHONY: demo test test-quick coverage check format bench bench-quick fuzz fuzz-quick clean

demo: $(READY)           ## a real program: run in the sandbox, recorded, verified, tampered with
	@PATH="$(CURDIR)/$(BIN):$$PATH" sh examples/demo.sh

test: $(READY)           ## the whole suite
	@$(BIN)/python -m pytest -q -n $(JOBS) --dist worksteal

test-quick: $(READY)     ## without the long ones
	@$(BIN)/python -m pytest -q -n $(JOBS) -m "not slow"

# Measured, not judged: two threads that begin at once under CPython's tracer may fail by that alone; whether tests
# hold is make test's verdict. Left out is what runs no line that others do not: programs in the sandbox, looks at code.
UNMEASURED := tests/architecture tests/probes/test_nondeterminism.py tests/probes/test_escapes.py::test_attack_is_held
coverage: $(READY)       ## all but the long tests under branch coverage; fails below 90 %
	@$(BIN)/python -m pytest -q -n $(JOBS) --dist worksteal -m "not slow" $(UNMEASURED:%=--deselect %) --cov --cov-report= --cov-fail-under=0 || true
	@$(BIN)/coverage report --skip-covered --fail-under=90

check: $(READY)          ## lint, format, types, floors, dead code, docstrings, architecture
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/vulture
	@$(BIN)/interrogate -q ledger os2shell
	@$(BIN)/python -m pytest -q -p no:cacheprovider tests/architecture

format: $(READY)
	@$(BIN)/ruff check --fix-only -q .
	@$(BIN)/ruff format -q .

bench: $(READY)          ## every figure beside its peer; writes bench/results.json
	@$(BIN)/python -m bench --json bench/results.json

bench-quick: $(READY)    ## CI's short form
	@$(BIN)/python -m bench --quick

fuzz: INPUTS ?= 1000000
fuzz: $(READY)           ## a million inputs guided by coverage (INPUTS=N: as many); installs atheris
	@sh .ci/fuzz $(BIN) $(INPUTS)

fuzz-quick: $(READY)     ## CI's short form
	@sh .ci/fuzz $(BIN) 80000

$(READY): pyproject.toml .ci/setup $(wildcard ledger/native/*.[ch])
	@sh .ci/setup $(VENV)
	@touch $@

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
