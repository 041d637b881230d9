"""Looks of a message in its channel, and what the other side would refuse of it: for authors of templates."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from relay_sandbox.standins.slack_limits import validate
from relay_sandbox.standins.slack_page import page_of

MAX_SHOWN = 102 * 1024  # bytes of HTML, beyond which Gmail shows the beginning only

Content = Mapping[str, Any]


class Look(NamedTuple):
    """`page`: a message, sent at a time in epoch seconds, as HTML; `refusals`: a sentence for each fault."""

    page: Callable[[Content, float], str]
    refusals: Callable[[Content], Iterable[str]]


def _slack_page(content: Content, at: float) -> str:
    return page_of([{"text": content["text"], "blocks": content["blocks"]}], at=at)


def _slack_refusals(content: Content) -> Iterator[str]:
    for fault in validate({"text": content["text"], "blocks": content.get("blocks")}):
        yield f"Slack would refuse it: {fault}"


def _mail_page(content: Content, _at: float) -> str:
    return str(content["html"])


def _mail_refusals(content: Content) -> Iterator[str]:
    if (size := len(content["html"].encode())) > MAX_SHOWN:
        yield f"{size // 1024} KB of HTML, clipped after {MAX_SHOWN // 1024}: show fewer rows or shorter texts"


LOOKS: Mapping[str, Look] = {"slack": Look(_slack_page, _slack_refusals), "email": Look(_mail_page, _mail_refusals)}
