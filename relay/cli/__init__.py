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
    "demo": "Run everything on this machine: a platform, a Slack and an inbox to look at.",
    "health": "Ask the relay that runs here whether it takes events.",
    "check": "Check the configuration and the templates; with --live, ask the other sides too.",
    "init": "Write a commented configuration to start from.",
    "config": "Print the JSON Schema of the configuration file.",
    "status": "Show what goes on, what fails, what waits and why.",
    "reload": "Let the running relay read its configuration again.",
    "explain": "Say whom an event reaches and why, or what happened to an operation.",
    "send": "Sign one event and send it.",
    "test-send": "Send a destination a message that is marked as a test.",
    "template": "Lint, preview and test message templates.",
    "dead": "List, show, replay and drop what could not be delivered.",
    "digest": "Show what a digest would say now, or send it before its time.",
    "suppressed": "List, add and remove addresses that are not written to any more.",
    "pause": "Let what is for a destination wait.",
    "resume": "End such a pause.",
    "silence": "Say what nobody is to hear of for a while, list it, end it.",
    "audit": "Say who replayed, dropped, suppressed, silenced, sent, reloaded and pressed.",
    "console": "Make a link into the console, or the hash of a password for it.",
    "keys": "Show and rotate the key behind unsubscribe links and buttons.",
    "backup": "Copy what the private Redis has, while relay runs.",
    "restore": "Put a backup into an empty data directory.",
    "ops": "Start, list, get, cancel and retry operations of the platform.",
    "register": "Register this relay at the platform.",
    "slack": "Write the manifest of the Slack app that this configuration needs.",
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
            missing = f"relay {cmd_name} needs {error.name}, which is not installed: pip install 'relay[{extra}]'"
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

    Exit status: 0 done, 1 the thing asked about is wrong, 2 wrong use.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a terminal that cannot show a letter shows another, and goes on
            stream.reconfigure(errors="replace")
