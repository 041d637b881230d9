"""Hosts that messages lead to: those of the configuration; without any, each link shows its own."""

import json
import re
from datetime import timedelta
from itertools import product
from typing import Any
from urllib.parse import urlsplit

import pytest

from relay.domain.digest_entries import summarize
from relay.domain.digests import build_digest
from relay.domain.links import LinkHosts
from relay.rendering import Renderer, RenderOptions
from relay.rendering.texts import ZERO_WIDTH_SPACE, unlinked
from tests.support import digests, samples
from tests.support.every_case import every_case
from tests.support.renderers import BUILT_IN, Build, progress, render

EVIL = "login.evil.test"
ADDRESS = f"https://{EVIL}/p.pdf"
LURE = (
    f"Your account is locked, see {ADDRESS} or www.evil.test, http://mining.example.com.{EVIL}/ or HTTP://{EVIL}:80/x"
)
OWN = LinkHosts.of((), samples.BASE_URL, samples.LINKS)
HREF = re.compile(r"""href="(https?://[^"]*)"[^>]*>(.*?)</a>""", re.DOTALL)
MRKDWN = re.compile(r"<(https?://[^|>]*)(?:\|([^>]*))?>([^<]{0,40})")


def luring(body: Any) -> Any:
    """The body with a stranger's address wherever there is one, and in each name and message."""
    if isinstance(body, list):
        return [luring(item) for item in body]
    if not isinstance(body, dict):
        return body
    changed = {}
    for key, value in body.items():
        if key in ("trackingUrl", "downloadUrl", "url", "path") or str(value).startswith(("/api/", "https://")):
            changed[key] = ADDRESS
        elif key in ("operationName", "batchName", "name", "message", "recommendation", "description", "title"):
            changed[key] = f"{value}: {LURE}"
        else:
            changed[key] = luring(value)
    return changed


def messages(renderer: Renderer) -> Any:
    """Every message about something with a stranger's addresses, in both channels and languages."""
    lures = samples.messages(luring)
    for name, event in lures.items():
        for language in ("en", "de"):
            for channel, kind in (("slack", "each"), ("slack", "live"), ("slack", "reply"), ("email", "each")):
                history = samples.history_of(name, lures)
                yield (
                    (name, channel, kind, language),
                    render(renderer, event, channel, kind=kind, history=history, language=language),
                )
    ends = [summarize(lures[name]) for name in ("operation.failed", "operation.completed", "batch.completed")]
    end = lures["batch.completed"].occurred_at
    for kind, language, channel in product(("digest", "overflow", "quiet"), ("en", "de"), ("slack", "email")):
        event = digests.event_of(build_digest(kind, (end - timedelta(days=1)).timestamp(), end.timestamp(), ends))
        form = "digest" if kind == "digest" else "roundup"
        yield (kind, channel, language), render(renderer, event, channel, kind=form, language=language)


def links_in(content: dict[str, Any]) -> list[tuple[str, str]]:
    """Each address that somebody can follow, and the words beside it."""
    found = [(url, shown) for url, shown in HREF.findall(content.get("html", ""))]
    blocks = json.dumps([content.get(key) for key in ("text", "blocks") if "html" not in content], ensure_ascii=False)
    found += [(url, text + after) for url, text, after in MRKDWN.findall(blocks)]
    found += [(url, blocks) for url in re.findall(r'"url": "([^"]*)"', blocks)]
    return found


def read(content: dict[str, Any]) -> str:
    """All that a mail program looks for addresses in."""
    return content.get("text", "") + re.sub(r"<[^>]*>", " ", content.get("html", "")) if "html" in content else ""


def test_no_message_leads_to_a_host_that_the_configuration_does_not_name() -> None:
    renderer = Renderer([BUILT_IN], RenderOptions(samples.BASE_URL, hosts=OWN, links=samples.LINKS))
    leading = 0
    with every_case() as case:
        for name, content in messages(renderer):
            with case(*name):
                assert {urlsplit(url).hostname for url, _ in links_in(content)} <= {*OWN.names}
                assert not re.search(r"(://|www\.)[\w.]*evil", read(content), re.IGNORECASE)
                assert EVIL not in read(content)  # but with something between that no program reads over
                leading += len(links_in(content))
    assert leading > 100  # those of the configuration are there


def test_a_button_shows_where_it_leads(alone: Build) -> None:
    renderer = alone({"slack/operation.progress.yaml": """
text: x
blocks:
  - type: actions
    elements:
      - {type: button, text: {type: plain_text, text: Open}, url: "{{ op.tracking_url }}"}
"""}, hosts=LinkHosts(shown=True))  # fmt: skip

    [button] = render(renderer, progress(trackingUrl=ADDRESS))["blocks"][0]["elements"]

    assert button["text"]["text"] == f"Open ({EVIL})"


@pytest.mark.parametrize(
    ("url", "leads"),
    [
        ("https://wiki.example.org/how-to", "https://wiki.example.org/how-to"),
        ("https://wiki.example.org/?q={{ op.name|urlencode }}", "https://wiki.example.org/?q=evil.test"),
        ("https://wiki.example.org:8443/{{ op.name }}", "https://wiki.example.org:8443/evil.test"),
        ("https://wiki.example.org/{{ op.name }}@evil.test", "https://wiki.example.org/evil.test@evil.test"),
        ("https://{{ op.name }}/", None),
        ("https://wiki.example.org.{{ op.name }}/", None),
        ("https://wiki.example.org@{{ op.name }}/", None),
        ("{{ op.tracking_url }}", None),
    ],
)
def test_where_an_address_of_a_file_leads_its_author_says(alone: Build, url: str, leads: str | None) -> None:
    renderer = alone({"slack/operation.progress.yaml": f"""
text: x
blocks:
  - type: actions
    elements:
      - {{type: button, text: {{type: plain_text, text: Open}}, url: "{url}"}}
      - {{type: button, text: {{type: plain_text, text: Always}}}}
"""}, hosts=LinkHosts(("example.com",)))  # fmt: skip

    content = render(renderer, progress(operationName="evil.test", trackingUrl=ADDRESS))

    assert content["blocks"][0]["elements"][0].get("url") == leads


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("GET https://api.mining.example.com/x failed", "GET https://api.mining.example.com/x failed"),
        ("see https://mining.example.com.", "see https://mining.example.com."),
        ("see http://127.0.0.1:8080/x", "see http:|//127|.0|.0|.1:8080/x"),
        ("(https://evil.test)", "(https:|//evil|.test)"),
        ("https://mining.example.com@evil.test/", "https:|//mining|.example|.com@evil|.test/"),
        ("www.evil.test/a.pdf", "www|.evil|.test/a.pdf"),
        ("awww.example and file.csv", "awww.example and file.csv"),
    ],
)
def test_in_a_mails_words_other_hosts_are_no_address(text: str, told: str) -> None:
    assert unlinked(text, OWN) == told.replace("|", ZERO_WIDTH_SPACE)
