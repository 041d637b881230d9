"""relay explain: whom an event reaches and why, rule by rule."""

import json
import os
import sys
from datetime import UTC, datetime
from pathlib import Path

import click

from relay.cli.options import config_option, json_option, refuse
from relay.config import Config, load
from relay.errors import RelayError
from relay.parsing import decode, parse
from relay.validation import suggest


@click.command(short_help="Say whom an event reaches and why, rule by rule.")
@click.argument("subject", metavar="EVENT.json")
@config_option
@click.option("--source", metavar="NAME", help="The source that sends it; else the first that fixes no event.")
@json_option
def explain(subject: str, config: Path, source: str | None, *, as_json: bool) -> None:
    """Say whom an event reaches and why: each rule with its conditions, each destination with what holds it back.

    EVENT.json holds the event as it would be sent; - reads it from standard input. Nothing is sent, and no running
    relay is asked.
    """
    if subject == "-" or Path(subject).is_file():
        _explain_event(subject, config, source, as_json=as_json)
    else:
        raise click.BadParameter(f"there is no file {subject}", param_hint="EVENT.json")


def _explain_event(subject: str, path: Path, source: str | None, *, as_json: bool) -> None:
    from relay.channels import CHANNELS  # noqa: PLC0415 - `relay --help` needs none of their libraries
    from relay.cli.explanation import explanation_of, show  # noqa: PLC0415

    try:
        config = load(path, env=os.environ, channels=CHANNELS)
    except RelayError as error:
        refuse(error)
    name = _source(config, source)
    try:
        raw = sys.stdin.buffer.read() if subject == "-" else Path(subject).read_bytes()
        event = parse(decode(raw), source=name, received_at=datetime.now(UTC), default_event=config.sources[name].event)
    except (RelayError, OSError) as error:
        refuse(RelayError(f"{subject}: {error}"))
    explanation = explanation_of(event, config, CHANNELS)
    if as_json:
        click.echo(json.dumps(explanation, ensure_ascii=False, indent=2))
    else:
        show(explanation)


def _source(config: Config, wanted: str | None) -> str:
    if wanted is None:
        return next((name for name, source in config.sources.items() if not source.event), next(iter(config.sources)))
    if wanted not in config.sources:
        raise click.BadParameter(f"unknown source; {suggest(wanted, config.sources)}", param_hint="--source")
    return wanted
