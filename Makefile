# SPDX-FileCopyrightText: netports contributors
# SPDX-License-Identifier: GPL-3.0-or-later

PYTEST := .venv/bin/python -m pytest
ROLE ?= kuma_zone_cp

.PHONY: help setup demo test test-fast lint docs mutation bench artefact clean

help: ## what there is
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 12

setup: ## .venv/ with the tools, the collection and its short names
	@tools/setup test

demo: ## a sandboxed host opened and verified for a role: make demo ROLE=netq_cluster
	@tools/setup demo
	@.venv/bin/python tools/demo.py $(ROLE)

test: ## everything; the summary names what this machine could not cover
	@tools/setup molecule
	@$(PYTEST) -n2 --dist=worksteal --durations=25

test-fast: ## unit tests, quick integration tests and ruff, in two minutes
	@tools/setup test
	@.venv/bin/ruff check --quiet
	@$(PYTEST) -n3 -m "not slow" --hypothesis-profile=quick tests/unit tests/integration

lint: ## linters alone
	@tools/setup test
	@$(PYTEST) tests/gates/test_lint.py

docs: ## the site of docs/, in .venv/docs/html
	@tools/setup test
	@.venv/bin/python tools/docs_site/build.py

mutation: ## changes what decides, a place at a time: does a test fail? a quarter of an hour
	@tools/setup test
	@.venv/bin/python tools/mutation.py

bench: ## speed, as ratios against what else could be run
	@tools/setup test
	@status=0; for bench in tests/benchmark/bench_*.py; do .venv/bin/python $$bench || status=1; done; exit $$status

artefact: ## what users install, made of the commit that is checked out, in dist/
	@tools/setup test
	@.venv/bin/python tools/build.py

clean: ## everything that set-up and tests made here
	rm -rf .venv dist tests/output .pytest_cache .ruff_cache .mypy_cache .hypothesis
