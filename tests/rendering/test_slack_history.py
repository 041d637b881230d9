"""Whether a run is as usual, in its Slack messages: what the other runs of its job say, and nothing where none do."""

import pytest

from relay.domain.events import Outcome
from relay.rendering import Renderer
from tests.support import slacks
from tests.support.slack_reading import shown
from tests.support.slacks import past_ends


def life(renderer: Renderer, past: tuple[Outcome, ...], language: str, end: str = "completed") -> list[str]:
    """What the messages of a run say, one after the other."""
    return [shown(content) for _, content in slacks.life(language, renderer, end, past)]


@pytest.mark.parametrize(("minutes", "words"), [(88, "as usual"), (74, "20 min later than usual")])
def test_a_run_that_goes_on_says_whether_it_will_be_done_as_usual(renderer: Renderer, minutes: int, words: str) -> None:
    line = life(renderer, past_ends(23, minutes=minutes), "en")[1].split("\n")[1]

    assert line == f"▰▰▰▰▰▰▰▱▱▱ Discovery (3 of 5) · done on 9 Mar at 15:40 CET, {words}"


def test_the_reply_says_how_long_each_phase_took_and_what_is_usual_for_a_slow_one(renderer: Renderer) -> None:
    line = "Extraction 12 · Data Loading 17 · Discovery 22 · Conformance 27 (usually 14) · Reporting 17 min"

    assert life(renderer, past_ends(23), "en")[-1].split("\n")[1] == line


@pytest.mark.parametrize(("past", "words"), [
    (past_ends(23), "First failure in 24 runs · last success 8 Mar, 14:02 CET"),
    (past_ends(9, 2), "3 failures in a row since 7 Mar, 14:02 CET · last success 6 Mar, 14:02 CET · "
     "same error 2 times before"),
    (past_ends(1), "last success 8 Mar, 14:02 CET"),
])  # fmt: skip
def test_a_failure_says_whether_it_is_the_first_one(renderer: Renderer, past: tuple[Outcome, ...], words: str) -> None:
    *_, root, reply = life(renderer, past, "en", "failed")

    assert root.split("\n")[2] == reply.split("\n")[2] == words


@pytest.mark.parametrize(("failures", "words"), [(3, "after 3 failures"), (1, "after 1 failure")])
def test_what_works_again_says_so_on_a_phone_too(renderer: Renderer, failures: int, words: str) -> None:
    _, _, (_, root), (_, reply) = slacks.life("en", renderer, "completed", past_ends(9, failures))

    assert root["text"].endswith(f". Works again {words}.")
    assert words in shown(reply).split("\n")[1]
    assert words in shown(root).split("\n")[1]
