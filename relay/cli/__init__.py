"""relay's commands. Each lives in a file of its own, which is imported when it is asked for."""

import io
import sys
from importlib import import_module
from importlib.util import find_spec

import click
from click.shell_completion import CompletionItem

from relay import __version__
from relay.cli.groups import Group

# Every command with the sentence that `relay --help` says of it. `relay/cli/<name>.py` holds it under its own name,
# both with _ for -.
COMMANDS = {
    "serve": "Receive events and deliver messages.",
    "demo": "Run relay with a simulated platform, Slack and inbox on this machine.",
    "health": "Check that the running relay accepts events.",
    "check": "Check the configuration and the templates; with --live, also Slack, mail, Redis and the platform.",
    "init": "Ask three questions, write a configuration, send a first message.",
    "config": "Print the JSON Schema of the configuration file.",
    "status": "Show the state of destinations, queues and operations.",
    "reload": "Reload the configuration of the running relay.",
    "explain": "Explain who is notified of an event and why, or what happened to an operation.",
    "send": "Sign an event and send it.",
    "test-send": "Send a test message to a destination.",
    "template": "Lint, preview, test and translate message templates.",
    "dead": "List, show, replay and delete dead letters.",
    "digest": "Show a digest now, or send it early.",
    "suppressed": "List, add and remove suppressed addresses.",
    "pause": "Pause deliveries to a destination.",
    "resume": "Resume deliveries to a destination.",
    "silence": "Silence notifications for a while; list and end silences.",
    "audit": "Show who did what.",
    "console": "Create a login link for the console.",
    "keys": "List and rotate the signing keys of links and buttons; encrypt older data.",
    "backup": "Back up the private Redis, while relay runs.",
    "restore": "Restore a backup into an empty data directory.",
    "ops": "Start, list, get, cancel and retry operations of the platform.",
    "register": "Register relay's webhook at the platform.",
    "slack": "Write the manifest of the Slack app for this configuration.",
    "sandbox": "Serve a sandbox of the Async Operations API.",
}

# What a command may need beyond `pip install relay`, and the extra that brings it.
EXTRAS = {"aiosmtpd": "demo"}


def _module(command: str) -> str:
    return command.replace("-", "_")


class Commands(Group):
    """A group that knows its commands by name, so that help and start-up import none of them."""

    def list_commands(self, _ctx: click.Context) -> list[str]:
        return [name for name in COMMANDS if find_spec(f"{__name__}.{_module(name)}")]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self.list_commands(ctx):
            return None
        try:
            name = _module(cmd_name)
            command: click.Command = getattr(import_module(f"{__name__}.{name}"), name)
        except ModuleNotFoundError as error:
            extra = EXTRAS.get(error.name or "")
            if not extra:
                raise
            missing = (
                f"relay {cmd_name} needs {error.name}, which is not installed: pip install 'operation-relay[{extra}]'"
            )
            raise click.ClickException(missing) from None
        return command

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Commands by name, and options; none is imported for it, since somebody waits for the answer."""
        if incomplete.startswith("-"):
            return click.Command.shell_complete(self, ctx, incomplete)
        names = [name for name in self.list_commands(ctx) if name.startswith(incomplete)]
        return [CompletionItem(name, help=COMMANDS[name]) for name in names]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, COMMANDS[name]) for name in self.list_commands(ctx)])


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="relay")
def main() -> None:
    """The webhook target for long-running operations: one message per operation, in Slack and by e-mail.

    Exit status: 0 success, 1 failure, 2 wrong use.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a terminal that cannot show a letter shows another, and goes on
            stream.reconfigure(errors="replace")
