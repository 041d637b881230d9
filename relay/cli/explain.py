"""relay explain: whom an event reaches and why, rule by rule; or what happened to an operation."""

import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from relay.cli.options import config_option, json_option, read_event, refuse, space_options
from relay.config import Config, load
from relay.configfile.validation import suggest
from relay.domain.parsing import parse
from relay.domain.spaces import Space
from relay.domain.strict_json import decode
from relay.errors import RelayError
from relay.policy.recipients import unheard
from relay.receiving.permissions import source_permissions

SILENT = "the source {0} names nobody (sources.{0}.may_name_recipients)"


@click.command(short_help="Say whom an event reaches and why, or what happened to an operation.")
@click.argument("subject", metavar="EVENT.json|OPERATION_ID")
@config_option
@click.option("--source", metavar="NAME", help="The source that sends it; else the first that fixes no event.")
@click.option(
    "--all", "every", is_flag=True, help="Of an operation, each line that is kept; else what repeats is counted."
)
@space_options
@json_option
def explain(subject: str, config: Path, source: str | None, *, every: bool, as_json: bool, **whose: str) -> None:
    """Say whom an event reaches and why: each rule with its conditions, each destination with what holds it back.

    EVENT.json holds the event as it would be sent; - reads it from standard input. Nothing is sent, and no running
    relay is asked.

    With the id of an operation or batch instead, a running relay is asked what happened to it: what came, who was
    notified, each attempt with its answer. What repeats is counted, unless --all or --json is given; progress that
    nobody is notified of is kept by its number alone. Where several tenants, projects or platforms use the id,
    --tenant, --project and --platform say whose is meant.
    """
    if subject == "-" or Path(subject).is_file():
        _explain_event(subject, config, source, as_json=as_json)
    elif subject.endswith(".json"):
        raise click.BadParameter(f"there is no file {subject}", param_hint="EVENT.json")
    else:
        from relay.cli.timeline import explain_operation  # noqa: PLC0415 - an event needs no store

        explain_operation(subject, config, space=Space(**whose), every=every, as_json=as_json)


def _explain_event(subject: str, path: Path, source: str | None, *, as_json: bool) -> None:
    from relay.channels import CHANNELS  # noqa: PLC0415 - `relay --help` needs none of their libraries
    from relay.cli.explanation import show  # noqa: PLC0415

    try:
        config = load(path, env=os.environ, channels=CHANNELS)
    except RelayError as error:
        refuse(error)
    name = _source(config, source)
    try:
        explanation = explained(read_event(subject), config, name)
    except (RelayError, OSError) as error:
        refuse(RelayError(f"{subject}: {error}"))
    if as_json:
        click.echo(json.dumps(explanation, ensure_ascii=False, indent=2))
    else:
        show(explanation)


def explained(body: bytes, config: Config, source: str) -> dict[str, Any]:
    """Explain a body from this source by this configuration. NotJson, InvalidEvent or NotPermitted if nothing."""
    from relay.channels import CHANNELS  # noqa: PLC0415 - as above
    from relay.operating.explanation import explanation_of  # noqa: PLC0415

    document = decode(body)
    sender, permissions = config.sources[source], source_permissions(config.sources)[source]
    how: dict[str, Any] = {"source": source, "received_at": datetime.now(UTC), "default_event": sender.event,
                           "platform": sender.platform}  # fmt: skip
    whole = parse(document, **how)
    event = permissions.read(document, **how) if permissions else whole
    ignored = unheard(whole, SILENT.format(source)) if permissions and not permissions.recipients else ()
    return explanation_of(event, config, CHANNELS, ignored=ignored, limits=permissions.limits if permissions else ())


def _source(config: Config, name: str | None) -> str:
    if name is None:
        return next(
            (fallback for fallback, source in config.sources.items() if not source.event), next(iter(config.sources))
        )
    if name not in config.sources:
        raise click.BadParameter(f"unknown source; {suggest(name, config.sources)}", param_hint="--source")
    return name
