# Needs python3.11 (or newer), pip and make. Everything else lives in .venv; `make clean` removes it.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.ONESHELL:
MAKEFLAGS += --no-print-directory
unexport PYTHONDONTWRITEBYTECODE  # recompiling at every start costs more than all else

PYTHON ?= $(shell command -v python3.11 || command -v python3)
PORT ?= 8000
WITHOUT ?=
export WITHOUT
comma := ,
without := $(subst $(comma), ,$(WITHOUT))
chromium := /usr/bin/chromium
etcd := .venv/etcd/usr/bin/etcd
nginx := .venv/nginx/usr/sbin/nginx
PYTEST_ARGS ?=
npm_folders := tests/interop bench/peers/oidc_provider bench/verifiers/node
verifiers := bench/verifiers/node/node_modules/.ready
BENCH_ARGS ?=

.PHONY: help run test soak coverage screenshots check bench bench-peers bench-sizes docs words lock clean
.PHONY: browser nginx npm wrk patroni glewlwyd

help:  ## list the targets
	@grep -hE '^[a-z-]+:.*## ' Makefile | sort | awk -F ':.*## ' '{printf "make %-12s %s\n", $$1, $$2}'

# One set-up for run, test, check, bench and docs.
.venv/.ready: requirements-setup.lock requirements-dev.lock pyproject.toml
	@echo "setting up .venv ..."
	[ -x .venv/bin/python ] || "$(PYTHON)" -m venv .venv
	if .venv/bin/python -m pip install -qq --require-hashes -r requirements-setup.lock \
	&& .venv/bin/uv pip sync --quiet --python .venv/bin/python --require-hashes --compile-bytecode \
	       requirements-setup.lock requirements-dev.lock; then
	    .venv/bin/uv pip install -qq --python .venv/bin/python --no-deps --no-build-isolation --editable .
	else
	    echo "uv could not do it: falling back to pip"
	    .venv/bin/python -m pip install -qq --require-hashes -r requirements-dev.lock
	    .venv/bin/python -m pip install -qq --require-hashes -r requirements-setup.lock
	    PATH="$(CURDIR)/.venv/bin:$$PATH" .venv/bin/python -m pip install -qq --no-deps --no-build-isolation --editable .
	    .venv/bin/python -m compileall -q -j 0 .venv/lib || true
	fi
	touch $@

run: .venv/.ready  ## start the server, the notes API and the notes app (PORT=8000)
	@exec .venv/bin/python examples/run.py --port $(PORT)

test: .venv/.ready browser nginx npm wrk  ## run every test (WITHOUT=browser,nats,nginx,npm,postgres,wrk leaves those out)
	@.venv/bin/python -m pytest -q -n auto --dist worksteal $(PYTEST_ARGS)

soak: .venv/.ready patroni  ## run the drills that take minutes (and 12 GB), and print their figures
	@$(MAKE) coverage
	.venv/bin/python -m pytest -q -m soak $(PYTEST_ARGS)
	$(MAKE) bench-sizes

on_the_guard := carrier cookie_path framework_caches guard_cors guard_review policies resource_server \
    shared_caches signed_tickets status_lists thrown tickets tickets_in_frameworks url_bound
of_the_guard := tests/guard tests/frameworks $(on_the_guard:%=tests/attacks/test_%.py)
coverage: .venv/.ready  ## fail unless the guard's tests reach every line and branch of it
	@mkdir -p build/coverage
	rm -f build/coverage/data*
	.venv/bin/coverage run -m pytest -q -n auto --dist worksteal $(of_the_guard) tests/jose tests/net tests/client $(PYTEST_ARGS)
	.venv/bin/coverage combine --quiet
	.venv/bin/coverage report --include='src/counterfoil/*' --omit='src/counterfoil/guard/*'
	.venv/bin/coverage report --include='src/counterfoil/guard/*' --show-missing --fail-under=100

screenshots: .venv/.ready browser nginx npm  ## photograph every page, narrow and wide, light and dark
	@rm -rf build/screenshots
	mkdir -p build/screenshots
	SHOTS="$(CURDIR)/build/screenshots" .venv/bin/python -m pytest -q -n auto tests/browser $(PYTEST_ARGS)
	echo "$$(ls build/screenshots | wc -l) pictures are in build/screenshots"

check: .venv/.ready  ## format, lint, types, floors, spelling, hosts
	@.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy
	.venv/bin/lint-imports --no-logo
	.venv/bin/codespell docs src *.md
	if grep -nE '[a-z]+://' *.lock *.in bench/peers/*.lock bench/peers/*.in pyproject.toml $(foreach each,$(npm_folders),$(each)/package*.json $(each)/.npmrc); then
	    echo "a lock or a configuration names a host"; exit 1
	fi

bench: .venv/.ready wrk bench/peers/.venv/.ready $(verifiers)  ## measure; writes bench/results/latest.json
	@.venv/bin/python -m bench

bench-sizes: .venv/.ready  ## the same against up to ten million grants (25 GB, minutes); writes bench/results/sizes*.json
	@.venv/bin/python -m bench.sizes --most 9999900
	.venv/bin/python -m bench.sizes --most 9999900 --on postgres

peers := bench/peers/.venv/.ready bench/peers/oidc_provider/node_modules/.ready
bench-peers: .venv/.ready wrk glewlwyd $(peers)  ## measure others beside us; writes bench/results/peers.json
	@.venv/bin/python -m bench.peers $(BENCH_ARGS)

# The peers have an environment of their own: nothing of theirs is ever one of our dependencies.
bench/peers/.venv/.ready: bench/peers/requirements.lock | .venv/.ready
	@echo "setting up the peers that are Python ..."
	[ -x bench/peers/.venv/bin/python ] || "$(PYTHON)" -m venv bench/peers/.venv
	.venv/bin/uv pip sync --quiet --python bench/peers/.venv/bin/python --require-hashes --compile-bytecode $<
	touch $@

$(verifiers) bench/peers/oidc_provider/node_modules/.ready: %/node_modules/.ready: %/package-lock.json
	@if command -v npm >/dev/null && npm ci --prefix $(dir $<) --ignore-scripts --silent </dev/null; then
	    touch $@
	else
	    echo "!! npm is missing or failed: $(dir $<) is left out"
	fi

docs: .venv/.ready  ## build the handbook into build/docs
	@.venv/bin/sphinx-build -W -q -b html docs build/docs
	echo "open build/docs/index.html"

words: .venv/.ready  ## bring the catalogues of the pages' languages up to date
	@.venv/bin/python -m scripts.words

lock: .venv/.ready  ## bring every lock up to date
	@scripts/lock

clean:  ## remove all that the other targets made (not ./data)
	@rm -rf .venv build dist bench/peers/.venv $(addsuffix /node_modules,$(npm_folders)) .hypothesis .import_linter_cache
	rm -rf .mypy_cache .pytest_cache .ruff_cache
	find src tests examples bench docs -name __pycache__ -type d -prune -exec rm -rf {} + 2>/dev/null || true

# Tools from outside Python. Missing ones are named loudly; pytest decides what that means.
install_debian = if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	    echo "installing $(1) ..."; \
	    export DEBIAN_FRONTEND=noninteractive; \
	    { apt-get update -qq && apt-get install -qq -y --no-install-recommends $(1); } </dev/null >/dev/null \
	        || echo "!! $(1) could not be installed"; \
	else \
	    echo "!! $(1) is missing, and only root on Debian can have it installed here"; \
	fi

browser:
ifeq ($(filter browser,$(without)),)
	@[ -x $(chromium) ] || { $(call install_debian,chromium); }
endif

wrk:
ifeq ($(filter wrk,$(without)),)
	@command -v wrk >/dev/null || { $(call install_debian,wrk); }
endif

# Debian's programs, unpacked here: nothing is installed, and no service is started.
unpack_debian = { \
	    echo "fetching $(1) ..."; \
	    [ "$$(id -u)" != 0 ] || apt-get update -qq >/dev/null; \
	    mkdir -p .venv/$(2) && ( cd .venv/$(2) && apt-get download -qq -o APT::Sandbox::User="$$(id -un)" $(1) && dpkg -x $(1)_*.deb . ) \
	        || echo "!! $(1) could not be fetched from Debian"; \
	}

nginx: .venv/.ready
ifeq ($(filter nginx,$(without)),)
	@command -v nginx >/dev/null || [ -x $(nginx) ] || $(call unpack_debian,nginx,nginx)
endif

patroni: .venv/.ready
ifeq ($(filter patroni,$(without)),)
	@.venv/bin/uv pip install --quiet --python .venv/bin/python --require-hashes -r requirements-soak.lock \
	    || echo "!! Patroni could not be installed"
	command -v etcd >/dev/null || [ -x $(etcd) ] || $(call unpack_debian,etcd-server,etcd)
endif

glewlwyd:
	@command -v glewlwyd >/dev/null || { $(call install_debian,glewlwyd); }

npm:
ifeq ($(filter npm,$(without)),)
	@if ! command -v npm >/dev/null; then
	    echo "!! npm is missing: tests with clients from npm cannot run"
	elif [ ! tests/interop/node_modules/.package-lock.json -nt tests/interop/package-lock.json ]; then
	    npm ci --prefix tests/interop --ignore-scripts --silent </dev/null || echo "!! npm ci failed"
	fi
endif
