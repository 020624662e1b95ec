# `make demo`: from a fresh clone to a prediction. `make test`: every check there is. `make test-fast`: those that need no
# servers, in minutes. `make chaos`: a thousand pushes while everything is killed in turn. CONTRIBUTING.md says more.
#
#   make demo ONCE=1                    stop after the prediction
#   make demo PORT=9000 MODEL_SERVER_PORT=9001 MLFLOW_PORT=9002

CARGO ?= cargo
MLSYS := target/debug/mlsys
PORTS := $(if $(PORT),--port $(PORT)) $(if $(MODEL_SERVER_PORT),--model-server-port $(MODEL_SERVER_PORT)) \
	$(if $(MLFLOW_PORT),--mlflow-port $(MLFLOW_PORT))
PROCESSES := --bin mlsys --bin backend --bin worker --bin model-server
MEASURED := $(PROCESSES) --bin load --example pace --example verify
EXAMPLES := target/webhooks-examples/node_modules/.package-lock.json
ISSUER := target/oidc-issuer/node_modules/.package-lock.json
FRONTEND := frontend/node_modules/.package-lock.json
DASHBOARD := frontend/dist/index.html

# What needs nothing but a folder; the store on SQLite.
FAST := --package contract --package pipeline --package service --package backend --package store --package xtask

.PHONY: demo test test-build test-files test-environment test-dashboard test-packager test-python test-fast chaos build build-all lint lint-python \
	format-python deny audit sbom bench bench-serving screenshots need-cargo need-lints need-kubectl need-npm need-servers

demo: build
	exec $(MLSYS) demo $(if $(ONCE),--once) $(PORTS)

# The whole workspace's features, so that the tests reuse what this builds.
build: need-cargo $(DASHBOARD)
	@echo "Building mlsys (the first time takes some minutes)…"
	$(CARGO) build --workspace --bin mlsys

# The processes that `mlsys up` is one of.
build-all: need-cargo
	$(CARGO) build --workspace $(PROCESSES)

# clippy looks while it builds what is tested, so that what others wrote is built once for both.
test lint: export RUSTC_WORKSPACE_WRAPPER := clippy-driver
test lint: export CLIPPY_ARGS := -Dwarnings

# How many of the tests' programs run at a time: many of them wait most of the time, for leases, time-outs and servers.
LANES := 3

test: need-lints need-kubectl need-servers
	$(CARGO) fmt --all --check
	@echo "Building mlsys and its tests (the first time takes some minutes)…"
	@$(MAKE) --no-print-directory --jobs=2 test-build test-files
	@$(MAKE) --no-print-directory test-environment
	@echo "Running the tests, $(LANES) programs at a time…"
	$(CARGO) xtask test $(LANES)

# Parts of `make test`. The second, which installs the emulator that tables are tested with, waits for the network most of the time, and needs nothing of the first.
test-build:
	$(CARGO) test --workspace --tests --no-run
	$(CARGO) test --workspace --test cluster --no-run
	$(CARGO) build --workspace --example verify --example explain

test-files: $(DASHBOARD) $(EXAMPLES) $(ISSUER) target/python-package/emulators/made-from
	infra/k8s/validate
	npm run --prefix frontend types:check
	npm run --prefix frontend lint
	@$(MAKE) --no-print-directory lint-python deny audit

test-environment:
	MLSYS_HOME=.mlsys $(MLSYS) prepare
	$(CARGO) xtask tidy

test-dashboard:
	npm test --prefix frontend
	npm run --prefix frontend e2e

# Small models: several threads would mostly wait for each other, and not idly.
test-packager:
	$(CARGO) build --workspace --example verify --example explain
	OMP_NUM_THREADS=1 $${MLSYS_PYTHON:-.mlsys/python/bin/python} -m unittest discover --start-directory worker/python

# The notebooks' package, in an environment of its own, with emulators of Google Cloud in another.
test-python: target/python-package/env/made-from target/python-package/emulators/made-from
	cd python && MLSYS_TEST_EMULATORS=require MLSYS_TEST_EMULATORS_VENV=../target/python-package/emulators \
		../target/python-package/env/bin/python -m unittest discover --start-directory tests --top-level-directory .

target/python-package/%/made-from:
	python3 -m venv --clear $(@D)
	$(@D)/bin/python -m pip install --quiet --disable-pip-version-check --requirement $<
	cp $< $@

target/python-package/env/made-from: python/tests/requirements.txt
target/python-package/emulators/made-from: python/tests/emulators.txt

# Without Redis, PostgreSQL, MLflow, a kernel or a browser.
test-fast: need-cargo $(EXAMPLES) $(ISSUER) $(DASHBOARD)
	$(CARGO) test $(FAST) --lib --bins --test it -- --skip on_postgresql --skip postgres

lint: need-lints lint-python
	$(CARGO) build --workspace --all-targets

lint-python:
	infra/tool ruff check
	infra/tool ruff format --check

format-python:
	infra/tool ruff check --fix
	infra/tool ruff format

# Licences, sources and duplicates of what others wrote.
deny: need-cargo
	infra/tool cargo-deny --log-level error check --hide-inclusion-graph licenses bans sources

# Known faults of what others wrote, as far as the databases of them can be reached.
audit: need-cargo need-npm
	python3 infra/audit.py

# What is shipped of it: target/sbom.
sbom: need-cargo need-npm
	infra/sbom

bench: need-cargo need-servers $(DASHBOARD)
	$(CARGO) build --release --workspace $(MEASURED)
	bench/run

bench-serving: need-cargo $(DASHBOARD)
	$(CARGO) build --release --workspace $(MEASURED)
	bench/run engines serving

chaos: need-servers build-all
	MLSYS_HOME=.mlsys $(MLSYS) prepare
	CHAOS_PUSHES=1000 CHAOS_REPOSITORIES=50 CHAOS_WORKERS=4 CHAOS_SECONDS=240 CHAOS_BURSTS=$(or $(BURSTS),1) \
		$(CARGO) test --workspace --test cluster chaos -- --nocapture

# Each page of the dashboard, light and dark, wide and narrow: FOLDER=target/screenshots unless it says otherwise.
screenshots: need-servers build
	MLSYS_HOME=.mlsys $(MLSYS) prepare
	npm run --silent --prefix frontend screenshots -- $(FOLDER)

# GitHub's published webhook payloads, which the tests send.
$(EXAMPLES): crates/testkit/webhooks/package-lock.json
	@$(MAKE) --no-print-directory need-npm
	mkdir -p target/webhooks-examples
	cp crates/testkit/webhooks/package.json crates/testkit/webhooks/package-lock.json target/webhooks-examples/
	npm ci --prefix target/webhooks-examples --no-audit --no-fund

# The OpenID Connect issuer that a test signs in with.
$(ISSUER): crates/testkit/issuer/package-lock.json crates/testkit/issuer/issuer.js
	@$(MAKE) --no-print-directory need-npm
	mkdir -p target/oidc-issuer
	cp crates/testkit/issuer/* target/oidc-issuer/
	npm ci --prefix target/oidc-issuer --no-audit --no-fund
	touch $(ISSUER)

$(FRONTEND): frontend/package-lock.json
	@$(MAKE) --no-print-directory need-npm
	npm ci --prefix frontend --no-audit --no-fund

# The dashboard, which the backend serves: at once in a debug build, from within the binary in a release.
$(DASHBOARD): $(FRONTEND) frontend/index.html frontend/vite.config.ts frontend/package.json \
		$(shell find frontend/src frontend/public -type f)
	npm run build --prefix frontend

need-cargo:
	@command -v $(CARGO) >/dev/null || { echo "Rust is needed: install it with rustup (1.95 or later)." >&2; exit 1; }
	@command -v git >/dev/null || { echo "git is needed (Debian: apt install git)." >&2; exit 1; }
	@command -v cc >/dev/null || { echo "A C compiler is needed (Debian: apt install gcc)." >&2; exit 1; }

need-lints: need-cargo
	@$(CARGO) fmt --version >/dev/null 2>&1 && command -v clippy-driver >/dev/null || \
		{ echo "rustfmt and clippy are needed: rustup component add rustfmt clippy." >&2; exit 1; }

# The manifests are rendered before they are checked.
need-kubectl:
	@command -v kubectl >/dev/null || command -v kustomize >/dev/null || \
		{ echo "The tests render the Kubernetes manifests: kubectl 1.21 or later (or kustomize) is needed." >&2; exit 1; }

need-servers:
	@infra/test-servers

need-npm:
	@command -v npm >/dev/null || { echo "Node.js 20.19 or later is needed: it brings npm." >&2; exit 1; }
