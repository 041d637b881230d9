"""How relay logs: one JSON object a line where a machine reads, colours where a person does."""

import contextlib
import logging
import sys
from typing import TextIO, cast

import structlog
from structlog.typing import Processor

QUIET = ("slack_sdk", "aiosmtplib", "aiohttp", "asyncio")  # at DEBUG they would log tokens and bodies


class _Unstoppable:
    """Standard error, whose reader may be gone or whose disk may be full: relay goes on without a log."""

    def write(self, text: str) -> None:
        with contextlib.suppress(OSError, ValueError):
            sys.stderr.write(text)

    def flush(self) -> None:
        with contextlib.suppress(OSError, ValueError):
            sys.stderr.flush()


def configure(*, machine: bool, quiet: bool = False) -> None:
    """Send all log lines to standard error; `quiet` leaves out what is as it should be."""
    last: Processor = structlog.processors.JSONRenderer() if machine else structlog.dev.ConsoleRenderer(pad_event_to=22)
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            last,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING if quiet else logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(cast("TextIO", _Unstoppable())),
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(
        level=logging.WARNING, stream=sys.stderr, format="%(levelname)s %(name)s %(message)s", force=True
    )
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
