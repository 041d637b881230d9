"""Platform section of the configuration."""

from typing import Annotated

from pydantic import AfterValidator, SecretStr

from relay.configfile.validation import Section, Url, one_or_more, spelled
from relay.configfile.words import suggest
from relay.domain.links import HOST, PLACEHOLDERS, TEMPLATE, LinkHosts, LinkTemplates, balanced, placeholders


def _checked(template: str) -> str:
    """Refuse unknown placeholders, and a brace without its other half."""
    unknown = [name for name in placeholders(template) if name not in PLACEHOLDERS]
    if unknown:
        otherwise = f"expected one of {', '.join(PLACEHOLDERS)}"
        raise ValueError(f"unknown placeholder {{{unknown[0]}}}; {suggest(unknown[0], PLACEHOLDERS, otherwise)}")
    if not balanced(template):
        raise ValueError("expected placeholders in braces, such as {operationId}; there is one brace alone")
    return template


REGISTERED = "async-operations"  # the source of what the platform reports by itself
EXAMPLE = "https://app.example.com/{tenantId}/{projectId}/runs/{operationId}"
LinkTemplate = Annotated[str, spelled(f"({TEMPLATE})?", f"an address such as {EXAMPLE}"), AfterValidator(_checked)]


LinkHost = Annotated[str, spelled(rf"{HOST}|\*", "a host's name such as example.com, or '*' for any")]


class Links(Section):
    """Addresses of pages for people, with placeholders for the message's operation."""

    operation: LinkTemplate = ""
    batch: LinkTemplate = ""
    results: LinkTemplate = ""
    runbook: LinkTemplate = ""
    runs: LinkTemplate = ""


class Platform(Section):
    """API of the operations, to call it back, and its pages for people."""

    base_url: Url = ""
    tenant: str = ""
    project: str = ""
    token: SecretStr = SecretStr("")
    link_hosts: Annotated[tuple[LinkHost, ...], one_or_more] = ()
    links: Links = Links()

    @property
    def hosts(self) -> LinkHosts:
        """Return the hosts that links in messages may lead to."""
        return LinkHosts.of(self.link_hosts, self.base_url, self.link_templates)

    @property
    def link_templates(self) -> LinkTemplates:
        """Return the templates of links in messages."""
        return LinkTemplates(**self.links.model_dump(), tenant=self.tenant, project=self.project)
