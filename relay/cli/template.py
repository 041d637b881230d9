"""relay template: the tools of template authors. Nothing is sent, and no running relay is needed."""

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from relay.authoring.workspace import Workspace, workspace_of
from relay.channels import CHANNELS
from relay.cli import Lazy
from relay.cli.options import CONFIG
from relay.config import load
from relay.errors import ConfigError
from relay.resources import resource_dir

USUAL = Path(CONFIG)
BUILT_IN = Workspace((resource_dir("templates"),))
OF_TEMPLATES = ("language", "timezone", "templates", "brand", "platform", "channels", "destinations", "rules",
                "dynamic_destinations")  # fmt: skip
MODULES = {
    "template_lint": {
        "lint": "Check the templates; no messages are sent.",
        "translate": "Add missing texts to a language's catalogue.",
        "vars": "List the variables of templates, with examples.",
    },
    "template_preview": {"preview": "Write every message to one HTML page."},
}


@click.group(cls=Lazy, modules=MODULES)
def template() -> None:
    """Lint, preview and translate message templates; the guide is docs/templates.md."""


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
    """Return what the author works with. Of the configuration it needs no secret, and only what templates depend on."""
    file = config or (USUAL if USUAL.is_file() else None)
    options: Any = {"env": os.environ, "channels": CHANNELS, "needed": (), "only": OF_TEMPLATES}
    try:
        workspace = workspace_of(load(file, **options)) if file else BUILT_IN
    except ConfigError as error:
        raise click.BadParameter(str(error), param_hint="--config") from None
    return replace(workspace, directories=(templates, *BUILT_IN.directories)) if templates else workspace
