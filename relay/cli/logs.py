"""Logging: one JSON object a line for machines, text for people.

structlog imports rich for tracebacks in colour, and relay logs no tracebacks: without it, 25 ms and 5 MB less.
"""

import contextlib
import logging
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, TextIO, cast

from relay.cli.options import plain
from relay.errors import relay_line

if TYPE_CHECKING:
    from structlog.typing import EventDict, Processor


@contextlib.contextmanager
def absent(name: str) -> Iterator[None]:
    """Make imports of this module fail, as if it were not installed, unless it is imported already."""
    if name in sys.modules:
        yield
        return
    sys.modules[name] = None  # type: ignore[assignment] # https://docs.python.org/3/reference/import.html#the-module-cache
    try:
        yield
    finally:
        del sys.modules[name]


with absent("rich"):
    import structlog

get_logger = structlog.get_logger
QUIET = ("slack_sdk", "aiosmtplib", "aiohttp", "asyncio")  # at DEBUG they would log tokens and bodies
# One line for each event is of debug: `relay explain` has it, and the metrics count it.
LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}


class _StandardError:
    """Standard error. If its reader is gone or its disk is full, relay goes on without a log."""

    def write(self, text: str) -> None:
        with contextlib.suppress(OSError, ValueError):
            sys.stderr.write(text)

    def flush(self) -> None:
        with contextlib.suppress(OSError, ValueError):
            sys.stderr.flush()


def form_of(chosen: str | None) -> str:
    """Return the chosen format, else the one that suits standard error."""
    return chosen or ("text" if sys.stderr.isatty() else "json")


def _without_traceback(_logger: Any, _method: str, line: "EventDict") -> "EventDict":
    """Replace an error by its class and place: its text and traceback may contain payloads."""
    raised = line.pop("exc_info", None)
    line.pop("stack_info", None)
    if isinstance(raised, tuple) and raised[1] is not None:
        line["error"], line["at"] = type(raised[1]).__name__, relay_line(raised[1])
    return line


# Log lines of libraries, in the same form.
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
    """Write log lines of this level and above to standard error."""
    last: Processor = (
        structlog.processors.JSONRenderer()
        if machine
        else structlog.dev.ConsoleRenderer(pad_event_to=22, colors=not plain(sys.stderr))
    )
    structlog.configure(
        processors=[structlog.processors.add_log_level, structlog.processors.TimeStamper(fmt="iso", utc=True), last],
        wrapper_class=structlog.make_filtering_bound_logger(LEVELS[level]),
        # Each line in one piece: several processes write to the same place.
        logger_factory=structlog.WriteLoggerFactory(cast("TextIO", _StandardError())),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_OF_LIBRARIES if machine else logging.Formatter("%(levelname)s %(name)s %(message)s"))
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
