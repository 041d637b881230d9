"""Texts that are cut: never longer than allowed, and never through what people see as one character."""

import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.channels.slack.messages import degraded_versions
from relay.domain.display import TEXT_BUDGET, boundary, length, truncate_mrkdwn
from relay.rendering.formats.slack import text_size
from relay_sandbox.standins.slack_limits import validate

WHOLE = ["👩‍🔬", "👍🏽", "🇩🇪", "e\u0301", "न\u0940", "⚪\ufe0f", "\u1112\u1161\u11ab"]
PIECES = st.sampled_from([*WHOLE, "&amp;", "&lt;", "<https://a.example/x|a b>", "x", " ", "𝔘"])


@pytest.mark.parametrize("character", WHOLE)
@pytest.mark.parametrize("before", range(4))
def test_a_character_of_several_parts_is_kept_or_left_out_whole(character: str, before: int) -> None:
    text = "x" * before + character * 3

    for end in range(1, len(text)):
        kept = text[: boundary(text, end)]
        assert kept == "x" * len(kept) or (len(kept) - before) % len(character) == 0


@given(st.lists(PIECES, max_size=30).map("".join), st.integers(1, 60))
def test_slacks_text_is_cut_within_its_limit_and_between_its_parts(text: str, limit: int) -> None:
    told = truncate_mrkdwn(text, limit)

    assert length(told) <= limit
    assert told == text or told.endswith("…")
    kept = told.removesuffix("…") if told != text else told
    assert re.fullmatch(r"(?:<https://a\.example/x\|a b>|&(?:amp|lt);|[^&<>])*", kept)
    assert text.startswith(kept)
    following = text[len(kept.rstrip()) :].lstrip()[:1]
    assert not following or told == text or unicodedata.category(following) not in ("Mn", "Mc", "Me")


def test_a_code_block_that_is_cut_is_closed() -> None:
    told = truncate_mrkdwn("Error: ```" + "x" * 100 + "```", 50)

    assert told.endswith("x…```")
    assert length(told) == 50


@pytest.mark.parametrize("attachments", [0, 1, 4])
def test_blocks_and_all_attachments_together_stay_within_the_budget(attachments: int) -> None:
    block = {"type": "section", "text": {"type": "mrkdwn", "text": "&amp; 🔬 " * 290}}
    content = {"text": "x", "blocks": [block] * 3, "attachments": [{"blocks": [block] * 3}] * attachments}

    message = degraded_versions(content, mentions="<@U0ANALYST1>")[0]

    assert text_size(message["blocks"]) <= TEXT_BUDGET
    assert validate(message) == []


def test_a_text_object_without_its_text_costs_no_message() -> None:
    blocks = [{"type": "section", "text": {"type": "mrkdwn", "other": "x"}}]

    full, words, line = degraded_versions({"text": "Failed: x", "blocks": blocks}, "<@U012AB3CD>")

    assert full["blocks"][0]["text"]["text"].startswith("<@U012AB3CD>")
    assert words["text"] == line["text"] == "Failed: x <@U012AB3CD>"
