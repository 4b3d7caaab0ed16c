# `make demo`, `make quick` and `make test` are the only set-up commands on a fresh machine.
PYTHON ?= python3
RECIPE ?= textbook-en-es
export PIP_DISABLE_PIP_VERSION_CHECK = 1
# Threads that wait for each other give their core away sooner than by default: training is as fast on a quiet machine,
# and several times faster on one that is busy with other work.
export GOMP_SPINCOUNT = 1000

.PHONY: demo quick test test-all test-faults test-clients test-lowest docs clean
demo: .venv/demo
	.venv/bin/hf-attn demo $(RECIPE)

# Python may keep what it compiles, whatever the shell says: dozens of tests start it.
test: .venv/test node_modules/.installed
	scripts/install_chromium.sh
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy
	PYTHONDONTWRITEBYTECODE= OMP_NUM_THREADS=1 PAGE_ARTEFACTS=build/pages .venv/bin/pytest -n 2 --dist worksteal \
		-m "not (slow or faults or clients)"

# Under a minute on two quiet cores: style, and the tests that need no training, browser, Hub or library around us.
quick: .venv/test
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	OMP_NUM_THREADS=1 .venv/bin/pytest -n 2 --dist worksteal \
		-m "not (slow or faults or clients or train or browser or hub or ecosystem)"

# What `test` leaves out: tests that take long or repeat what others show, and those of faults.
test-all: test test-faults docs
	OMP_NUM_THREADS=1 .venv/bin/pytest -m slow

# Processes are killed at any moment, disks are full, files are damaged. Small disks are mounted, which takes root; where
# that may not be, their tests are skipped aloud.
test-faults: .venv/test
	OMP_NUM_THREADS=1 .venv/bin/pytest -n 2 --dist worksteal -m faults -rs

# The tools of docs/clients.md, each in an environment of its own; CLIENTS="shap optuna" runs some of them.
test-clients: .venv/test
	OMP_NUM_THREADS=1 .venv/bin/python scripts/run_clients.py $(CLIENTS)

# The documentation as a site, into site/; a link that leads nowhere is an error.
docs: .venv/docs
	NO_MKDOCS_2_WARNING=1 .venv/bin/mkdocs build --strict --quiet

# Pinned versions; installed again when a pin or a requirement changes.
.venv/demo: pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "hf-attn-model needs Python 3.11 or newer")'
	test -x .venv/bin/python || $(PYTHON) -m venv .venv
	.venv/bin/pip install --quiet --constraint constraints.txt --editable .
	touch $@

.venv/test: .venv/demo
	.venv/bin/pip install --quiet --constraint constraints.txt --editable '.[test]'
	touch $@

.venv/docs: .venv/demo
	.venv/bin/pip install --quiet --constraint constraints.txt --editable '.[docs]'
	touch $@

# What checks the page's JavaScript. A page is made and shown without it; without npm its checks are skipped.
node_modules/.installed: package-lock.json
	@if ! command -v npm >/dev/null; then \
	    echo "no npm: the page's JavaScript will not be checked; install it (apt-get install nodejs npm)"; \
	elif npm ci --silent --no-audit --no-fund; then touch $@; \
	else echo "npm ci failed: the page's JavaScript will not be checked"; fi

# The tests on the lowest versions that pyproject.toml allows, in an environment of its own. Only torch is the pinned one:
# of lower ones the package index has for Linux no build without CUDA, which would be gigabytes.
test-lowest: .venv-lowest/test
	OMP_NUM_THREADS=1 .venv-lowest/bin/pytest -n 2 --dist worksteal -m "not (slow or faults or clients or browser)"

.venv-lowest/test: pyproject.toml constraints.txt
	test -x .venv-lowest/bin/python || $(PYTHON) -m venv .venv-lowest
	.venv-lowest/bin/pip install --quiet --constraint constraints.txt uv
	grep '^torch==' constraints.txt > .venv-lowest/torch.txt
	.venv-lowest/bin/uv pip compile --quiet --resolution lowest-direct --extra test --override .venv-lowest/torch.txt \
		--output-file .venv-lowest/lowest.txt pyproject.toml
	.venv-lowest/bin/pip install --quiet --constraint .venv-lowest/lowest.txt --editable '.[test]'
	touch $@

clean:
	rm -rf .venv .venv-lowest node_modules build dist site *.egg-info
