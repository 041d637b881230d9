"""relay template: the tools of template authors. Nothing is sent, and no running relay is needed."""

import os
from collections.abc import Callable
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

import click

from relay.authoring.workspace import Workspace, workspace_of
from relay.channels import CHANNELS
from relay.cli.client import Group
from relay.cli.options import CONFIG
from relay.config import load
from relay.errors import ConfigError
from relay.resources import resource_dir

USUAL = Path(CONFIG)
BUILT_IN = Workspace((resource_dir("templates"),))
MODULES = {"lint": "lint", "preview": "preview", "test": "lint", "translate": "lint", "vars": "lint"}


class Commands(Group):
    """The module of a command is imported when the command is asked for."""

    def list_commands(self, _ctx: click.Context) -> list[str]:
        return [*MODULES]

    def get_command(self, _ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in MODULES:
            return None
        command: click.Command = getattr(import_module(f"relay.cli.template_{MODULES[cmd_name]}"), cmd_name)
        return command


@click.group(cls=Commands)
def template() -> None:
    """Lint, preview, test and translate message templates; the guide is docs/templates.md."""


def workspace_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """`--config` and `--templates`, of which neither is needed."""
    for option in (
        click.option("--templates", type=click.Path(exists=True, file_okay=False, path_type=Path), metavar="DIR",
                     help="The directory of custom templates; default: that of the configuration."),
        click.option("-c", "--config", type=click.Path(exists=True, dir_okay=False, path_type=Path), metavar="FILE",
                     envvar="RELAY_CONFIG", help=f"The configuration; default: {USUAL} if it exists."),
    ):  # fmt: skip
        command = option(command)
    return command


def read_workspace(config: Path | None, templates: Path | None) -> Workspace:
    """Return what the author works with. No secret of the configuration is needed."""
    file = config or (USUAL if USUAL.is_file() else None)
    try:
        workspace = workspace_of(load(file, env=os.environ, channels=CHANNELS, needed=())) if file else BUILT_IN
    except ConfigError as error:
        raise click.BadParameter(str(error), param_hint="--config") from None
    return replace(workspace, directories=(templates, *BUILT_IN.directories)) if templates else workspace
