# Everything that people and CI run. `make` alone lists it.

BIN := .venv/bin
# The last one is where Debian puts PgBouncer, and not on the path of an ordinary user.
export PATH := $(CURDIR)/$(BIN):$(CURDIR)/node_modules/.bin:$(PATH):/usr/sbin
CDK := cdk --no-notices
LOCK := --quiet --universal --python-version 3.11 --no-header --no-annotate --no-emit-index-url
# For Vercel's own Python and platform: what it installs with has failed on environment markers.
VERCEL_LOCK := --quiet --python-version 3.13 --python-platform x86_64-unknown-linux-gnu --no-header --no-annotate --no-emit-index-url --generate-hashes
STAGE_CONTEXT = $(if $(STAGE),-c stage=$(STAGE))

.DEFAULT_GOAL := help
.PHONY: help setup packages edge-packages system demo up try down status test unit infrastructure database edge end-to-end coverage lint format openapi pooling synth diff review deploy destroy secrets rotate dead-letters follow redrive faults bench prices lock clean

help: ## List what there is
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: system packages edge-packages ## Install everything: Python and Node.js packages, PostgreSQL among them

packages: .venv/installed node_modules/.package-lock.json ## Install only what deploying to AWS takes: Python and Node.js packages

.venv/installed: requirements.txt
	@python=$$(sh local/system_packages.sh) && "$$python" -m venv .venv
	@echo "Installing Python packages into .venv (about a minute)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	@touch $@

node_modules/.package-lock.json: .venv/installed package.json package-lock.json .npmrc $(wildcard lambda_src/node/package.json lambda_src/workers/*/package.json)
	@echo "Installing Node.js packages into node_modules"
	@npm ci --silent
	@touch $@

edge-packages: edge/cloudflare/node_modules/.package-lock.json ## Install what the Cloudflare Worker takes: wrangler and its libraries

edge/cloudflare/node_modules/.package-lock.json: .venv/installed $(addprefix edge/cloudflare/,package.json package-lock.json .npmrc)
	@echo "Installing the Worker's packages into edge/cloudflare/node_modules"
	@npm ci --silent --prefix edge/cloudflare
	@touch $@

system:
	@sh local/system_packages.sh local >/dev/null

demo: setup ## Set up everything, deploy it on this machine, and show it
	@python -m local demo

up: setup ## Start the whole system on this machine and leave it running
	@python -m local up

try: setup ## Deploy this tree to the system on this machine, started if it doesn't run
	@python -m local try

down: .venv/installed ## Stop what `make up` started
	@python -m local down

status: .venv/installed ## What of it is running, and where
	@python -m local status

test: setup lint ## All checks and tests, the fast ones first
	@python -m pytest

unit: setup ## Only the tests of functions, settings and scripts
	@python -m pytest tests/unit

infrastructure: setup ## Only the tests of the synthesised templates
	@python -m pytest tests/infrastructure

database: setup ## Only the tests of the SQL, on a real Postgres
	@python -m pytest tests/database

edge: setup ## Only the tests of the Cloudflare Worker and the Vercel functions
	@python -m pytest tests/edge

end-to-end: setup ## Only the tests of one whole deployment
	@python -m pytest tests/end_to_end

coverage: setup ## What the tests run of the code, statements and branches: build/coverage/index.html
	@python -m pytest --cov --cov-report=term:skip-covered --cov-report=html:build/coverage $(ARGS)

lint: packages edge-packages ## Style and types
	@ruff check
	@ruff format --check
	@mypy
	@zizmor --offline --quiet .github/workflows
	@npm run --silent check
	@npm run --silent --prefix edge/cloudflare check

format: packages edge-packages ## Format the code
	@ruff check --fix
	@ruff format
	@npm run --silent format
	@npm run --silent --prefix edge/cloudflare format

synth: packages ## Synthesise the templates: make synth STAGE=prod
	@$(CDK) synth --quiet $(STAGE_CONTEXT)

diff: packages ## What a deployment would change: make diff STAGE=prod
	@$(CDK) diff --all $(STAGE_CONTEXT) $(ARGS)

review: packages ## Write what a change means to build/review.html: make review STAGE=prod BASE=origin/main ARGS="--help"
	@python -m review $(if $(STAGE),--stage $(STAGE)) $${BASE:+--base "$$BASE"} $(ARGS)

deploy: packages ## Deploy: make deploy STAGE=prod
	@$(CDK) deploy --all $(STAGE_CONTEXT) $(ARGS)

destroy: packages ## Remove triggers and stacks: make destroy STAGE=prod
	@$(CDK) destroy --all $(STAGE_CONTEXT)

secrets: packages ## Fill a stage's secrets: make secrets STAGE=prod ENV_FILE=path/.env ARGS="--help"
	@python -m scripts.fill_secrets $(if $(STAGE),--stage $(STAGE)) $(if $(ENV_FILE),--env-file "$(ENV_FILE)") $(ARGS)

rotate: packages ## Rotate a stage's signing secrets now: make rotate STAGE=prod ENTRY=target-crm ARGS="--help"
	@python -m scripts.rotate_secret $(if $(STAGE),--stage $(STAGE)) $(if $(ENTRY),--entry $(ENTRY)) $(ARGS)

dead-letters: packages ## What workers could not process: make dead-letters STAGE=prod ARGS="show process_order"
	@python -m scripts.dead_letters $(or $(ARGS),list) $(if $(STAGE),--stage $(STAGE))

follow: packages ## What the logs say of a message: make follow STAGE=prod MESSAGE=01944f7a-7d10-7c3e-8a52-3d1f0c9b6e11
	@python -m scripts.follow $(MESSAGE) $(if $(STAGE),--stage $(STAGE)) $(ARGS)

redrive: packages ## Send it back to its worker: make redrive STAGE=prod WORKER=process_order ARGS="--limit 10"
	@python -m scripts.dead_letters redrive $(WORKER) $(if $(STAGE),--stage $(STAGE)) $(ARGS)

openapi: packages ## Write docs/openapi.json from the functions' models
	@python -m scripts.openapi

pooling: setup ## Show 200 concurrent invocations over a pool of 20 connections, and without a pooler
	@python -m bench --only pooling

faults: setup ## Break every part while rows flow, and count what arrives: make faults ARGS="--list"
	@python -m faults $(ARGS)

bench: setup ## Measure the bridge beside what people use today: make bench ARGS="--only capture"
	@python -m bench $(ARGS)

prices: .venv/installed ## Print what a million events cost on each path, by bench/prices.toml
	@python -m bench.prices

lock: .venv/installed ## Compile all locks anew: the app's, the layer's, and those of functions with libraries of their own
	@uv pip compile $(LOCK) --generate-hashes lambda_src/layer/requirements.in -o lambda_src/layer/requirements.txt
	@for list in $$(ls -d lambda_src/*/requirements.in lambda_src/*/*/requirements.in | grep -v '^lambda_src/layer/'); do \
		uv pip compile $(LOCK) --generate-hashes -c lambda_src/layer/requirements.txt $$list -o $${list%.in}.txt || exit 1; \
	done
	@uv pip compile $(LOCK) requirements.in -o requirements.txt
	@uv pip compile $(VERCEL_LOCK) -c requirements.txt edge/vercel/requirements.in -o edge/vercel/requirements.txt

clean: ## Stop and remove what was built (not .venv and node_modules)
	@if [ -f build/local/state.json ]; then python -m local down; fi
	@rm -rf build cdk.out .pytest_cache .mypy_cache .ruff_cache .hypothesis
