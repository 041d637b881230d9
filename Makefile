# Two commands are all a newcomer needs: `make demo` and `make test`. Both set up what they use.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
RUN    := $(VENV)/.run-ready
DEV    := $(VENV)/.dev-ready
DOCS   := $(VENV)/.docs-ready
LOWEST := .venv-lowest
OLDEST := $(LOWEST)/.ready
# A lock is whole, so nothing is resolved: pip would look past it for a newer version of what is asked for with an extra, and
# refuse it for lack of a hash, on the day on which one is published. What relay runs on is compiled at the setup, for where
# PYTHONDONTWRITEBYTECODE is set each start would compile it anew; of the other tools what is imported is compiled then.
LOCKED := install -q --disable-pip-version-check --no-compile --no-deps --require-hashes
export PYTHONDONTWRITEBYTECODE :=  # some machines set it; then every process of the tests would compile everything again
SPREAD := -n 4 --dist worksteal  # twice the cores of a small machine, since many tests mostly wait

.DEFAULT_GOAL := help
.PHONY: help setup demo run test quick soak lint docs lowest bench security sbom clean

help:            ## Say what there is
	@grep -E '^[a-z]+: .*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

setup: $(RUN)    ## Make .venv/bin/relay (no system package is needed)

demo: $(RUN)     ## Run everything on this machine and watch signed operations become messages
	$(BIN)/relay demo $(ARGS)

run: $(RUN)      ## Serve with config/relay.yaml
	$(BIN)/relay serve $(ARGS)

test: $(DEV)     ## Run the tests, on a real Redis and a real mail server
	$(BIN)/python -m pytest $(SPREAD) $(ARGS)

QUICK := -n 2 --dist worksteal  # these wait for nothing
quick: $(DEV)    ## Run the quick tests, while you work: they start no browser and none of relay's programs
	$(BIN)/python -m pytest $(QUICK) -m "not slow and not soak" $(ARGS)

soak: $(DEV)     ## Run what takes an hour, nightly and before a release: all outages, and relays on the real clock
	$(BIN)/python -m pytest $(SPREAD) -m soak $(ARGS)

lint: $(DEV)     ## Format, lint, types, import directions
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

docs: $(DOCS)    ## Make the documentation's site, with its search, in site/; a link that leads nowhere fails
	$(BIN)/sphinx-build -b html -c docs -W --keep-going -q -E -d site/.doctrees . site
	@rm -rf site/.doctrees; echo "site/index.html"

# What libraries promise, where relay calls them: aiosmtplib, slack-sdk, pydantic, joserfc, aiohttp as server and client,
# jinja2, Apprise, redis alone, replicated and with Sentinels, cryptography, click, OpenTelemetry, and a whole relay.
CONTRACTS := channels/email/test_session.py channels/email/test_connections.py channels/email/test_delivery.py \
  channels/email/test_real_servers.py channels/slack/test_scopes.py channels/slack/test_posting.py \
  channels/slack/test_socket.py channels/slack/test_webhooks.py channels/test_webhook_and_apprise.py config/test_loading.py config/test_json_schema.py \
  console/test_serving.py interactivity/test_endpoint.py \
  platform/test_client.py receiving/test_server.py receiving/test_connections.py receiving/test_bodies.py \
  rendering/test_bounds.py rendering/test_escaping.py \
  store/embedded/test_server.py store/test_accept.py store/test_replication.py \
  receiving/test_sns.py store/test_sentinel.py cli/test_groups.py cli/test_serve.py tracing test_end_to_end.py
lowest: $(OLDEST) ## Run the tests of what libraries promise on the oldest versions that pyproject.toml allows
	$(LOWEST)/bin/python -m pytest $(SPREAD) $(addprefix tests/,$(CONTRACTS)) $(ARGS)

$(OLDEST): requirements/lowest.txt
	$(PYTHON) -m venv --clear $(LOWEST)
	$(LOWEST)/bin/python -m pip $(LOCKED) -r requirements/lowest.txt
	@touch $@

bench: $(DEV)    ## Measure it beside its peers, side by side, in ten minutes: a page with charts in benchmarks/results
	$(BIN)/python -m benchmarks.speed $(ARGS)

# Of an environment that has what the image has, and nothing that only builds, tests or weighs: CycloneDX JSON, checked
# against its schema. The same sources give the same file.
SBOM := relay.cdx.json
BARE := .venv-sbom
sbom: $(DEV)     ## Write what relay consists of, with versions and licences, to relay.cdx.json
	$(PYTHON) -m venv --clear --without-pip $(BARE)
	$(BIN)/pip --python $(BARE)/bin/python $(LOCKED) -r requirements/run.txt
	$(BIN)/cyclonedx-py environment --pyproject pyproject.toml --output-reproducible --validate -o $(SBOM) $(BARE)/bin/python
	@rm -rf $(BARE)

security: $(DEV) ## Attack a relay in eight minutes, in all ways that are known; it fails where a promise is broken
	$(BIN)/python -m campaign $(ARGS)

clean:           ## Remove what setup made
	rm -rf $(VENV) $(LOWEST) $(BARE) site

# A Debian without python3-venv cannot make one; as root we may bring it, else we say what is missing.
$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "relay needs Python 3.11 or later; this is $$($(PYTHON) -V)"; exit 1; }
	@$(PYTHON) -m venv $(VENV) 2>/dev/null || { rm -rf $(VENV); \
	  if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	    apt-get update -qq && apt-get install -y -qq python3-venv >/dev/null && $(PYTHON) -m venv $(VENV); \
	  else echo "Python cannot make a virtual environment here: apt-get install python3-venv"; exit 1; fi; }

$(RUN): requirements/run.txt requirements/build.txt pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip $(LOCKED) -r requirements/build.txt -r requirements/run.txt
	$(BIN)/python -m pip install -q --disable-pip-version-check --no-build-isolation --no-deps -e .
	$(BIN)/python -m compileall -q -j 0 relay relay_sandbox $(VENV)/lib -x '/(pip|setuptools|wheel)/'
	$(BIN)/python -m relay.rendering
	@touch $@

$(DEV): requirements/dev.txt $(RUN)
	$(BIN)/python -m pip $(LOCKED) -r requirements/dev.txt
	@touch $@

# Beside the pages, the site has what metrics and log lines mean, which it reads from relay.
$(DOCS): requirements/docs.txt $(RUN)
	$(BIN)/python -m pip $(LOCKED) -r requirements/docs.txt
	@touch $@

# The locks name versions and hashes, never an address. Needs uv. The lowest ones are relay's own requirements alone; the
# tools that test on them are as new as fits.
COMPILE := uv pip compile -q --universal --no-annotate --no-header
EXTRAS  := --extra apprise --extra embedded --extra oidc --extra otel --extra sns --extra demo
.PHONY: lock
lock:            ## Renew requirements/*.txt
	$(COMPILE) --generate-hashes $(EXTRAS) pyproject.toml -o requirements/run.txt
	$(COMPILE) --generate-hashes $(EXTRAS) --group dev --group build pyproject.toml -o requirements/dev.txt
	$(COMPILE) --generate-hashes --group build -c requirements/dev.txt -o requirements/build.txt
	$(COMPILE) --generate-hashes --group docs -c requirements/dev.txt -o requirements/docs.txt
	$(COMPILE) $(EXTRAS) --resolution lowest-direct pyproject.toml -o $(VENV)/lowest.txt
	$(COMPILE) --generate-hashes $(EXTRAS) --group test -c $(VENV)/lowest.txt pyproject.toml -o requirements/lowest.txt
