"""relay template: the tools of whoever changes what relay says. Nothing is sent, and no running relay is needed."""

import os
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import click

from relay.authoring.workspace import SAMPLE_PAGES, Reader, Workspace
from relay.cli.groups import Group
from relay.config.brand import Brand as BrandSection
from relay.configfile.document import Document, read
from relay.configfile.validation import validate
from relay.domain.links import LinkTemplates
from relay.errors import ConfigError
from relay.rendering import Brand
from relay.rendering.brand import NO_BRAND
from relay.resources import resource_dir

USUAL = Path("config/relay.yaml")
COMMANDS = {
    "lint": "Say what is wrong with the templates, without sending anything.",
    "preview": "Write messages to files, to look at.",
    "test": "Compare every message with what it was when it was agreed.",
    "translate": "Write what a language lacks into its catalogue.",
    "vars": "List what templates can say, with examples.",
}


class Commands(Group):
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


@click.group(cls=Commands, short_help="Lint, preview, test and translate message templates.")
def template() -> None:
    """Lint, preview, test and translate message templates; docs/templates.md is their author's guide."""


def workspace_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """`--config` and `--templates`, of which neither is needed."""
    for option in (
        click.option("--templates", type=click.Path(exists=True, file_okay=False, path_type=Path), metavar="DIR",
                     help="Templates of your own, instead of those that the configuration names."),
        click.option("-c", "--config", type=click.Path(exists=True, dir_okay=False, path_type=Path), metavar="FILE",
                     envvar="RELAY_CONFIG", help=f"The configuration; {USUAL} if there is one."),
    ):  # fmt: skip
        command = option(command)
    return command


def read_workspace(config: Path | None, templates: Path | None) -> Workspace:
    """Where the author works. Of the configuration only what matters to templates is read, so no secret is needed."""
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
    platform, destinations, rules = (settings.get(name) for name in ("platform", "destinations", "rules"))
    everybody = _reader(settings, Reader())
    return Workspace(
        directories=(*([templates] if templates else ()), resource_dir("templates")),
        base_url=str(platform.get("base_url") or "") if isinstance(platform, dict) else "",
        links=_links(platform),
        link_hosts=_link_hosts(platform),
        brand=brand,
        reader=everybody,
        destinations={name: _reader(destination, everybody) for name, destination in destinations.items()}
        if isinstance(destinations, dict) else {},
        rules=tuple(_types(rule) for rule in rules if isinstance(rule, dict))
        if isinstance(rules, list) and not settings.get("dynamic_destinations") else (),
    )  # fmt: skip


def _links(platform: object) -> LinkTemplates:
    section = platform if isinstance(platform, dict) else {}
    pages = section.get("links")
    named = {name: page for name, page in pages.items() if name in SAMPLE_PAGES} if isinstance(pages, dict) else {}
    origin = {name: section.get(name) for name in ("tenant", "project")}
    return LinkTemplates(**{name: str(value) for name, value in (named | origin).items() if value})


def _link_hosts(platform: object) -> tuple[str, ...]:
    listed = platform.get("link_hosts") if isinstance(platform, dict) else None
    return tuple(map(str, listed)) if isinstance(listed, list) else (str(listed),) if listed else ()


def _brand(document: Document) -> Brand:
    """ConfigError if it is none. Of the file's other problems nothing is said."""
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
    return Reader(str(values.get("language") or otherwise.language),
                  str(values.get("timezone") or otherwise.timezone))  # fmt: skip


def _types(rule: dict[str, Any]) -> frozenset[str]:
    types = rule.get("operation_types") or rule.get("operationTypes") or ()
    return frozenset(map(str, [types] if isinstance(types, str) else types if isinstance(types, list) else ()))
