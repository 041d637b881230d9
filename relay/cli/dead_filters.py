"""The options by which commands say which dead letters are meant."""

from collections.abc import Callable
from typing import Any

import click

from relay.operating.filters import FAULT, QUARANTINED, moment
from relay.reasons import Dead, sentences


def not_empty(_context: click.Context, _option: click.Parameter, text: str | None) -> str | None:
    """Refuse what a shell makes of a variable that is not set: to drop by it would drop everything."""
    if text is not None and not text.strip():
        raise click.BadParameter("it is empty; say which, or leave the option out")
    return text


def _a_time(context: click.Context, option: click.Parameter, text: str | None) -> str | None:
    not_empty(context, option, text)
    try:
        if text is not None:
            moment(text, "UTC", 0)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None
    return text


_OPTIONS = (
    click.option("--destination", metavar="NAME", callback=not_empty, help="For this destination."),
    click.option(
        "--reason",
        type=click.Choice([*sentences(Dead), QUARANTINED, FAULT]),
        metavar="REASON",
        help=f"Of this reason: {', '.join([*sentences(Dead), QUARANTINED, FAULT])}.",
    ),
    click.option(
        "--event", metavar="NAME", callback=not_empty, help="Of this event; * stands for any part: operation.*."
    ),
    click.option(
        "--since",
        metavar="WHEN",
        callback=_a_time,
        help="Dead for less than 2h, or since a time such as 2024-01-20T12:40.",
    ),
)


def filter_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """--destination, --reason, --event and --since, for a `Filter`."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command
