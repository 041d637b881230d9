"""Commands that ask the running relay: `/api/v1` over the unix socket in `data_dir`, or at a URL with a token.

No secret of the configuration is read. `SHARED` are the options of all of these commands.
"""

import os
import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import click

from relay.cli.connection import TIMEOUT, Connection, ask, at_url, data_dir, over_socket, sockets
from relay.cli.options import CONFIG, ConfigFile, print_json, refuse, visible
from relay.configfile.words import nearest
from relay.errors import RelayError
from relay.operating.clocks import local
from relay.operating.relay_sock import ZONE

FEW = 5  # so many command names are listed after a typing error
ELSEWHERE = {  # commands of other programs, and what relay had before
    "stop": "end `relay serve` by Ctrl-C, SIGTERM or your service manager",
    "logs": "`relay serve` logs to its standard output; `relay explain ID` says what happened to a run",
    "version": "it is `relay --version`",
    "digest list": "`relay digest` lists them",
    "digest preview": "`relay digest DESTINATION` shows it",
    "digest send-now": "`relay digest DESTINATION --send` sends it",
    "format bodies": "the source's page in the console shows its last bodies",
    "template test": "commit the page that `relay template preview` writes, and compare it with the next one",
    "template preview --serve": "`relay template preview` writes a page with every message",
    "template preview --lang": "the page that `relay template preview` writes has every language",
    "template translate": "copy a catalogue of templates/locales; `relay template lint` names what it lacks",
    "keys": "RELAY_SECRET signs links and buttons; docs/operating.md says how to replace it",
    "template vars": "the page that `relay template preview` writes shows them below each message",
}
Asked = Mapping[str, Any]
UTC_TIME = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d(?::\d\d)? UTC")


def _keep(ctx: click.Context, option: click.Parameter, value: Any) -> None:
    ctx.meta[f"relay.{option.name}"] = value


def _option(name: str) -> Any:
    return click.get_current_context().meta.get(f"relay.{name}")


SHARED = (
    click.Option(
        ["-c", "--config"], envvar="RELAY_CONFIG", metavar="FILE", type=click.Path(path_type=Path), expose_value=False,
        callback=_keep, show_envvar=True, help="The relay's configuration; its data_dir holds relay.sock.",
    ),
    click.Option(
        ["--url"], metavar="URL", expose_value=False, callback=_keep,
        help="The address of relay's operator listener, instead of the socket; the token is read from RELAY_TOKEN.",
    ),
    click.Option(["--json"], is_flag=True, expose_value=False, callback=_keep, help="Print JSON."),
)  # fmt: skip


cursor_option = click.option("--cursor", metavar="TEXT", help="Continue a list: the value that its last page printed.")


class ClientCommand(click.Command):
    """A command that asks the running relay."""

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        params = super().get_params(ctx)
        return [*params[:-1], *SHARED, *params[-1:]]  # --help is the last


class Group(click.Group):
    """A group that names the command that was probably meant. Its bare name lists, where there is a list.

    Refusals are printed as a sentence, with exit status 1.
    """

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except RelayError as error:
            refuse(str(error))
        except OSError as error:
            if isinstance(error, BrokenPipeError):  # the reader of the output has enough
                raise
            refuse(f"{error.filename}: {error.strerror}" if error.filename else str(error) or type(error).__name__)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        bare = not args or (args[0].startswith("-") and args[0] not in ctx.help_option_names)
        lists = bare and ctx.parent and not ctx.resilient_parsing and "list" in self.list_commands(ctx)
        return super().parse_args(ctx, ["list", *args] if lists else args)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        for words in (args[0], *(f"{args[0]} {word}" for word in args[1:])):
            typed = " ".join([*ctx.command_path.split()[1:], words])
            if typed in ELSEWHERE:
                raise click.UsageError(f"there is no `relay {typed}`: {ELSEWHERE[typed]}", ctx)
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError:
            names = self.list_commands(ctx)
            meant = nearest(args[0], names)
            every = f"expected {' or '.join(names)}" if len(names) <= FEW else f"`{ctx.command_path} --help` lists them"
            hint = f"did you mean {meant}?" if meant else every
            raise click.UsageError(f"there is no command {args[0]}; {hint}", ctx) from None


def get(path: str, **question: Any) -> Any:
    """Return the facts at this address of the API. RelayError says what is wrong; wrong use is a UsageError."""
    filled = {name: value for name, value in question.items() if value not in (None, "", ())}
    return ask(connection(), "GET", f"{path}?{urlencode(filled, doseq=True)}" if filled else path)


def post(path: str, **form: Any) -> dict[str, Any]:
    """Return what came of an act."""
    answer: dict[str, Any] = ask(connection(), "POST", path, form)
    return answer


def perform(path: str, **form: Any) -> None:
    """Do something, and print what came of it; leave with 1 if nothing was done."""
    concluded(post(path, **form))


def concluded(*answers: Asked) -> None:
    """Print what came of one act, or of several; leave with 1 if one of them was refused."""
    for answer in answers:
        if not printed(answer):
            click.echo(shown(answer["text"]), err=not answer["done"])
    if not all(answer["done"] for answer in answers):
        raise SystemExit(1)


def printed(facts: Asked) -> bool:
    """Print the facts where JSON is wanted."""
    if _option("json"):
        print_json(facts)
    return bool(_option("json"))


def zone() -> str:
    """Return the time zone of the relay that answered; '' is that of this machine."""
    ctx = click.get_current_context(silent=True)
    return str(ctx.meta.get(ZONE, "")) if ctx else ""


def shown(text: str) -> str:
    """Return relay's text for a terminal, with its UTC times by the clocks of relay's zone."""
    return UTC_TIME.sub(_by_the_zone, visible(text))


def _by_the_zone(match: re.Match[str]) -> str:
    try:
        return local(datetime.fromisoformat(f"{match[0][:-4]}+00:00"), zone())
    except (ValueError, OverflowError):  # a stranger's text may look like a time
        return match[0]


def older(page: Asked, mark: str = "") -> None:
    """Say how a list goes on that is longer than a page; the mark says which of several."""
    if page.get("cursor"):
        click.echo(f"\nThere are more: --cursor {mark}{visible(page['cursor'])}")


def connection(patience: float = TIMEOUT) -> Connection:
    """Return a connection to the relay that is meant, with so many seconds for an answer. RelayError without one."""
    if url := _option("url"):
        return at_url(url, patience)
    return over_socket(next(sockets(data_dir(_option("config"), os.environ))), patience)


def every_connection() -> Iterator[Connection]:
    """Yield a connection to each relay on the data directory; where a URL is given, to that one."""
    if _option("url"):
        yield connection()
        return
    yield from map(over_socket, sockets(data_dir(_option("config"), os.environ)))


def named_config() -> Path | None:
    """Return the configuration that is named."""
    config: Path | None = _option("config")
    return config


def config_file() -> Path:
    """Return the configuration that is named, or the usual one, for what reads it without a running relay."""
    file: Path = ConfigFile().convert(named_config() or CONFIG, None, click.get_current_context())
    return file
