"""relay template: the tools of whoever changes what relay says. Nothing is sent, and no running relay is needed."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import click

from relay.configfile import read
from relay.errors import ConfigError
from relay.share import share

USUAL = Path("config/relay.yaml")
COMMANDS = {
    "lint": "Say what is wrong with the templates, without sending anything.",
    "preview": "Write messages to files, to look at.",
    "test": "Compare every message with what it was when it was agreed.",
    "vars": "List what templates can say, with examples.",
}


@dataclass(frozen=True)
class Workplace:
    """What a template author works with."""

    directories: tuple[Path, ...]  # the author's own first, the built-in one last
    base_url: str = ""
    language: str = "en"
    timezone: str = "UTC"
    destinations: tuple[str, ...] = ()

    @property
    def own(self) -> Path | None:
        return self.directories[0] if len(self.directories) > 1 else None


class Commands(click.Group):
    """Each command lives in a file of its own, which is imported when it is asked for."""

    def list_commands(self, _ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, _ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = getattr(import_module(f"relay.cli.template_{cmd_name}"), cmd_name)
        return command

    def format_commands(self, _ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([*COMMANDS.items()])


@click.group(cls=Commands, short_help="Lint, preview and test message templates.")
def template() -> None:
    """Lint, preview and test message templates; docs/templates.md is their author's guide."""


def workplace_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """`--config` and `--templates`, of which neither is needed."""
    for option in (
        click.option("--templates", type=click.Path(exists=True, file_okay=False, path_type=Path), metavar="DIR",
                     help="Templates of your own, instead of those that the configuration names."),
        click.option("-c", "--config", type=click.Path(exists=True, dir_okay=False, path_type=Path), metavar="FILE",
                     envvar="RELAY_CONFIG", help=f"The configuration; {USUAL} if there is one."),
    ):  # fmt: skip
        command = option(command)
    return command


def workplace(config: Path | None, templates: Path | None) -> Workplace:
    """Where the author works. Of the configuration only what matters to templates is read, so no secret is needed."""
    file = config or (USUAL if USUAL.is_file() else None)
    said: dict[str, Any] = {}
    if file:
        try:
            said = read(file.read_text("utf-8-sig"), file=str(file), env=os.environ).data
        except (ConfigError, OSError, UnicodeDecodeError) as error:
            raise click.BadParameter(str(error), param_hint="--config") from None
    if templates is None and said.get("templates"):
        templates = Path(str(said["templates"]))
        if not templates.is_dir():
            raise click.BadParameter(f"{file}: templates: there is no directory {templates}", param_hint="--config")
    platform, destinations = said.get("platform"), said.get("destinations")
    return Workplace(
        directories=(*([templates] if templates else ()), share("templates")),
        base_url=str(platform.get("base_url") or "") if isinstance(platform, dict) else "",
        language=str(said.get("language") or "en"),
        timezone=str(said.get("timezone") or "UTC"),
        destinations=tuple(destinations) if isinstance(destinations, dict) else (),
    )
