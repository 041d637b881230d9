"""How the facts that commands print are written: times by a zone's clocks, and JSON that steers no terminal."""

import json

import click

from relay.operating.clocks import iso, local, there

__all__ = ["iso", "local", "print_json", "there"]


def print_json(value: object) -> None:
    """As JSON that a terminal may see: what would steer it is escaped, so nothing is lost."""
    text = json.dumps(value, ensure_ascii=False, indent=2)  # which escapes what is below a space, and nothing else
    click.echo(text if text.isascii() and "\x7f" not in text else "".join(map(_escaped, text)))


def _escaped(letter: str) -> str:
    return letter if letter.isprintable() or letter == "\n" else json.dumps(letter)[1:-1]
