"""When a run deserves worry, by numbers alone."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.domain.identity import fingerprint
from relay.domain.jobs import FLAPPING, Alarm, Alarms, Ended, Run
from relay.policy.watchdog import RULES, SOON, Alert, decide, event_of, next_look
from relay.policy.watchdog_settings import Watchdog
from tests.support import events

MINUTE, HOUR = 60.0, 3600.0
SETTINGS = Watchdog()
NOW = 1_705_749_600.0


def run(**changes: Any) -> Run:
    """One that was heard of and moved just now."""
    return Run(**{"subject": "op-1", "last_event": NOW, "moved": NOW, "percentage": 40.0} | changes)


def rule_of(news: Alert | None) -> str:
    if news is None:
        return ""
    return f"{news.name.removeprefix('operation.')} {news.parts[news.name.removeprefix('operation.')]['rule']}"


CASES = [
    pytest.param(run(), 0, "", id="all is well"),
    pytest.param(run(), 15 * MINUTE - 1, "", id="quiet for not quite a quarter of an hour"),
    pytest.param(run(), 15 * MINUTE, "stalled silent", id="quiet for a quarter of an hour"),
    pytest.param(run(gaps=(10.0,) * 9), 15 * MINUTE, "stalled silent", id="a fast reporter has no less patience"),
    pytest.param(run(gaps=(600.0, 600.0, 5.0)), 30 * MINUTE - 1, "", id="a slow reporter has three of its gaps"),
    pytest.param(run(gaps=(600.0, 600.0, 5.0)), 30 * MINUTE, "stalled silent", id="and no more"),
    pytest.param(run(moved=NOW - 20 * MINUTE), 10 * MINUTE, "stalled flat", id="the same for half an hour"),
    pytest.param(run(moved=NOW - 20 * MINUTE), 10 * MINUTE - 1, "", id="the same for not quite half an hour"),
    pytest.param(run(moved=NOW - 20 * MINUTE), 16 * MINUTE, "stalled silent", id="what is silent is not flat as well"),
    pytest.param(run(gaps=(7200.0, 7200.0)), 15 * MINUTE, "stalled silent", id="two gaps are no rhythm"),
    pytest.param(run(gaps=(1200.0,) * 3), 31 * MINUTE, "", id="flat is said only of events that repeat"),
    pytest.param(run(moved=NOW - HOUR, percentage=None), MINUTE, "", id="without a percentage nothing is flat"),
    pytest.param(run(estimate=NOW + MINUTE), 11 * MINUTE - 1, "", id="ten minutes are granted to the shortest plan"),
    pytest.param(run(estimate=NOW + MINUTE), 11 * MINUTE, "stalled overdue", id="and no more than they"),
    pytest.param(run(estimate=NOW - 70 * MINUTE, planned=6 * HOUR), MINUTE, "", id="a fifth of a long plan"),
    pytest.param(run(estimate=NOW - 72 * MINUTE, planned=6 * HOUR), 0, "stalled overdue", id="more than a fifth"),
    pytest.param(run(deadline=NOW), 2 * MINUTE - 1, "", id="the platform has two minutes to say that it timed out"),
    pytest.param(run(deadline=NOW), 2 * MINUTE, "stalled deadline", id="past its deadline"),
    pytest.param(run(deadline=NOW, estimate=NOW), HOUR, "stalled deadline", id="of several the gravest is told"),
    pytest.param(run(started=NOW - HOUR, slow_after=HOUR + 60), 59, "", id="as long as its job's runs may take"),
    pytest.param(run(started=NOW - HOUR, slow_after=HOUR + 60), 60, "stalled slow", id="longer than they take"),
    pytest.param(run(started=NOW - HOUR), 60, "", id="without a history nothing is slow"),
    pytest.param(run(slow_after=HOUR), HOUR, "stalled silent", id="nor without a start"),
    pytest.param(
        run(started=NOW - HOUR, slow_after=HOUR, estimate=NOW - HOUR),
        60,
        "stalled overdue",
        id="what is overdue is not slow as well",
    ),
]


@pytest.mark.parametrize(("of", "after", "told"), CASES)
def test_a_rule_holds_from_its_moment_on(of: Run, after: float, told: str) -> None:
    assert rule_of(decide(of, SETTINGS, NOW + after)) == told


@pytest.mark.parametrize(("of", "after", "told"), [case for case in CASES if case.values[2]])
def test_it_is_looked_at_by_the_moment_a_rule_holds(of: Run, after: float, told: str) -> None:
    """From look to look, as the store gives them, nothing is found late by more than one look's distance."""
    now = NOW
    for _ in range(100):
        if news := decide(of, SETTINGS, now):
            break
        now = next_look(of, SETTINGS, now)
    assert news
    assert now <= NOW + after + SOON


@pytest.mark.parametrize(("of", "after", "told"), CASES)
def test_in_the_grace_nothing_is_found(of: Run, after: float, told: str) -> None:
    assert decide(of, SETTINGS, NOW + after, grace=True) is None


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ({"silent": "5m"}, "stalled silent"),
        ({"silent": "off"}, ""),
        ({"silent": False}, ""),
        ({"flat": "20m", "silent": "1d"}, "stalled flat"),
        ({"overdue_pct": "off", "silent": "off"}, ""),
    ],
)
def test_patience_is_a_setting(written: dict[str, Any], told: str) -> None:
    settings = Watchdog(**written)

    assert rule_of(decide(run(moved=NOW - 20 * MINUTE), settings, NOW + 5 * MINUTE)) == told


def test_what_was_told_is_not_told_again_but_reminded_of() -> None:
    alarmed = run(alarms=Alarms({"silent": Alarm(NOW, NOW - 900)}, episode=1), last_event=NOW - 900)

    told = [decide(alarmed, SETTINGS, NOW + after) for after in (0, 30 * MINUTE - 1, 30 * MINUTE, 13 * HOUR)]

    assert [news and news.parts["stalled"]["reminder"] for news in told] == [None, None, 1, 3]
    assert told[2]
    assert decide(replace(alarmed, alarms=told[2].alarms), SETTINGS, NOW + 31 * MINUTE) is None


def test_a_recovery_says_how_long_it_took_and_what_is_still_not_right() -> None:
    both = {"overdue": Alarm(NOW - HOUR, NOW - 2 * HOUR), "silent": Alarm(NOW, NOW - 900)}
    moved = run(alarms=Alarms(both, episode=2), last_event=NOW + 480, moved=NOW + 480, estimate=NOW - 2 * HOUR)

    news = decide(moved, SETTINGS, NOW + 500)

    assert news
    assert news.parts["recovered"] == {"rule": "silent", "seconds": 23 * MINUTE, "flapping": False, "episode": 2}
    assert news.parts["stalled"]["rule"] == "overdue"


def test_after_a_silence_people_first_hear_that_it_goes_on() -> None:
    """Percentage and phase stand still since long, but the next thing told is not that they do."""
    silent = run(alarms=Alarms({"silent": Alarm(NOW, NOW - HOUR)}, episode=1), moved=NOW - 2 * HOUR, last_event=NOW)

    news = decide(silent, SETTINGS, NOW + 30)
    assert news
    assert rule_of(news) == "recovered silent"
    goes_on = replace(silent, alarms=news.alarms, last_event=NOW + 29 * MINUTE)
    assert decide(goes_on, SETTINGS, NOW + 29 * MINUTE) is None
    assert rule_of(decide(goes_on, SETTINGS, NOW + 31 * MINUTE)) == "stalled flat"


def flapped(**changes: Any) -> Run:
    """One whose longest of many silences was an hour; it goes on now."""
    ended = {"silent": Ended(FLAPPING, 600.0)}
    alarms = Alarms({"silent": Alarm(NOW - HOUR, NOW - HOUR)}, episode=FLAPPING + 1, ended=ended)
    news = decide(run(alarms=alarms), SETTINGS, NOW)
    assert news
    assert news.parts["recovered"]["flapping"]
    return run(alarms=news.alarms, **changes)


def test_what_comes_and_goes_is_told_again_after_a_much_longer_time_alone() -> None:
    assert decide(flapped(), SETTINGS, NOW + 4 * HOUR - 1) is None
    news = decide(flapped(), SETTINGS, NOW + 4 * HOUR)
    assert rule_of(news) == "stalled silent"
    assert next_look(flapped(), SETTINGS, NOW + 4 * HOUR - MINUTE) == NOW + 4 * HOUR


def test_the_event_is_about_all_that_is_known() -> None:
    history = [events.started(createdBy="j.mueller@example.com"), events.progress(68)]
    of = run(subject=history[0].subject, last_event=NOW - 900, percentage=68.0, retry=0)
    news = decide(of, SETTINGS, NOW)
    assert news

    event = event_of(news, of, history, NOW)

    assert event.operation
    assert (event.name, event.status, event.source) == ("operation.stalled", "Stalled", "relay")
    assert (event.subject, event.percentage, event.retry) == (history[0].subject, 68, 0)
    assert event.operation.document["createdBy"] == "j.mueller@example.com"
    assert event.document["stalled"] == {
        "rule": "silent", "since": "2024-01-20T11:05:00+00:00", "seconds": 900, "percentage": 68.0, "phase": "",
        "lastEvent": "2024-01-20T11:05:00+00:00", "rhythm": None, "firstEstimate": "", "estimateMoved": 0,
        "deadline": "", "reminder": 0, "last": False, "episode": 1,
    }  # fmt: skip
    assert fingerprint(event) == fingerprint(event_of(news, of, history, NOW + 7))


moments = st.one_of(st.none(), st.floats(NOW - 1e5, NOW + 1e5))
runs = st.builds(
    run,
    last_event=st.floats(NOW - 1e5, NOW),
    moved=st.floats(NOW - 1e5, NOW),
    gaps=st.lists(st.floats(0, 1e4), max_size=15).map(tuple),
    percentage=st.one_of(st.none(), st.floats(0, 100)),
    estimate=moments,
    planned=st.floats(0, 1e5),
    deadline=moments,
)


@given(runs, st.lists(st.floats(1, 3e4), max_size=12))
def test_however_time_passes_nothing_is_told_twice_and_what_is_kept_can_be_read_again(
    of: Run, steps: list[float]
) -> None:
    now, told = NOW, []
    for step in steps:
        now += step
        news = decide(of, SETTINGS, now)
        if news:
            part = news.parts.get("stalled", {})
            told.append((news.name, part.get("rule"), part.get("episode"), part.get("reminder")))
            of = replace(of, alarms=Alarms.load(news.alarms.dump()))
            assert of.alarms == news.alarms
            assert decide(of, SETTINGS, now) is None
        assert next_look(of, SETTINGS, now) > now
    assert len(told) == len(set(told))
    assert len(told) <= len(RULES) * (1 + len(SETTINGS.remind))


def test_a_slow_run_stays_slow_whatever_becomes_usual() -> None:
    slow = run(started=NOW - HOUR, slow_after=HOUR)
    first = decide(slow, SETTINGS, NOW + 60)
    assert first
    later = replace(slow, alarms=first.alarms, last_event=NOW + 120, moved=NOW + 120)

    assert decide(replace(later, slow_after=2 * HOUR), SETTINGS, NOW + 120) is None
    assert decide(replace(later, slow_after=None), SETTINGS, NOW + 120) is None
    assert rule_of(decide(later, Watchdog(slow_pct=None), NOW + 120)) == "recovered slow"
