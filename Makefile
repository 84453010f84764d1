# Everything here can be run again at any time; what is done already is not done twice.

VENV := .venv/bin
SERVE ?=
PYTEST ?=
FIDELITY ?=
# Five workers where there are two processors: tests with containers wait for them.
WHOLE_RUN := -p tests.support.whole_run --numprocesses 5 --dist loadfile --no-loadscope-reorder

# Set for another project; ours would import its modules, or another Python's.
unexport PYTHONPATH PYTHONHOME PYTHONSAFEPATH PYTHONDONTWRITEBYTECODE VIRTUAL_ENV

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help venv venv-dev engine images demo show serve check format test test-fast test-long test-bounds constraints test-engines test-vm engines launcher bench bench-quick bench-profile soak neighbour fidelity docs screenshots ci clean

help: ## show this list
	@echo "Usage: make TARGET"
	@echo
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-13s  %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

venv: ## install taskdock into .venv
	@scripts/make-venv

venv-dev:
	@scripts/make-venv dev

engine: ## make sure that a Docker Engine is running
	@scripts/ensure-engine

images: venv engine ## prepare the container images of the sample functions' runtimes
	$(VENV)/taskdock images

demo: ## show taskdock at work, start to end
	@scripts/prepare
	$(VENV)/taskdock demo

show: ## the same on the dashboard: a small story until Ctrl-C
	@scripts/prepare
	$(VENV)/taskdock demo --ui

serve: venv engine ## start the server; options in SERVE, as in SERVE="--port 9000"
	$(VENV)/taskdock serve $(SERVE)

check: venv-dev ## format, lint, types, import rules
	$(VENV)/ruff format --check .
	$(VENV)/ruff check .
	$(VENV)/mypy
	$(VENV)/lint-imports

format: venv-dev ## rewrite the code in the house format
	$(VENV)/ruff format .
	$(VENV)/ruff check --fix .

# The browser is fetched ahead, for the workers would all wait for apt-get; without one its tests are skipped, and
# fail in CI.
test: venv-dev engine ## every check, and every test but those below; options in PYTEST, as in PYTEST="-k retry"
	@scripts/test-needs chromium-headless-shell || true
	$(VENV)/python -m pytest $(WHOLE_RUN) --make-images usual -m "not long" -p no:schemathesis --ignore tests/fuzz \
	    $(PYTEST)

test-fast: venv-dev ## unit tests and the rules of the house, without a server; under a minute
	$(VENV)/python -m pytest $(WHOLE_RUN) --numprocesses 3 -p no:schemathesis tests/unit tests/shape $(PYTEST)

test-long: venv-dev engine ## kills, floods, broken engines, whole projects, every runtime; about 20 minutes
	$(VENV)/python -m pytest $(WHOLE_RUN) --numprocesses 4 --make-images every -m long $(PYTEST)

test-bounds: venv-dev ## unit, service and SDK tests with the lowest versions that pyproject.toml allows; 3 to 8 minutes
	@scripts/make-bounds-venv
	.venv/bounds/bin/python -m pytest --numprocesses 3 --dist loadfile -q -p no:cacheprovider \
	    -m "not docker and not fuzz" tests/unit tests/service tests/sdk $(PYTEST)

test-engines: venv-dev engine ## other engines and Pythons than this machine's, and taskdock in a container; root; 10 to 20 minutes
	$(VENV)/python -m pytest tests/engines/systems --ignore tests/engines/systems/test_machine.py \
	    --numprocesses 3 --dist loadgroup $(PYTEST)
	$(VENV)/python -m docs.engines

test-vm: venv-dev engine ## a machine with systemd under emulation; root; 5 to 8 minutes
	$(VENV)/python -m pytest tests/engines/systems/test_machine.py $(PYTEST)

constraints: venv-dev ## write the versions and hashes of what is installed, here and in stand-ins, anew
	$(VENV)/python scripts/make-constraints

engines: venv-dev ## write what the last tests saw of engines into docs/engines.md
	$(VENV)/python -m docs.engines

launcher: venv-dev ## build the launcher, process 1 of every container, from its source
	@scripts/build-launcher

ci: ## what continuous integration runs
	.ci/run

bench: venv-dev engine ## measure taskdock and its peers in turn, into docs/performance.md; under 20 minutes
	$(VENV)/python -m benchmarks.speed

bench-quick: venv-dev engine ## the same with fewer samples, under 3 minutes
	$(VENV)/python -m benchmarks.speed --quick

bench-profile: venv-dev engine ## where taskdock's own time goes, into docs/performance.md; under a minute
	$(VENV)/python -m benchmarks.speed --profile

soak: venv-dev engine ## an hour of steady work: does anything grow? into docs/performance.md; MINUTES=60
	$(VENV)/python -m benchmarks.soak --minutes $(or $(MINUTES),60)

neighbour: venv-dev engine ## what a function's calls take beside a hostile one, into docs/performance.md; 5 minutes
	$(VENV)/python -m benchmarks.neighbour

fidelity: venv-dev engine ## run taskdock and its peers case by case, into docs/fidelity.md; 15 to 25 minutes
	$(VENV)/python -m benchmarks.fidelity $(FIDELITY)

docs: venv-dev ## draw the state charts in docs/architecture.md from the tables
	$(VENV)/python -m docs.charts

screenshots: venv-dev engine ## take the pictures of docs/demo.md and README.md anew; 2 minutes
	$(VENV)/python -m docs.screenshots

clean: ## remove .venv and everything else that was made here, except taskdock's data
	rm -rf .venv build dist *.egg-info
	rm -rf .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
