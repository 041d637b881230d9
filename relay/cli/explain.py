"""relay explain: whom an event reaches and why, rule by rule; or what happened to an operation."""

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import click

from relay.cli.client import ClientCommand, config_file, get, printed
from relay.cli.options import read_event, space_options
from relay.errors import RelayError


@click.command(
    cls=ClientCommand, short_help="Explain who is notified of an event and why, or what happened to an operation."
)
@click.argument("subject", metavar="EVENT.json|OPERATION_ID")
@click.option("--source", metavar="NAME", help="The source of the event; default: the first without a fixed event.")
@click.option("--all", "every", is_flag=True, help="Show every line of an operation, including repetitions.")
@space_options
def explain(subject: str, source: str | None, *, every: bool, **whose: str) -> None:
    """Explain who is notified of an event and why: each rule with its conditions, each destination with what delays or
    holds messages for it.

    EVENT.json holds the event as it would be sent; - reads it from standard input. Nothing is sent, no running relay is
    needed, and secrets need not be set.

    With the id of an operation or batch, ask the running relay what happened to it: events received, notifications,
    each attempt with its answer. Repetitions are counted, unless --all or --json is given; of progress without a
    notification only the number is kept. If several tenants, projects or platforms use the id, select one with
    --tenant, --project and --platform.
    """
    if subject == "-" or Path(subject).is_file():
        _explain_event(subject, source)
    elif subject.endswith(".json"):
        raise click.BadParameter(f"there is no file {subject}", param_hint="EVENT.json")
    else:
        _explain_operation(subject, every=every, **whose)


def _explain_event(subject: str, source: str | None) -> None:
    from relay.channels import CHANNELS  # noqa: PLC0415 - an operation needs none of their libraries
    from relay.cli.explanation import show  # noqa: PLC0415
    from relay.config import load  # noqa: PLC0415
    from relay.operating.explanation import explained, source_named  # noqa: PLC0415

    config = load(config_file(), env=os.environ, channels=CHANNELS, placeholders=True)
    try:
        name = source_named(config, source)
    except RelayError as error:
        raise click.BadParameter(str(error), param_hint="--source") from None
    try:
        explanation = explained(read_event(subject), config, CHANNELS, name, datetime.now(UTC))
    except (RelayError, OSError) as error:
        raise RelayError(f"{subject}: {error}") from None
    if not printed(explanation):
        show(explanation)


def _explain_operation(subject: str, *, every: bool, **whose: str) -> None:
    from relay.cli.screen import show  # noqa: PLC0415
    from relay.cli.timeline import page  # noqa: PLC0415

    facts: dict[str, Any] = get("/operation", id=subject, **whose)
    several = facts["several"]
    if not printed(facts) and not several:
        for part in page(facts, every=every):
            show(part)
    if several:
        lines = "\n".join(f"  {_options(row['page'])}" for row in several)
        raise RelayError(f"{len(several)} operations or batches have the id {subject}; say which:\n{lines}")


def _options(page: str) -> str:
    """Return the options that say whose operation it is, from the address of its page."""
    return " ".join(f"--{name} {text}" for name, text in parse_qsl(urlsplit(page).query) if name != "id")
