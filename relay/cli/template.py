"""relay template: the tools of template authors. Nothing is sent, and no running relay is needed."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import click

from relay.channels import CHANNELS
from relay.cli import Lazy
from relay.cli.options import CONFIG
from relay.config import Config, load
from relay.domain.links import ANYWHERE, NO_LINKS, LinkHosts, LinkTemplates
from relay.errors import ConfigError
from relay.rendering import Brand, RenderOptions
from relay.rendering.renderer import NO_BRAND
from relay.resources import resource_dir

SAMPLE_URL = "https://platform.example.com"  # where the samples' operations can be looked at
SAMPLE_PAGES = {
    "operation": "/{tenantId}/{projectId}/runs/{operationId}",
    "batch": "/{tenantId}/{projectId}/batches/{batchId}",
    "results": "/{tenantId}/{projectId}/runs/{operationId}/results",
    "runbook": "/runbooks/{errorCode}",
    "runs": "/{tenantId}/{projectId}/runs",
}


@dataclass(frozen=True)
class Reader:
    """Settings of a destination that change its messages."""

    language: str = "en"
    timezone: str = "UTC"


@dataclass(frozen=True)
class Workspace:
    """All that a template author works with."""

    directories: tuple[Path, ...]  # the author's own first, the built-in one last
    base_url: str = ""
    links: LinkTemplates = NO_LINKS
    link_hosts: LinkHosts = ANYWHERE
    brand: Brand = NO_BRAND
    reader: Reader = Reader()
    destinations: Mapping[str, Reader] = field(default_factory=dict)

    @property
    def sample_url(self) -> str:
        """The platform's address; where none is configured, one with which the samples have links all the same."""
        return self.base_url or SAMPLE_URL

    def options(self, *, real: bool = False) -> RenderOptions:
        """Return the options of its messages. Samples always have links, `real` events only configured ones."""
        base_url, links = (self.base_url, self.links) if real else (self.sample_url, self.sample_links)
        return RenderOptions(base_url, hosts=self.link_hosts if real else ANYWHERE, links=links, brand=self.brand)

    @property
    def sample_links(self) -> LinkTemplates:
        """The pages of runs that are configured; of the others, where the samples' would be."""
        pages: dict[str, Any] = {
            name: SAMPLE_URL + path for name, path in SAMPLE_PAGES.items() if not getattr(self.links, name)
        }
        return replace(self.links, **pages)

    @property
    def own(self) -> Path | None:
        return self.directories[0] if len(self.directories) > 1 else None


def workspace_of(config: Config) -> Workspace:
    """Return the workspace of a running relay. No secret of the configuration is in it."""
    platform, default = config.platform, Reader(config.language, config.timezone)
    return Workspace(
        directories=(*([config.templates] if config.templates else ()), resource_dir("templates")),
        base_url=platform.base_url,
        links=config.link_templates,
        link_hosts=config.link_hosts,
        brand=Brand(**config.brand.model_dump()),
        reader=default,
        destinations={
            name: Reader(its.language or default.language, its.timezone or default.timezone)
            for name, its in config.destinations.items()
        },
    )


USUAL = Path(CONFIG)
BUILT_IN = Workspace((resource_dir("templates"),))
OF_TEMPLATES = ("language", "timezone", "templates", "brand", "platform", "channels", "destinations", "rules",
                "dynamic_destinations")  # fmt: skip
MODULES = {
    "template_lint": {"lint": "Check the templates; no messages are sent."},
    "template_preview": {"preview": "Write every message and its variables to one HTML page."},
}


@click.group(cls=Lazy, modules=MODULES)
def template() -> None:
    """Lint and preview message templates; the guide is docs/templates.md."""


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
