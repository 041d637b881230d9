"""What messages show in few letters."""

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from relay.rendering.filters import MAX_STEPS, named, short_id, timed
from relay.rendering.localized_values import Localizer
from relay.rendering.translations import Catalogues
from tests.support.renderers import BUILT_IN

FORMATS = Localizer(Catalogues([BUILT_IN]).language("en"), ZoneInfo("UTC"), datetime(2024, 1, 20, tzinfo=UTC))


@pytest.mark.parametrize(("whole", "short"), [
    ("op-ff0e8400-e29b-41d4-a716-446655440000", "op-ff0e8400"), ("ff0e8400-e29b-41d4-a716-446655440000", "ff0e8400"),
    ("op-7f3a91c2", "op-7f3a91c2"), ("nightly/2024-01-20/reports-of-all-regions", "nightly/2024-01-20/repo…"),
    ("", ""), (None, ""), (42, "42"),
])  # fmt: skip
def test_an_id_is_as_short_as_tells_it_from_the_next(whole: object, short: str) -> None:
    assert short_id(whole) == short


def steps(*durations: float | None, **more: Any) -> list[dict[str, Any]]:
    return [{"name": f"P{n}", "duration": lasted, **more} for n, lasted in enumerate(durations)]


@pytest.mark.parametrize(("phases", "durations"), [
    (steps(720, 1020, 5400), ["12", "17", "90 min"]),
    (steps(720, 30), ["12 min", "30 s"]),  # half a minute is no number of minutes
    (steps(720, 14_400), ["12 min", "4 h"]),
    (steps(720, None, 60), ["12", "1 min"]),
    (steps(720), []), (steps(720, None), []), ([], []),
    (steps(*[60] * (MAX_STEPS + 1)), []),
])  # fmt: skip
def test_phases_are_told_in_minutes_where_minutes_say_enough(
    phases: list[dict[str, Any]], durations: list[str]
) -> None:
    assert [row["duration"] for row in timed(FORMATS, phases)] == durations


def test_what_is_usual_is_told_of_a_slow_phase_alone() -> None:
    slow, normal = steps(1620, usual=840, slow=True)[0], steps(720, usual=700, slow=False)[0]

    assert [(row["duration"], row["usual"]) for row in timed(FORMATS, [slow, normal])] == [("27", "14"), ("12 min", "")]


def test_of_a_phase_that_is_not_there_nothing_is_known() -> None:
    assert named(steps(720), "P0")["duration"] == 720
    assert named(steps(720), "P1") == {"name": "", "duration": None, "usual": None, "state": "", "slow": False}
