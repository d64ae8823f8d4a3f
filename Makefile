# Everything that people and CI run. `make` alone lists it.

BIN := .venv/bin
# The last one is where Debian puts PgBouncer, and not on the path of an ordinary user.
export PATH := $(CURDIR)/$(BIN):$(CURDIR)/node_modules/.bin:$(PATH):/usr/sbin
CDK := cdk --no-notices
LOCK := --quiet --universal --python-version 3.11 --no-header --no-annotate --no-emit-index-url
# For Vercel's own Python and platform: what it installs with has failed on environment markers.
VERCEL_LOCK := --quiet --python-version 3.13 --python-platform x86_64-unknown-linux-gnu --no-header --no-annotate --no-emit-index-url --generate-hashes
CONTEXT = $(if $(STAGE),-c stage=$(STAGE)) $(if $(CONFIG),-c config=$(CONFIG))
OPTIONS = $(if $(STAGE),--stage $(STAGE)) $(if $(CONFIG),--config $(CONFIG))
SHOP := examples/shop
# Your code: in lambda_src beside the declaration, or right beside it.
PLACE := $(dir $(or $(CONFIG),bridge.toml))
CODE := $(patsubst %/,%,$(if $(wildcard $(PLACE)lambda_src/.),$(PLACE)lambda_src,$(PLACE)))
# Libraries of workers and functions: each folder locks its own, so that adding one changes no file of the framework.
OWN := $(wildcard $(CODE)/workers/*/requirements.txt $(CODE)/functions/*/requirements.txt $(CODE)/workers/requirements-test.txt $(CODE)/functions/requirements-test.txt)
OWN_INSTALLED := $(if $(OWN),.venv/installed-$(subst /,-,$(CODE)))
node_libraries = $(patsubst %/package-lock.json,%/node_modules/.package-lock.json,$(wildcard $(1)/workers/*/package-lock.json $(1)/functions/*/package-lock.json))

.DEFAULT_GOAL := help
.PHONY: help setup packages tool-packages system demo up try down status token check test unit infrastructure database shop end-to-end coverage lint format openapi schema pooling synth diff review deploy github destroy secrets rotate dead-letters follow redrive new init faults bench prices lock lock-framework clean

help: ## List what there is
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: system packages tool-packages ## Install everything: Python and Node.js packages, PostgreSQL among them

packages: .venv/installed node_modules/.package-lock.json $(OWN_INSTALLED) $(call node_libraries,$(CODE)) ## Install only what `make check` and deploying to AWS take

tool-packages: packages .venv/installed-dev $(call node_libraries,$(SHOP)) $(SHOP)/cloudflare/node_modules/.package-lock.json ## Install what the system on this machine and the framework's tests take too

.venv/installed: requirements.txt
	@python=$$(sh tools/local/system_packages.sh) && "$$python" -m venv .venv
	@echo "Installing Python packages into .venv (about a minute)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	@ln -sf ../../bridgectl $(BIN)/bridgectl
	@touch $@

.venv/installed-dev: .venv/installed requirements-dev.txt
	@echo "Installing the tools' Python packages into .venv"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@touch $@

ifneq ($(OWN),)
$(OWN_INSTALLED): .venv/installed $(OWN)
	@echo "Installing the libraries of your workers and functions into .venv"
	@for list in $(OWN); do $(BIN)/python -m pip install --quiet --disable-pip-version-check -r $$list || exit 1; done
	@touch $@
endif

node_modules/.package-lock.json: .venv/installed package.json package-lock.json .npmrc lambda_src/node/package.json
	@echo "Installing Node.js packages into node_modules"
	@npm ci --silent
	@touch $@

%/node_modules/.package-lock.json: %/package.json %/package-lock.json .venv/installed
	@echo "Installing Node.js packages into $*/node_modules"
	@npm ci --silent --ignore-scripts --prefix $*
	@touch $@

system:
	@sh tools/local/system_packages.sh local >/dev/null

demo: setup ## Set up everything, deploy it on this machine, and show it
	@python -m examples.shop.demo

up: setup ## Start the whole system on this machine and leave it running
	@python -m tools.local up

try: setup ## Deploy this tree to the system on this machine, started if it doesn't run: make try CONFIG=examples/shop/bridge.toml
	@python -m tools.local try $(if $(CONFIG),--config $(CONFIG))

down: .venv/installed-dev ## Stop what `make up` started
	@python -m tools.local down

token: .venv/installed-dev ## Print a user's token for the functions on this machine: curl -H "Authorization: Bearer $$(make -s token)" …
	@python -m tools.local token $(if $(SUBJECT),--subject $(SUBJECT)) $(if $(ROLE),--role $(ROLE))

status: .venv/installed-dev ## What of it is running, and where
	@python -m tools.local status

check: packages ## Your own code and declaration: style, types, tests, templates, review; needs no Postgres
	@python -m tools.check $(if $(CONFIG),--config $(CONFIG)) $(ARGS)

test: setup lint ## All checks and tests of the framework, on the shop and fixtures, the fast ones first
	@python -m pytest

unit: setup ## Only the tests of functions, settings and scripts
	@python -m pytest tests/unit

infrastructure: setup ## Only the tests of the synthesised templates
	@python -m pytest tests/infrastructure

database: setup ## Only the tests of the SQL, on a real Postgres
	@python -m pytest tests/database

shop: setup ## Only the tests of the shop: its workers and functions, the Cloudflare Worker, the Vercel functions
	@python -m pytest examples/shop/tests

end-to-end: setup ## Only the tests of one whole deployment
	@python -m pytest tests/end_to_end

coverage: setup ## What the tests run of the code, statements and branches: build/coverage/index.html
	@python -m pytest --cov --cov-report=term:skip-covered --cov-report=html:build/coverage $(ARGS)

lint: tool-packages ## Style and types of the framework and the shop
	@ruff check --exclude lambda_src/workers,lambda_src/functions
	@ruff format --check --exclude lambda_src/workers,lambda_src/functions
	@mypy
	@mkdir -p build && PYTHONPATH=.:lambda_src:lambda_src/layer lint-imports --no-logo --no-cache > build/imports.log || { cat build/imports.log >&2; exit 1; }
	@zizmor --offline --quiet .github/workflows
	@npm run --silent check
	@npm run --silent --prefix $(SHOP)/cloudflare check

format: tool-packages ## Format the code
	@ruff check --fix
	@ruff format
	@npm run --silent format
	@npm run --silent --prefix $(SHOP)/cloudflare format

synth: packages ## Synthesise the templates: make synth STAGE=prod
	@$(CDK) synth --quiet $(CONTEXT)

diff: packages ## What a deployment would change: make diff STAGE=prod
	@$(CDK) diff $(CONTEXT) $(ARGS)

review: packages ## Write what a change means to build/review.html: make review STAGE=prod BASE=origin/main ARGS="--help"
	@python -m tools.review $(if $(STAGE),--stage $(STAGE)) $(if $(CONFIG),--config $(CONFIG)) $${BASE:+--base "$$BASE"} $(ARGS)

deploy: packages ## Deploy: make deploy STAGE=prod
	@$(CDK) deploy --all $(CONTEXT) $(ARGS)

github: packages ## Deploy the roles that GitHub's workflows take: make github STAGE=prod REPOSITORY=owner/name
	@python -m tools.cli github $(OPTIONS) $(if $(REPOSITORY),--repository $(REPOSITORY)) $(ARGS)

destroy: packages ## Remove triggers and stacks: make destroy STAGE=prod
	@$(CDK) destroy --all $(CONTEXT)

new: packages ## Add a worker or function: make new NAME=send_receipt TABLE=public.invoices OPERATIONS=update WEBHOOK=invoice.paid LANGUAGE=node; KIND=function ROUTE="GET /invoices"
	@$(if $(filter command,$(firstword $(origin NAME))),,$(error name it: make new NAME=send_receipt))python -m tools.cli new $(or $(KIND),worker) $(NAME) $(if $(LANGUAGE),--language $(LANGUAGE)) $${TABLE:+--table "$$TABLE"} $${OPERATIONS:+--operations "$$OPERATIONS"} $${WEBHOOK:+--webhook "$$WEBHOOK"} $${ROUTE:+--route "$$ROUTE"} $(if $(ROLE),--role $(ROLE)) $(if $(CONFIG),--config $(CONFIG)) $(ARGS)

init: packages ## Add or change a stage: make init STAGE=prod ARGS="--region eu-central-1 --alarm-email ops@example.com"
	@python -m tools.cli init $(STAGE) $(if $(CONFIG),--config $(CONFIG)) $(ARGS)

secrets: packages ## Fill a stage's secrets: make secrets STAGE=prod ENV_FILE=path/.env ARGS="--help"
	@python -m tools.cli secrets $(OPTIONS) $(if $(ENV_FILE),--env-file "$(ENV_FILE)") $(ARGS)

rotate: packages ## Rotate a stage's signing secrets now: make rotate STAGE=prod ENTRY=target-crm ARGS="--help"
	@python -m tools.cli rotate $(OPTIONS) $(if $(ENTRY),--entry $(ENTRY)) $(ARGS)

dead-letters: packages ## What workers could not process: make dead-letters STAGE=prod ARGS="show send_receipt"
	@python -m tools.cli dead-letters $(or $(ARGS),list) $(OPTIONS)

follow: packages ## What the logs say of a message: make follow STAGE=prod MESSAGE=01944f7a-7d10-7c3e-8a52-3d1f0c9b6e11
	@python -m tools.cli follow $(MESSAGE) $(OPTIONS) $(ARGS)

redrive: packages ## Send it back to its worker: make redrive STAGE=prod WORKER=send_receipt ARGS="--limit 10"
	@python -m tools.cli redrive $(WORKER) $(OPTIONS) $(ARGS)

openapi: packages ## Write openapi.json beside the declaration, from the functions' models: make openapi CONFIG=examples/shop/bridge.toml
	@python -m tools.cli openapi $(if $(CONFIG),--config $(CONFIG)) $(ARGS)

schema: setup ## Save what a database has of this release, for the tests of upgrades; a part of each release
	@PYTHONPATH=lambda_src:lambda_src/layer python -m tests.database.save_schema $(VERSION)

pooling: setup ## Show 200 concurrent invocations over a pool of 20 connections, and without a pooler
	@python -m tools.bench --only pooling

faults: setup ## Break every part while rows flow, and count what arrives: make faults ARGS="--list"
	@python -m tools.faults $(ARGS)

bench: setup ## Measure the bridge beside what people use today: make bench ARGS="--only capture"
	@python -m tools.bench $(ARGS)

prices: packages ## Print what a million events cost on each path, by tools/review/prices.toml
	@python -m tools.review.prices

lock: packages ## Lock the libraries of your workers and functions: each requirements.in to the requirements.txt beside it
	@for list in $(wildcard $(CODE)/workers/*/requirements.in $(CODE)/functions/*/requirements.in); do \
		uv pip compile $(LOCK) --generate-hashes -c lambda_src/layer/requirements.txt $$list -o $${list%.in}.txt || exit 1; \
	done

lock-framework: .venv/installed-dev ## Lock the framework's libraries, and the shop's
	@uv pip compile $(LOCK) --generate-hashes lambda_src/layer/requirements.in -o lambda_src/layer/requirements.txt
	@for list in $(filter-out lambda_src/layer/requirements.in,$(wildcard lambda_src/*/requirements.in $(SHOP)/*/*/requirements.in)); do \
		uv pip compile $(LOCK) --generate-hashes -c lambda_src/layer/requirements.txt $$list -o $${list%.in}.txt || exit 1; \
	done
	@uv pip compile $(LOCK) requirements.in -o requirements.txt
	@uv pip compile $(LOCK) requirements-dev.in -o requirements-dev.txt
	@uv pip compile $(VERCEL_LOCK) -c requirements-dev.txt $(SHOP)/vercel/requirements.in -o $(SHOP)/vercel/requirements.txt

clean: ## Stop and remove what was built (not .venv and node_modules)
	@if [ -f build/local/state.json ]; then python -m tools.local down; fi
	@rm -rf build cdk.out .pytest_cache .mypy_cache .ruff_cache .hypothesis
