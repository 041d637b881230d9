"""relay format: the tools of whoever maps a foreign sender's documents."""

import json
import os
from pathlib import Path

import click

from relay.channels import CHANNELS
from relay.cli.client import Group
from relay.cli.options import CONFIG, json_option, print_json, read_event, visible
from relay.config import load
from relay.config.formats import preset, preset_names
from relay.configfile.validation import suggest
from relay.domain.documents import decode
from relay.errors import ConfigError, RelayError
from relay.formats.compiling import compile_format
from relay.formats.mapping import Format, Reading

USUAL = Path(CONFIG)


@click.group("format", cls=Group)
def format() -> None:  # noqa: A001 - the command's name
    """Try the formats of foreign senders; the guide is docs/senders.md."""


@format.command("try")
@click.argument("name")
@click.argument("document", metavar="DOCUMENT.json")
@click.option("-c", "--config", envvar="RELAY_CONFIG", metavar="FILE", type=click.Path(exists=True, path_type=Path),
              help=f"The configuration with `formats`; default: {USUAL} if it exists.")  # fmt: skip
@json_option
def try_(name: str, document: str, *, config: Path | None, as_json: bool) -> None:
    """Show what a format makes of a document: the case that holds, and relay's own document.

    NAME is a preset or one of the configuration's formats. - reads the document from standard input. No relay is
    needed, and no secret. Exit status 1: the format finds no run or no status in it.
    """
    try:
        reading = _named(name, config).read(decode(read_event(document)))
    except (RelayError, OSError) as error:
        raise RelayError(f"{document}: {error}") from None
    if as_json:
        print_json(reading._asdict())
    else:
        for line in _lines(reading):
            click.echo(visible(line))
    if reading.missing:
        raise SystemExit(1)


def _named(name: str, config: Path | None) -> Format:
    file = config or (USUAL if USUAL.is_file() else None)
    options = {"env": os.environ, "channels": CHANNELS, "needed": (), "only": ("formats",)}
    try:
        own = load(file, **options).formats if file else {}
    except ConfigError as error:
        raise click.BadParameter(str(error), param_hint="--config") from None
    if name in own:
        return compile_format(own[name])
    if name not in preset_names():
        names = {*preset_names(), *own}
        raise click.BadParameter(f"there is no format {name}; {suggest(name, names)}", param_hint="NAME")
    return preset(name)


def _lines(reading: Reading) -> list[str]:
    case = f"case {reading.case}" if reading.case else "no case"
    if reading.ignored:
        return [f"{case}: ignored: {reading.ignored}"]
    unknown = [f'{field}: no row has the word "{" ".join(word.split())}"' for field, word in reading.unknown]
    if reading.document is None:
        return [f"{case}: {reading.missing}: nothing that fits is found", *unknown]
    return [case, *unknown, *json.dumps(reading.document, indent=2, ensure_ascii=False).split("\n")]
