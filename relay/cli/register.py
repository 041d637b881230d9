"""relay register: tell the platform where this relay is, once."""

import asyncio
import json
import os
from collections.abc import Iterable, Sequence
from pathlib import Path

import click

from relay.channels import CHANNELS
from relay.cli.options import config_option, json_option, refuse
from relay.config import Config, load
from relay.domain.events import BATCH_EVENTS, IMPLIED_STATUS, OPERATION_EVENTS, STATUSES, TERMINAL, WATCH_EVENTS
from relay.domain.events import SOURCE as WATCHDOG
from relay.domain.identity import matches_event
from relay.errors import ConfigError, PlatformError, RelayError
from relay.platform.lookups import client_of
from relay.platform.models import Filters, RegisterWebhook
from relay.platform.registration import Registered, request
from relay.platform.registration import register as register_at
from relay.platform.settings import REGISTERED
from relay.policy.matching import Rule

# That a run hangs is for the watchdog to say: a platform's events know no such status.
GOING = [status for status in STATUSES if status not in {*TERMINAL, "Stalled"}]
OUTCOMES = {
    "unchanged": "already registered as {id}; nothing to change",
    "registered": "registered as {id}",
    "replaced": "registered as {id}, in place of {old}",
}


@click.command()
@config_option
@click.option("--source", default=REGISTERED, show_default=True, metavar="NAME",
              help="The configured source that receives the events.")  # fmt: skip
@click.option("--dry-run", is_flag=True, help="Only show what would be done.")
@json_option
def register(config: Path, *, source: str, dry_run: bool, as_json: bool) -> None:
    """Register relay's webhook at the platform, or update it: events, filters and secret.

    It is found by its address, so a second run changes nothing. Only events that a rule asks for are requested.
    """
    try:
        settings = load(config, env=os.environ, channels=CHANNELS)
        registration = webhook(settings, source, str(config))
        asyncio.run(_register(settings, registration, dry_run=dry_run, as_json=as_json))
    except (ConfigError, PlatformError, RelayError) as error:
        refuse(error)


def webhook(config: Config, source: str, file: str) -> RegisterWebhook:
    """Return what to register for this configuration. RelayError says what it lacks."""
    settings = config.sources.get(source)
    if settings is None:
        raise RelayError(f"{file}: sources: expected {source}, found {', '.join(config.sources)}; or say --source")
    if settings.signature.scheme != "hmac-sha256":
        raise RelayError(f"{file}: sources.{source}.signature.scheme: the platform signs with hmac-sha256, and this "
                         f"source expects {settings.signature.scheme}")  # fmt: skip
    if not config.server.public_url:
        raise RelayError(f"{file}: server.public_url: expected the address at which the platform reaches this relay")
    missing = [key for key in ("base_url", "tenant", "project") if not getattr(config.platform, key)]
    if missing:
        raise RelayError(f"{file}: platform.{missing[0]}: expected where the platform and its project are")
    secret = next(iter(settings.signature.secrets.values())).get_secret_value()
    platform = config.platform
    tenant, project = platform.tenant, platform.project
    rules = [
        rule for rule in config.rules
        if tenant in (rule.tenants or (tenant,)) and project in (rule.projects or (project,))
    ]  # fmt: skip
    dynamic, watched = config.dynamic_destinations is not None, config.watchdog is not None
    names = events(rules, source, watched=watched, everything=dynamic)
    if not names:
        raise RelayError(f"{file}: rules: none asks for anything that {source} reports of {tenant}/{project}; add one "
                         "before you register")  # fmt: skip
    return request(
        f"{config.server.public_url.rstrip('/')}/webhooks/{source}",
        secret,
        filters(rules, source, watched=watched, everything=dynamic),
        names,
    )


def filters(
    rules: Sequence[Rule], source: str = REGISTERED, *, watched: bool = True, everything: bool = False
) -> Filters:
    """Return the filters that are right for all rules together: what each of them leaves out need not be sent."""
    if everything:
        return Filters(operation_types=[], priorities=[], min_progress_increment=0.0)
    wishes = [(rule, requested_events(rule, source, watched=watched)) for rule in rules]
    about = [rule for rule, names in wishes if names - {"batch.started", "batch.completed"}]
    steps = [rule.min_progress_increment for rule, names in wishes if "operation.progress" in names]
    types = [set(rule.operation_types) for rule in about]
    priorities = [set(rule.priorities) for rule in about]
    return Filters(
        operation_types=sorted(set().union(*types)) if all(types) else [],
        priorities=sorted(set().union(*priorities)) if all(priorities) else [],
        min_progress_increment=min(steps, default=0.0),
    )


def requested_events(rule: Rule, source: str, *, watched: bool) -> frozenset[str]:
    """Return the names of a source's events that the rule wants; `watched`: a rule for stalled runs needs all."""

    def matches(event: str, origin: str, statuses: Iterable[str]) -> bool:
        return (
            any(matches_event(pattern, event) for pattern in rule.events)
            and origin in (rule.sources or (origin,))
            and any(status in (rule.statuses or (status,)) for status in statuses)
        )

    needs_all = watched and any(matches(event, WATCHDOG, (IMPLIED_STATUS[event],)) for event in WATCH_EVENTS)
    # The start and the end of a batch say neither type nor priority, so no rule with such a condition matches them.
    unmatchable = ("batch.started", "batch.completed") if rule.operation_types or rule.priorities else ()
    return frozenset(
        event for event in (*OPERATION_EVENTS, *BATCH_EVENTS)
        if (needs_all and event in OPERATION_EVENTS)
        or (event not in unmatchable and matches(event, source, _statuses(event)))
    )  # fmt: skip


def _statuses(event: str) -> Iterable[str]:
    """Return the statuses with which the event can reach a rule."""
    implied = IMPLIED_STATUS[event]
    if event == "batch.operation.completed":  # whatever became of the operation, its batch goes on
        return (implied,)
    return TERMINAL if implied in TERMINAL else GOING


def events(rules: Sequence[Rule], source: str, *, watched: bool, everything: bool = False) -> tuple[str, ...]:
    """Return the events that all rules together ask for; `everything`: operations say who should hear of them."""
    union = {*(OPERATION_EVENTS if everything else ())}.union(
        *(requested_events(rule, source, watched=watched) for rule in rules)
    )
    return tuple(event for event in (*OPERATION_EVENTS, *BATCH_EVENTS) if event in union)


async def _register(config: Config, registration: RegisterWebhook, *, dry_run: bool, as_json: bool) -> None:
    async with client_of(config.platform) as client:
        done = await register_at(client, registration, dry_run=dry_run)
    if as_json:
        click.echo(json.dumps(_facts(done, registration, dry_run=dry_run), ensure_ascii=False, indent=2))
        return
    text = OUTCOMES[done.outcome].format(id=done.webhook.webhook_id or "a new webhook", old=", ".join(done.replaced))
    click.echo(f"{registration.webhook_url}: {'would be ' if dry_run and done.outcome != 'unchanged' else ''}{text}")
    if not done.certain:
        click.echo("This platform does not list its webhooks: an older one may still report here, which does no harm.")


def _facts(done: Registered, registration: RegisterWebhook, *, dry_run: bool) -> dict[str, object]:
    return {
        "outcome": done.outcome,
        "dry_run": dry_run,
        "webhookId": done.webhook.webhook_id,
        "webhookUrl": registration.webhook_url,
        "events": list(registration.events),
        "filters": (registration.filters or Filters()).sent(),
        "replaced": list(done.replaced),
    }
