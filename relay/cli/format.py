"""relay format: the tools of whoever maps a foreign sender's documents."""

import os
import time
from dataclasses import asdict
from pathlib import Path

import click

from relay.cli.client import Group
from relay.cli.explain import show_reading
from relay.cli.options import CONFIG, headers_option, json_option, print_json, read_event
from relay.config.formats import preset, preset_names
from relay.configfile.document import read
from relay.configfile.words import suggest
from relay.errors import ConfigError, RelayError
from relay.formats.compiling import compile_format
from relay.formats.faults import FormatError
from relay.formats.mapping import Format
from relay.operating.accounts import accounts
from relay.receiving.reading import OF_FORMAT, UNCONFIGURED, SourceReader

USUAL = Path(CONFIG)


@click.group("format", cls=Group)
def format() -> None:  # noqa: A001 - the command's name
    """Try the formats of foreign senders; the guide is docs/formats.md."""


@format.command("try")
@click.argument("name")
@click.argument("document", metavar="DOCUMENT.json")
@click.option("-c", "--config", envvar="RELAY_CONFIG", metavar="FILE", type=click.Path(exists=True, path_type=Path),
              help=f"The configuration with `formats`; default: {USUAL} if it exists.")  # fmt: skip
@headers_option
@json_option
def try_(name: str, document: str, *, config: Path | None, headers: dict[str, str], as_json: bool) -> None:
    """Show what a format makes of a document: the case that holds, its fields, and relay's own document.

    NAME is a preset or one of the configuration's formats. - reads the document from standard input. No relay is
    needed, and no secret. Exit status 1: it is refused.
    """
    form = _named(name, config)
    kept = {f"{OF_FORMAT}{header}": text for header, text in headers.items()}
    reader = SourceReader(name, UNCONFIGURED.model_copy(update={"format": name}), form)
    try:
        rows = [asdict(row) for row in accounts(reader, form, read_event(document), kept, time.time())]
    except (RelayError, OSError) as error:
        raise RelayError(f"{document}: {error}") from None
    if as_json:
        print_json(rows)
    else:
        show_reading(rows, documents=True)
    if any(row["refused"] for row in rows):
        raise SystemExit(1)


def _named(name: str, config: Path | None) -> Format:
    """Return the format of this name, whatever else is wrong in the configuration."""
    file = config or (USUAL if USUAL.is_file() else None)
    try:
        text = file.read_text("utf-8-sig") if file else "formats: {}"
        document = read(text, file=str(file), env=os.environ, needed=())
        if name in (own := document.section("formats")):
            return compile_format(own[name])
    except FormatError as error:
        document.report(("formats", name, *error.path), f"{error}")
        fault = str(ConfigError(document.problems[-1:], document.file))
        raise click.BadParameter(fault, param_hint="--config") from None
    except (ConfigError, OSError, UnicodeDecodeError) as error:
        raise click.BadParameter(str(error), param_hint="--config") from None
    if name not in preset_names():
        names = {*preset_names(), *own}
        raise click.BadParameter(f"there is no format {name}; {suggest(name, names)}", param_hint="NAME")
    return preset(name)
