"""How relay logs: one JSON object a line where a machine reads, colours where a person does."""

import logging
import sys

import structlog
from structlog.typing import Processor

QUIET = ("slack_sdk", "aiosmtplib", "aiohttp", "asyncio")  # at DEBUG they would log tokens and bodies


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
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(
        level=logging.WARNING, stream=sys.stderr, format="%(levelname)s %(name)s %(message)s", force=True
    )
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
