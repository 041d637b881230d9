"""relay's commands as people run them, in this process."""

import asyncio
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from unittest.mock import patch

import structlog
from click.testing import CliRunner, Result

from relay.cli import main

REPOSITORY = Path(__file__).parents[2]
SHIPPED = REPOSITORY / "config" / "relay.yaml"
NEEDED = {
    "RELAY_WEBHOOK_SECRET": "kFv8-the-secret-of-the-platform",
    "RELAY_CALLBACK_TOKEN": "8c1d9f27b4e05a6372f1c8d4",
    "SLACK_BOT_TOKEN": "xoxb-2048-4096-abcdef",
}
OURS = (
    "RELAY_CONFIG", "RELAY_REDIS_URL", "RELAY_HOST", "RELAY_PORT", "RELAY_ADMIN_HOST", "RELAY_ADMIN_PORT",
    "RELAY_ADMIN_TOKEN", "RELAY_DATA_DIR", "RELAY_SECRET",
)  # fmt: skip


def relay(*arguments: object, env: Mapping[str, str] | None = None, stdin: str | None = None) -> Result:
    """Run `relay` with these arguments, in an environment that holds of relay's variables only what is needed."""
    environment: dict[str, Any] = dict.fromkeys(OURS) | NEEDED | dict(env or {})
    before, configure = structlog.get_config(), structlog.configure

    def uncached(**options: Any) -> None:
        """Configure as the command does, without what would stay in loggers that later tests listen to."""
        configure(**options | {"cache_logger_on_first_use": False})

    try:
        with patch.object(structlog, "configure", uncached):
            return CliRunner().invoke(main, [str(argument) for argument in arguments], env=environment, input=stdin)
    finally:  # a command logs in a way of its own
        configure(**before)


async def relay_beside(*arguments: object, env: Mapping[str, str] | None = None) -> Result:
    """The same, while the servers of the test go on serving; what they log is no output of the command."""
    before = structlog.get_config()
    structlog.configure(logger_factory=structlog.WriteLoggerFactory(sys.stdout))
    try:
        return await asyncio.to_thread(relay, *arguments, env=env)
    finally:
        structlog.configure(**before)
