"""relay template: the tools of template authors. Nothing is sent, and no running relay is needed."""

import os
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import click

from relay.authoring.workspace import SAMPLE_PAGES, Reader, Workspace
from relay.channels import CHANNELS
from relay.cli.client import Group
from relay.config.schema import Brand as BrandSection
from relay.configfile.document import Document, read
from relay.configfile.validation import validate
from relay.domain.links import LinkTemplates
from relay.errors import ConfigError
from relay.rendering import Brand
from relay.rendering.renderer import NO_BRAND
from relay.resources import resource_dir

USUAL = Path("config/relay.yaml")
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
    """Return what the author works with.

    Of the configuration only what matters to templates is read, so no secret is needed.
    """
    file = config or (USUAL if USUAL.is_file() else None)
    settings: dict[str, Any] = {}
    brand = NO_BRAND
    if file:
        try:
            document = read(file.read_text("utf-8-sig"), file=str(file), env=os.environ)
            settings, brand = document.data, _brand(document)
        except (ConfigError, OSError, UnicodeDecodeError) as error:
            raise click.BadParameter(str(error), param_hint="--config") from None
    if templates is None and settings.get("templates"):
        templates = Path(str(settings["templates"]))
        if not templates.is_dir():
            raise click.BadParameter(f"{file}: templates: there is no directory {templates}", param_hint="--config")
    destinations, platform = _section(settings, "destinations"), _section(settings, "platform")
    default = _reader(settings, Reader())
    return Workspace(
        directories=(*([templates] if templates else ()), resource_dir("templates")),
        base_url=str(platform.get("base_url") or ""),
        links=_links(platform),
        link_hosts=_listed(platform.get("link_hosts")),
        brand=brand,
        reader=default,
        destinations={name: _reader(destination, default) for name, destination in destinations.items()},
        rules=_types(settings),
        profile=str(_section(_section(settings, "channels"), "slack").get("profile", "classic")),
    )


def _section(settings: dict[str, Any], name: str) -> dict[str, Any]:
    section = settings.get(name)
    return section if isinstance(section, dict) else {}


def _links(platform: dict[str, Any]) -> LinkTemplates:
    named = {name: page for name, page in _section(platform, "links").items() if name in SAMPLE_PAGES}
    origin = {name: platform.get(name) for name in ("tenant", "project")}
    return LinkTemplates(**{name: str(value) for name, value in (named | origin).items() if value})


def _listed(value: object) -> tuple[str, ...]:
    return tuple(map(str, value)) if isinstance(value, list) else (str(value),) if value else ()


def _brand(document: Document) -> Brand:
    """ConfigError if it is wrong. The file's other problems are left out."""
    settings = document.data.get("brand")
    if settings is None:
        return NO_BRAND
    document.problems.clear()
    brand = validate(BrandSection, settings, document, ("brand",))
    if brand is None:
        raise ConfigError(document.problems, document.file)
    return Brand(**brand.model_dump())


def _reader(section: object, otherwise: Reader) -> Reader:
    values = section if isinstance(section, dict) else {}
    return Reader(
        str(values.get("language") or otherwise.language),
        str(values.get("timezone") or otherwise.timezone),
        next((name for name in CHANNELS if name in values), ""),
        {str(status): _listed(names) for status, names in _section(values, "mention").items()},
    )


def _types(settings: dict[str, Any]) -> tuple[frozenset[str], ...]:
    rules = settings.get("rules")
    if not isinstance(rules, list) or settings.get("dynamic_destinations"):
        return ()
    named = (rule.get("operation_types") or rule.get("operationTypes") for rule in rules if isinstance(rule, dict))
    return tuple(frozenset(_listed(types)) for types in named)
