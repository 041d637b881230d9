"""Comparison with the other runs of a job, in Slack messages."""

import pytest

from relay.domain.events import Outcome
from relay.rendering import Renderer
from tests.support import slacks
from tests.support.slack_reading import shown
from tests.support.slacks import past_ends

# A message of the run, and a line in it.
PROGRESS, REPLY, ROOT_BELOW, REPLY_BELOW = (1, 1), (3, 1), (2, 2), (3, 2)
DONE = "▰▰▰▰▰▰▰▱▱▱ Discovery (3 of 5) · done on 9 Mar at 15:40 CET"
PHASES = "Extraction 12 · Data Loading 17 · Discovery 22 · Conformance 27 (usually 14) · Reporting 17 min"
THIRD = "3 failures in a row since 7 Mar, 14:02 CET · last success 6 Mar, 14:02 CET · same error 2 times before"


@pytest.mark.parametrize(
    ("past", "end", "place", "words"),
    [
        (past_ends(23, minutes=88), "completed", PROGRESS, f"{DONE}, as usual"),
        (past_ends(23, minutes=74), "completed", PROGRESS, f"{DONE}, 20 min later than usual"),
        (past_ends(23), "completed", REPLY, PHASES),
        (past_ends(23), "failed", ROOT_BELOW, "First failure in 24 runs · last success 8 Mar, 14:02 CET"),
        (past_ends(9, 2), "failed", REPLY_BELOW, THIRD),
        (past_ends(1), "failed", REPLY_BELOW, "last success 8 Mar, 14:02 CET"),
        (past_ends(9, 3), "completed", REPLY, "Works again after 3 failures"),
        (past_ends(9, 1), "completed", REPLY, "Works again after 1 failure"),
    ],
)
def test_a_message_compares_the_run_with_others(
    renderer: Renderer, past: tuple[Outcome, ...], end: str, place: tuple[int, int], words: str
) -> None:
    _, content = [*slacks.life("en", renderer, end, past)][place[0]]

    assert shown(content).split("\n")[place[1]] == words
