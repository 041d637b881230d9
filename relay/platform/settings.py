"""The platform's part of the configuration."""

from typing import Annotated

from pydantic import AfterValidator, SecretStr

from relay.configfile.validation import Section, Url, one_or_more, spelled, suggest
from relay.domain.links import PLACEHOLDERS, TEMPLATE, LinkHosts, LinkTemplates, balanced, placeholders


def _known(template: str) -> str:
    """No placeholder but ours, and no brace without its other half."""
    unknown = [name for name in placeholders(template) if name not in PLACEHOLDERS]
    if unknown:
        otherwise = f"expected one of {', '.join(PLACEHOLDERS)}"
        raise ValueError(f"unknown placeholder {{{unknown[0]}}}; {suggest(unknown[0], PLACEHOLDERS, otherwise)}")
    if not balanced(template):
        raise ValueError("expected placeholders in braces, such as {operationId}; there is one brace alone")
    return template


REGISTERED = "async-operations"  # the source of what the platform reports by itself
EXAMPLE = "https://app.example.com/{tenantId}/{projectId}/runs/{operationId}"
LinkTemplate = Annotated[str, spelled(f"({TEMPLATE})?", f"an address such as {EXAMPLE}"), AfterValidator(_known)]


LinkHost = Annotated[str, spelled(r"[a-z0-9.-]+|\*", "a host's name such as example.com, or '*' for any")]


class Links(Section):
    """Where people look: addresses of pages, with placeholders for what a message is about."""

    operation: LinkTemplate = ""
    batch: LinkTemplate = ""
    results: LinkTemplate = ""
    runbook: LinkTemplate = ""
    runs: LinkTemplate = ""


class Platform(Section):
    """The API whose operations are told of, to call it back, and the pages where people look at them."""

    base_url: Url = ""
    tenant: str = ""
    project: str = ""
    token: SecretStr = SecretStr("")
    link_hosts: Annotated[tuple[LinkHost, ...], one_or_more] = ()
    links: Links = Links()

    @property
    def hosts(self) -> LinkHosts:
        """Where messages may lead."""
        return LinkHosts.of(self.link_hosts, self.base_url, self.link_templates)

    @property
    def link_templates(self) -> LinkTemplates:
        """As the messages take them."""
        return LinkTemplates(**self.links.model_dump(), tenant=self.tenant, project=self.project)
