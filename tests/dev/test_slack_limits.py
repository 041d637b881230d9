"""The limits that the Slack stand-in holds messages to."""

from collections.abc import Callable
from typing import Any

import pytest

from relay.rendering.formats.slack import text_size
from relay_sandbox.standins.slack_limits import validate

JSON = dict[str, Any]


def mrkdwn(length: int = 1) -> JSON:
    return {"type": "mrkdwn", "text": "x" * length}


def plain(length: int = 1) -> JSON:
    return {"type": "plain_text", "text": "x" * length}


def button(**changes: Any) -> JSON:
    return {"type": "button", "text": plain(), "url": "https://example.com/"} | changes


def confirm(**changes: Any) -> JSON:
    return {"title": plain(), "text": plain(), "confirm": plain(), "deny": plain()} | changes


def address(length: int) -> str:
    return "https://example.com/".ljust(length, "x")


def image(**changes: Any) -> JSON:
    return {"type": "image", "image_url": "https://example.com/a.png", "alt_text": ""} | changes


def message(*blocks: JSON, **arguments: Any) -> JSON:
    return {"channel": "C0123ABCD", "text": "x", "blocks": list(blocks), **arguments}


def block(kind: str, **fields: Any) -> JSON:
    return message({"type": kind, **fields})


def beside(accessory: JSON) -> JSON:
    return block("section", text=plain(), accessory=accessory)


def sections(*lengths: int) -> JSON:
    return message(*({"type": "section", "text": mrkdwn(length)} for length in lengths))


def metadata(length: int) -> JSON:
    return {"text": "x", "metadata": {"event_type": "e", "event_payload": {"k": "x" * (length - len('{"k": ""}'))}}}


# (what is limited, its limit, the message of a length)
LIMITS: list[tuple[str, int, Callable[[int], JSON]]] = [
    ("text", 40_000, lambda n: {"text": "x" * n}),
    ("blocks", 50, lambda n: message(*[{"type": "divider"}] * n)),
    ("all text", 9_000, lambda n: sections(3_000, 3_000, 2_000, n - 8_000)),
    ("header text", 150, lambda n: block("header", text=plain(n))),
    ("section text", 3_000, sections),
    ("section fields", 10, lambda n: block("section", fields=[mrkdwn()] * n)),
    ("context elements", 10, lambda n: block("context", elements=[mrkdwn()] * n)),
    ("actions", 25, lambda n: block("actions", elements=[button()] * n)),
    ("button text", 75, lambda n: beside(button(text=plain(n)))),
    ("button value", 2_000, lambda n: beside(button(value="x" * n))),
    ("button url", 3_000, lambda n: beside(button(url=address(n)))),
    ("confirm title", 100, lambda n: beside(button(confirm=confirm(title=plain(n))))),
    ("action id", 255, lambda n: beside(button(action_id="x" * n))),
    ("image text", 2_000, lambda n: message(image(alt_text="x" * n))),
    ("image url", 3_000, lambda n: message(image(image_url=address(n)))),
    ("metadata", 8_000, metadata),
]

FAULTS: list[tuple[JSON, str]] = [
    (message({}), "invalid_blocks: /blocks/0: unsupported block None"),
    (block("alert"), "invalid_blocks: /blocks/0: unsupported block 'alert'"),  # for modals alone
    (block("section", text=plain(), color="red"), "invalid_blocks: /blocks/0: invalid additional property: color"),
    (block("section"), "invalid_blocks: /blocks/0: expected text or fields"),
    (block("header", text=mrkdwn()), "invalid_blocks: /blocks/0/text: unsupported text object 'mrkdwn'"),
    (beside(button(text=mrkdwn())), "invalid_blocks: /blocks/0/accessory/text: unsupported text object 'mrkdwn'"),
    (beside(button(url="javascript:alert(1)")), "invalid_blocks: /blocks/0/accessory/url: invalid URL"),
    (message(image(image_url="a.png")), "invalid_blocks: /blocks/0/image_url: invalid URL"),
    (block("context", elements=[]), "invalid_blocks: /blocks/0/elements: 0 items, expected 1 to 10"),
    (message(*[{"type": "divider", "block_id": "a"}] * 2), "invalid_blocks: /blocks: block_id 'a' is used twice"),
    ({}, "no_text: "),
    ({"text": "", "blocks": []}, "no_text: "),
    ({"text": "x", "metadata": {"event_type": "e"}}, "invalid_metadata_schema: "),
]


@pytest.mark.parametrize(("limit", "make"), [row[1:] for row in LIMITS], ids=[row[0] for row in LIMITS])
def test_at_the_limit_a_message_is_taken_and_one_over_it_refused(limit: int, make: Callable[[int], JSON]) -> None:
    assert validate(make(limit)) == []
    assert len(validate(make(limit + 1))) == 1


@pytest.mark.parametrize(("given", "fault"), FAULTS)
def test_what_is_malformed_is_refused_with_its_place_or_the_reason(given: JSON, fault: str) -> None:
    (refusal,) = validate(given)

    assert refusal.startswith(fault)


def test_characters_are_counted_in_the_strictest_way_and_the_text_beside_the_blocks_is_not() -> None:
    assert validate(block("section", text={"type": "mrkdwn", "text": "😀" * 1_501})) != []
    assert text_size(block("section", text=mrkdwn(7), fields=[plain(2)])["blocks"]) == 9
