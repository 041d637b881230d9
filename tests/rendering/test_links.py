"""Links of messages: pages that a person can open, never the platform's API."""

import json
import re
from dataclasses import replace
from itertools import product
from typing import Any

import pytest

from relay.domain.digests import build_digest
from relay.domain.links import LinkTemplates
from relay.rendering import Renderer, RenderOptions
from relay.rendering.digests import digest
from relay.rendering.links import Base, row_link
from relay.rendering.translations import Catalogues
from tests.support import digests, samples, slacks
from tests.support.every_case import every_case
from tests.support.renderers import BUILT_IN, Build, progress, render, text_of

APP = "https://app.example.com"
TEMPLATES = LinkTemplates(
    operation=APP + "/{tenantId}/{projectId}/runs/{operationId}",
    batch=APP + "/{tenantId}/{projectId}/batches/{batchId}",
    results=APP + "/results/{operationId}",
    runbook="https://wiki.example.com/{type}/{errorCode}",
    runs=APP + "/{tenantId}/{projectId}/runs",
    tenant="acme",
    project="o2c",
)


def saying(template: str) -> dict[str, str]:
    """Files of a channel that says this of every event, as it stands."""
    return {"chat/generic.yaml": f"text: {json.dumps(template)}"}


def links_of(alone: Build, event: Any, template: str, history: tuple[Any, ...] = (), **options: Any) -> str:
    renderer = alone(saying(template), **{"links": TEMPLATES, **options})
    return text_of(renderer, event, channel="chat", history=history)


def test_the_runs_of_formats_have_their_own_pages_alone(alone: Build) -> None:
    """Also what relay itself says of them, by their platform."""
    own, templates = f"{APP}/build/7", replace(TEMPLATES, foreign=frozenset({"ci"}))
    ours = progress(trackingUrl=own)
    pages = "[{{ links.operation }} {{ links.results }} {{ links.runs }} {{ links.runbook }}]"

    for theirs in (replace(ours, mapped=True), replace(ours, platform="ci")):
        assert links_of(alone, theirs, pages, links=templates) == f"[{own} {own}  ]"
    assert own not in links_of(alone, ours, pages, links=templates)
    for platform, page in (("ci", own), ("", f"{APP}/acme/o2c/runs/op-1")):
        assert row_link(templates, {"id": "op-1", "path": own, "platform": platform}, ours, Base()) == page


def test_values_cannot_leave_their_place_in_an_address(alone: Build) -> None:
    event = progress(operationId="../x/y?z#ä &", operationName="..")

    told = links_of(alone, event, "{{ links.operation }} [{{ links.batch }}]")
    named = links_of(alone, event, "[{{ links.operation }}]", links=LinkTemplates(operation=APP + "/{name}"))

    assert told == f"{APP}/tenant-1/project-1/runs/..%2Fx%2Fy%3Fz%23%C3%A4%20%26 []"
    assert named == "[]"


@pytest.mark.parametrize(
    ("error", "told"),
    [({"code": "SOURCE TIMEOUT"}, "https://wiki.example.com/ProcessMiningAnalysis/SOURCE%20TIMEOUT"), ({}, "")],
)
def test_the_runbook_is_that_of_the_error(alone: Build, error: dict[str, Any], told: str) -> None:
    failed = samples.event_of(samples.bodies()["operation.failed"] | {"error": error})

    assert links_of(alone, failed, "[{{ links.runbook }}]") == f"[{told}]"


@pytest.mark.parametrize(
    ("console", "name", "silence"),
    [
        (
            APP,
            "Sales <2024-01-20> & Co",
            "/console/silences?job=Sales+%3C%23%3E+%26+Co&tenant=tenant-1&project=project-1",
        ),
        (APP, "", ""),
        ("", "Sales", ""),
    ],
)
def test_the_form_of_a_silence_is_filled_in_for_the_job(alone: Build, console: str, name: str, silence: str) -> None:
    event = progress(operationName=name)

    told = links_of(alone, event, "[{{ links.silence }}]", links=LinkTemplates(console=console))

    assert told == (f"[{APP}{silence}#add]" if silence else "[]")


@pytest.mark.parametrize(
    ("address", "link"),
    [
        ("/{unknown}/op-1", ""),
        ("//evil.example/op-1", ""),
        ("javascript:alert(1)", ""),
        ("https://app.example.com/runs/op-1", "https://app.example.com/runs/op-1"),
        ("/runs/op-1", "https://mining.example.com/runs/op-1"),
        ("/api/{tenantId}/{projectId}/async/operation/op-1", ""),
        ("https://gateway.example.com/ops/API/v2/op-1", ""),
        ("https://gateway.example.com/%61pi/op-1", ""),
        ("https://api.example.com/runs/op-1", "https://api.example.com/runs/op-1"),
        ("https://app.example.com/rapid/api-keys", "https://app.example.com/rapid/api-keys"),
        ("https://[broken/runs", ""),
    ],
)
def test_without_templates_the_platforms_own_page_is_linked_and_its_api_is_not(
    alone: Build, address: str, link: str
) -> None:
    renderer = alone(saying("[{{ links.operation }}]"), base_url=samples.BASE_URL)

    assert text_of(renderer, progress(trackingUrl=address), channel="chat") == f"[{link}]"


def test_without_the_platforms_address_there_is_no_link(alone: Build) -> None:
    assert text_of(alone(saying("[{{ links.operation }}]")), progress(trackingUrl="/op-1"), channel="chat") == "[]"


def test_without_templates_no_message_of_any_kind_leads_to_the_api() -> None:
    """The samples are the platform's own documents, whose tracking addresses are the API's."""
    renderer = Renderer([BUILT_IN], RenderOptions(samples.BASE_URL))
    with every_case() as case:
        for name, event in {**samples.messages(), **samples.messages(samples.maximal)}.items():
            history = samples.history_of(name, samples.messages())
            for channel, language in product(("slack", "email"), ("en", "de")):
                for kind in ("each", "live", "reply") if channel == "slack" else ("each",):
                    with case(name, channel, kind, language):
                        content = render(renderer, event, channel, kind=kind, history=history, language=language)
                        assert not _addresses(content)
        for name, channel in product(digests.DIGESTS, ("slack", "email")):
            with case(name, channel):
                assert not _addresses(digests.render(renderer, channel, name))
        for name, kind in product(slacks.NAMES, slacks.KINDS):
            with case(name, kind):
                assert not _addresses(slacks.message(renderer, name, kind, "en"))


def _addresses(content: dict[str, Any]) -> list[str]:
    """The addresses of an API in it."""
    text = json.dumps(content)
    return [address for address in re.findall(r"https?://[^\s\"'<>|\\]+", text) if "/api/" in address]


def test_the_row_of_a_digest_fills_its_own_tenant_into_its_link() -> None:
    row = {"id": "op-1", "status": "Failed", "tenant": "t 1", "path": "https://ci.example.com/{tenantId}/7", "at": ""}
    event = digests.event_of(build_digest("digest", 0, 86_400, [row]))

    [shown] = digest(event, Catalogues([BUILT_IN]).language("en"), Base())["attention"]

    assert shown["url"] == "https://ci.example.com/t%201/7"
