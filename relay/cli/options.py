"""Options, checks and printing that commands share; imports no other room but units of durations."""

import json
import os
import pwd
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn, TextIO

import click

from relay.configfile.units import duration

CONFIG = "config/relay.yaml"  # where every command looks, unless RELAY_CONFIG or -c names another file


class ConfigFile(click.Path):
    """A configuration file that exists. Where none was named, the error says how to create one."""

    def __init__(self) -> None:
        super().__init__(exists=True, dir_okay=False, path_type=Path)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        try:
            return super().convert(value, param, ctx)
        except click.BadParameter as error:
            usual = str(value) in (CONFIG, os.environ.get("RELAY_CONFIG"))
            # It writes there, since it looks in the same places.
            hint = " `relay init` writes one." if usual and not Path(value).exists() else ""
            raise click.BadParameter(f"{error.message}{hint}", ctx, param, "'-c' / '--config'") from None


config_option = click.option(
    "-c", "--config", "config", envvar="RELAY_CONFIG", default=CONFIG, show_default=True,
    type=ConfigFile(), metavar="FILE", show_envvar=True,
    help="The configuration.",
)  # fmt: skip


def _headers(_context: click.Context, _option: click.Parameter, lines: tuple[str, ...]) -> dict[str, str]:
    """Return the headers by their names in small letters, as formats read them."""
    pairs = [line.partition(":") for line in lines]
    if not all(name.strip() and colon for name, colon, _ in pairs):
        raise click.BadParameter("expected NAME: TEXT")
    return {name.strip().lower(): text.strip() for name, _, text in pairs}


headers_option = click.option(
    "--header", "headers", multiple=True, callback=_headers, metavar="'NAME: TEXT'",
    help="A header of the request, for formats that read it.",
)  # fmt: skip
NARROW = "\N{NO-BREAK SPACE}\N{NARROW NO-BREAK SPACE}"  # between a number and its unit
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


def not_empty(_context: click.Context, _option: click.Parameter, text: str | None) -> str | None:
    """Refuse what a shell makes of a variable that is not set: to drop by it would drop everything."""
    if text is not None and not text.strip():
        raise click.BadParameter("it is empty; say which, or leave the option out")
    return text


def a_duration(_context: click.Context, _option: click.Parameter, text: str | None) -> str | None:
    """Refuse what is no duration, before relay is asked."""
    try:
        if text is not None:
            duration(text)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None
    return text


def read_event(name: str) -> bytes:
    """The bytes of a file, or of standard input for `-`."""
    return sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()


def refuse(reason: str) -> NoReturn:
    """Say what is wrong with the thing asked about, and leave with 1."""
    click.echo(visible(reason), err=True)
    raise SystemExit(1)


def visible(text: str) -> str:
    """The text without what would steer a terminal: what is shown may come from a stranger."""
    return "".join(
        letter if letter.isprintable() or letter == "\n" else " " if letter in NARROW else "\N{REPLACEMENT CHARACTER}"
        for letter in text
    )


def actor(env: Mapping[str, str]) -> tuple[str, dict[str, str]]:
    """`user@host`, and as whom they run it if that is another.

    RELAY_ACTOR says who it is where all are one user, as in a container, SUDO_USER where sudo changed it. Whoever may
    run a command may say what they like there, so the system's own user is kept beside it.
    """
    try:
        own = pwd.getpwuid(os.getuid()).pw_name
    except KeyError:  # a container's user often has no name
        own = f"uid-{os.getuid()}"
    named = env.get("RELAY_ACTOR") or env.get("SUDO_USER") or own
    name = named if "@" in named else f"{named}@{os.uname().nodename}"
    return name, {} if named == own else {"run_as": own}


def plain(stream: TextIO) -> bool:
    """Return whether only text is wanted: no terminal, or one without colours (https://no-color.org)."""
    return not stream.isatty() or bool(os.environ.get("NO_COLOR")) or os.environ.get("TERM") in ("dumb", "unknown")


def print_json(value: object) -> None:
    """Print JSON for a terminal: what would steer it is escaped, so nothing is lost."""
    text = json.dumps(value, ensure_ascii=False, indent=2)  # which escapes what is below a space, and nothing else
    if not text.isascii() or "\x7f" in text:
        text = "".join(it if it.isprintable() or it == "\n" else json.dumps(it)[1:-1] for it in text)
    click.echo(text)
