"""How relay logs: one JSON object a line where a machine reads, words where a person does."""

import contextlib
import logging
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TextIO, cast

import click

from relay.cli.lean import structlog
from relay.cli.terminal import plain
from relay.domain.faults import relay_line

if TYPE_CHECKING:
    from structlog.typing import EventDict, Processor

QUIET = ("slack_sdk", "aiosmtplib", "aiohttp", "asyncio")  # at DEBUG they would log tokens and bodies
# One line for each event is of debug: `relay explain` has it, and the metrics count it.
LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}

level_option = click.option(
    "--log-level", "level", type=click.Choice(list(LEVELS)), default="info", show_default=True,
    help="The lowest level to log.",
)  # fmt: skip
format_option = click.option(
    "--log-format", "form", type=click.Choice(["json", "text"]), default=None,
    help="JSON lines or text; default: text on a terminal, else JSON.",
)  # fmt: skip


def log_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """--log-level and --log-format, for `configure`."""
    return level_option(format_option(command))


class _Unstoppable:
    """Standard error, whose reader may be gone or whose disk may be full: relay goes on without a log."""

    def write(self, text: str) -> None:
        with contextlib.suppress(OSError, ValueError):
            sys.stderr.write(text)

    def flush(self) -> None:
        with contextlib.suppress(OSError, ValueError):
            sys.stderr.flush()


def form_of(chosen: str | None) -> str:
    """The format that was asked for; else what whoever reads standard error can read."""
    return chosen or ("text" if sys.stderr.isatty() else "json")


def _without_traceback(_logger: Any, _method: str, line: "EventDict") -> "EventDict":
    """An error by its class and place, as relay tells its own: its text and its traceback could hold payloads."""
    raised = line.pop("exc_info", None)
    line.pop("stack_info", None)
    if isinstance(raised, tuple) and raised[1] is not None:
        line["error"], line["at"] = type(raised[1]).__name__, relay_line(raised[1])
    return line


# What the libraries say, in the same form as relay's own lines.
_OF_LIBRARIES = structlog.stdlib.ProcessorFormatter(
    foreign_pre_chain=[
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _without_traceback,
    ],
    processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, structlog.processors.JSONRenderer()],
)


def configure(*, machine: bool, level: str = "info") -> None:
    """Send all log lines of this level and above to standard error."""
    last: Processor = (
        structlog.processors.JSONRenderer()
        if machine
        else structlog.dev.ConsoleRenderer(pad_event_to=22, colors=not plain(sys.stderr))
    )
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            last,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(LEVELS[level]),
        # Each line in one piece: several processes write to the same place.
        logger_factory=structlog.WriteLoggerFactory(cast("TextIO", _Unstoppable())),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_OF_LIBRARIES if machine else logging.Formatter("%(levelname)s %(name)s %(message)s"))
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
