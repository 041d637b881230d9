"""The directory of a template author, and the settings that the messages depend on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from relay.config import Config
from relay.domain.links import ANYWHERE, NO_LINKS, LinkHosts, LinkTemplates
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
    """Settings of a destination that change its messages; `mention` as in the configuration."""

    language: str = "en"
    timezone: str = "UTC"
    channel: str = ""
    mention: Mapping[str, Sequence[str]] = field(default_factory=dict)


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
            name: Reader(its.language or default.language, its.timezone or default.timezone, its.channel, its.mention)
            for name, its in config.destinations.items()
        },
    )
