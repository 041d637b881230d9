"""relay's commands. The module of a command is imported when the command is used."""

import io
import sys
from collections.abc import Mapping
from importlib import import_module
from typing import Any

import click
from click.shell_completion import CompletionItem

from relay import __version__
from relay.cli.client import Group

# By module, every command with its sentence in `relay --help`.
MODULES = {
    "serve": {"serve": "Receive events and deliver messages."},
    "demo": {"demo": "Run relay with a simulated platform, Slack and inbox on this machine."},
    "check": {
        "check": "Check the configuration and the templates; with --live, also Slack, mail, Redis and the platform."
    },
    "init": {
        "init": "Ask three questions, write a configuration, send a first message.",
        "config": "Print the JSON Schema of the configuration file.",
    },
    "status": {
        "status": "Show the state of destinations, queues and operations.",
        "health": "Check that the running relay accepts events.",
        "reload": "Reload the configuration of the running relay.",
        "catch-up": "Have GitHub redeliver what relay did not take.",
    },
    "explain": {"explain": "Explain who is notified of an event and why, or what happened to an operation."},
    "template": {"template": "Lint and preview message templates."},
    "format": {"format": "Try the formats of foreign senders."},
    "dead": {"dead": "List, show, replay and delete dead letters."},
    "destinations": {
        "send": "Sign an event and send it.",
        "test-send": "Send a test message to a destination.",
        "digest": "List digests, show one now, or send it early.",
        "suppressed": "List, add and remove suppressed addresses.",
    },
    "silence": {
        "pause": "Pause deliveries to a destination.",
        "resume": "Resume deliveries to a destination.",
        "silence": "Silence notifications for a while; list and end silences.",
    },
    "access": {
        "audit": "Show who did what.",
        "console": "Create a login link for the console.",
    },
    "offline": {
        "backup": "Back up the private Redis, while relay runs.",
        "restore": "Restore a backup into an empty data directory.",
    },
    "ops": {"ops": "Start, list, get, cancel and retry operations of the platform."},
    "setup": {
        "register": "Register relay's webhook at the platform.",
        "slack": "Write the manifest of the Slack app for this configuration.",
    },
    "sandbox": {"sandbox": "Serve a sandbox of the Async Operations API."},
}
COMMANDS = {name: sentence for commands in MODULES.values() for name, sentence in commands.items()}

# What a command may need beyond `pip install relay`, and the extra that brings it.
EXTRAS = {"aiosmtpd": "demo"}


class Lazy(Group):
    """A group that knows its commands by name, so that help and start-up import none of them."""

    def __init__(self, *args: Any, modules: Mapping[str, Mapping[str, str]], **options: Any) -> None:
        super().__init__(*args, **options)
        self._modules = {name: module for module, commands in modules.items() for name in commands}
        self._sentences = {name: sentence for commands in modules.values() for name, sentence in commands.items()}

    def list_commands(self, _ctx: click.Context) -> list[str]:
        return [*self._modules]

    def get_command(self, _ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self._modules:
            return None
        module = f"{__name__}.{self._modules[cmd_name]}"
        try:
            command: click.Command = getattr(import_module(module), cmd_name.replace("-", "_"))
        except ModuleNotFoundError as error:
            extra = EXTRAS.get(error.name or "")
            if not extra:
                raise
            raise click.ClickException(
                f"relay {cmd_name} needs {error.name}, which is not installed: pip install 'operation-relay[{extra}]'"
            ) from None
        return command

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Complete commands and options without importing a command."""
        if incomplete.startswith("-"):
            return click.Command.shell_complete(self, ctx, incomplete)
        names = [name for name in self._sentences if name.startswith(incomplete)]
        return [CompletionItem(name, help=self._sentences[name]) for name in names]

    def format_commands(self, _ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([*self._sentences.items()])


@click.group(cls=Lazy, modules=MODULES, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="relay")
def main() -> None:
    """The webhook target for long-running operations: one message per operation, to Slack, e-mail, chats and programs.

    Exit status: 0 success, 1 failure, 2 wrong use.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a terminal that cannot show a letter shows another, and goes on
            stream.reconfigure(errors="replace")
