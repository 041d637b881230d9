"""When a run deserves worry, by numbers alone."""

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.domain.identity import fingerprint
from relay.domain.jobs import Alarm, Alarms, Run
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
    part = news.parts[kind := news.name.removeprefix("operation.")]
    return f"{kind} {part['rule']} {part['by']}".removesuffix(" events")


RHYTHM = (60.0, 60.0)  # three signs of life
ALONE = {"percentage": None, "started": NOW}  # of a sender that reports start and end alone

CASES = [
    pytest.param(run(gaps=RHYTHM), 0, "", id="all is well"),
    pytest.param(run(gaps=RHYTHM), 15 * MINUTE - 1, "", id="quiet for not quite a quarter of an hour"),
    pytest.param(run(gaps=RHYTHM), 15 * MINUTE, "stalled silent", id="quiet for a quarter of an hour"),
    pytest.param(run(gaps=(10.0,) * 9), 15 * MINUTE, "stalled silent", id="a fast reporter has no less patience"),
    pytest.param(run(gaps=(600.0, 600.0, 5.0)), 30 * MINUTE - 1, "", id="a slow reporter has three of its gaps"),
    pytest.param(run(gaps=(600.0, 600.0, 5.0)), 30 * MINUTE, "stalled silent", id="and no more"),
    pytest.param(run(gaps=(9.0, 9.0, 3600.0), percentage=None), 89 * MINUTE, "", id="its longest gap, and half again"),
    pytest.param(run(gaps=(9.0, 9.0, 3600.0)), 90 * MINUTE, "stalled silent", id="and no more than that"),
    pytest.param(run(gaps=(60.0,), **ALONE), 4 * HOUR - 1, "", id="two signs of life are no rhythm"),
    pytest.param(run(gaps=(3.0, 9.0, 20.0), **ALONE), 4 * HOUR - 1, "", id="nor those of one moment"),
    pytest.param(run(**ALONE), 4 * HOUR - 1, "", id="start and end alone: nobody is called for four hours"),
    pytest.param(run(**ALONE), 4 * HOUR, "stalled late start", id="and then as late"),
    pytest.param(run(started=None, percentage=None), 4 * HOUR, "stalled late start", id="also without a start"),
    pytest.param(run(percentage=None, started=NOW - 9 * HOUR), 4 * HOUR - 1, "", id="an old start that is sent anew"),
    pytest.param(run(percentage=None, started=-6e10), 4 * HOUR - 1, "", id="the year 1 is no start"),
    pytest.param(run(gaps=RHYTHM, started=NOW - 9 * HOUR), 0, "", id="what reports is not late by nothing"),
    pytest.param(run(late_after=HOUR, **ALONE), HOUR - 1, "", id="as long as its job's runs may take"),
    pytest.param(run(late_after=HOUR, **ALONE), HOUR, "stalled late history", id="longer than they take"),
    pytest.param(run(late_after=HOUR, waits=True, **ALONE), 9 * HOUR, "", id="nothing is late that waits for approval"),
    pytest.param(run(late_after=HOUR, waited=HOUR, **ALONE), 2 * HOUR - 1, "", id="nor by what it has waited"),
    pytest.param(run(late_after=HOUR, waited=HOUR, **ALONE), 2 * HOUR, "stalled late history", id="but after that"),
    pytest.param(run(late_after=HOUR, started=NOW), 59 * MINUTE, "", id="one percentage is no rhythm for a known job"),
    pytest.param(run(late_after=HOUR, started=NOW, percentage=0.0), 59 * MINUTE, "", id="nor is the 0 of its start"),
    pytest.param(run(percentage=0.0, started=NOW), 3 * HOUR, "", id="also of an unknown job"),
    pytest.param(run(moved=NOW - 20 * MINUTE), 10 * MINUTE, "stalled silent progress", id="the same for half an hour"),
    pytest.param(run(moved=NOW - 20 * MINUTE), 10 * MINUTE - 1, "", id="the same for not quite half an hour"),
    pytest.param(run(), 30 * MINUTE, "stalled silent", id="a percentage without any event"),
    pytest.param(
        run(moved=NOW - 14 * MINUTE, gaps=RHYTHM), 16 * MINUTE, "stalled silent", id="of both what was first is told"
    ),
    pytest.param(run(moved=NOW - HOUR, percentage=None), MINUTE, "", id="without a percentage nothing stands still"),
    pytest.param(run(estimate=NOW + MINUTE), 11 * MINUTE - 1, "", id="ten minutes are granted to the shortest plan"),
    pytest.param(run(estimate=NOW + MINUTE), 11 * MINUTE, "stalled late estimate", id="and no more than they"),
    pytest.param(run(estimate=NOW - 70 * MINUTE, planned=6 * HOUR), MINUTE, "", id="a fifth of a long plan"),
    pytest.param(run(estimate=NOW - 72 * MINUTE, planned=6 * HOUR), 0, "stalled late estimate", id="more than that"),
    pytest.param(run(estimate=NOW + 6 * HOUR, late_after=HOUR, **ALONE), 5 * HOUR, "", id="an estimate knows more"),
    pytest.param(run(deadline=NOW), 2 * MINUTE - 1, "", id="the platform has two minutes to say that it timed out"),
    pytest.param(run(deadline=NOW), 2 * MINUTE, "stalled late limit", id="past its deadline"),
    pytest.param(run(deadline=NOW + 6 * HOUR, **ALONE), 5 * HOUR, "", id="its own limit is enough"),
    pytest.param(run(deadline=NOW + 6 * HOUR, late_after=HOUR, **ALONE), HOUR, "stalled late history", id="or history"),
    pytest.param(run(deadline=NOW, estimate=NOW), HOUR, "stalled late limit", id="of several the first is told"),
    pytest.param(run(batch=True, **ALONE), 4 * HOUR - 1, "", id="a batch goes on with its members"),
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
        ({"silent": "off", "late": "5m"}, "stalled late start"),
        ({"silent": "12m"}, "stalled silent progress"),
        ({"silent": "off", "late": "off"}, ""),
    ],
)
def test_patience_is_a_setting(written: dict[str, Any], told: str) -> None:
    of = run(moved=NOW - 20 * MINUTE if "12m" in written.values() else NOW, gaps=RHYTHM, started=NOW)

    assert rule_of(decide(of, Watchdog(**written), NOW + 5 * MINUTE)) == told


def test_what_was_told_is_not_told_again_but_reminded_of() -> None:
    alarmed = run(alarms=Alarms({"silent": Alarm(NOW, NOW - 900, "events")}, episode=1), last_event=NOW - 900)

    told = [decide(alarmed, SETTINGS, NOW + after) for after in (0, 30 * MINUTE - 1, 30 * MINUTE, 13 * HOUR)]

    assert [news and news.parts["stalled"]["reminder"] for news in told] == [None, None, 1, 3]
    assert told[2]
    assert decide(replace(alarmed, alarms=told[2].alarms), SETTINGS, NOW + 31 * MINUTE) is None


def test_a_recovery_says_how_long_it_took_and_what_is_still_not_right() -> None:
    both = {"late": Alarm(NOW - HOUR, NOW - 2 * HOUR, "estimate"), "silent": Alarm(NOW, NOW - 900, "events")}
    moved = run(alarms=Alarms(both, episode=2), last_event=NOW + 480, moved=NOW + 480, estimate=NOW - 2 * HOUR)

    news = decide(moved, SETTINGS, NOW + 500)

    assert news
    assert news.parts["recovered"] == {"rule": "silent", "by": "events", "seconds": 23 * MINUTE, "episode": 2}
    assert news.parts["stalled"]["rule"] == "late"


def test_after_a_silence_people_first_hear_that_it_goes_on() -> None:
    """Percentage and phase stand still since long, but the next thing told is not that they do."""
    silent = run(alarms=Alarms({"silent": Alarm(NOW, NOW - HOUR, "events")}, episode=1), moved=NOW - HOUR)

    news = decide(silent, SETTINGS, NOW + 30)
    assert news
    assert rule_of(news) == "recovered silent"
    goes_on = replace(silent, alarms=news.alarms, last_event=NOW + 29 * MINUTE)
    assert decide(goes_on, SETTINGS, NOW + 29 * MINUTE) is None
    assert rule_of(decide(goes_on, SETTINGS, NOW + 31 * MINUTE)) == "stalled silent progress"


def test_what_comes_and_goes_is_silent_again_after_a_longer_time_alone() -> None:
    """Half as long again as the longest silence of the run, with a rhythm or without."""
    silent = run(alarms=Alarms({"silent": Alarm(NOW - HOUR, NOW - HOUR, "events")}, episode=1))
    news = decide(silent, SETTINGS, NOW)
    assert news
    again = run(alarms=news.alarms, gaps=RHYTHM)

    assert rule_of(news) == "recovered silent"
    assert decide(again, SETTINGS, NOW + 90 * MINUTE - 1) is None
    assert rule_of(decide(again, SETTINGS, NOW + 90 * MINUTE)) == "stalled silent"
    assert next_look(again, SETTINGS, NOW + 89 * MINUTE) == NOW + 90 * MINUTE
    assert rule_of(decide(replace(again, gaps=()), SETTINGS, NOW + 90 * MINUTE)) == "stalled silent"


def test_the_event_is_about_all_that_is_known() -> None:
    history = [events.started(createdBy="j.mueller@example.com"), events.progress(68)]
    of = run(subject=history[0].subject, last_event=NOW - 900, gaps=RHYTHM, percentage=68.0, retry=0, started=NOW - 960)
    news = decide(of, SETTINGS, NOW)
    assert news

    event = event_of(news, of, history, NOW)

    assert event.operation
    assert (event.name, event.status, event.source) == ("operation.stalled", "Stalled", "relay")
    assert (event.subject, event.percentage, event.retry) == (history[0].subject, 68, 0)
    assert event.operation.document["createdBy"] == "j.mueller@example.com"
    assert event.document["stalled"] == {
        "rule": "silent", "by": "events", "since": "2024-01-20T11:05:00+00:00", "seconds": 900,
        "began": "2024-01-20T11:04:00+00:00", "running": 960,
        "percentage": 68.0, "phase": "", "lastEvent": "2024-01-20T11:05:00+00:00", "rhythm": 60, "firstEstimate": "",
        "estimateMoved": 0, "deadline": "", "reminder": 0, "last": False, "episode": 1,
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


def test_a_late_run_stays_late_whatever_becomes_usual_but_not_if_its_limit_is_put_off() -> None:
    late = run(late_after=HOUR, gaps=RHYTHM, started=NOW - HOUR)
    first = decide(late, SETTINGS, NOW)
    assert first
    later = replace(late, alarms=first.alarms, last_event=NOW + 120, moved=NOW + 120)

    assert decide(replace(later, late_after=2 * HOUR), SETTINGS, NOW + 120) is None
    assert decide(replace(later, late_after=None), SETTINGS, NOW + 120) is None
    assert rule_of(decide(later, Watchdog(late=None), NOW + 120)) == "recovered late history"
    limited = run(alarms=Alarms({"late": Alarm(NOW, NOW, "limit")}, episode=1), deadline=NOW)
    assert decide(limited, SETTINGS, NOW + 120) is None
    assert rule_of(decide(replace(limited, deadline=NOW + HOUR), SETTINGS, NOW + 120)) == "recovered late limit"


STORED = (  # as the release before wrote them, after an hour, with what the run was then
    ("deadline", {"deadline": NOW - HOUR}, "late", "limit"),
    ("overdue", {"estimate": NOW - 2 * HOUR, "planned": HOUR}, "late", "estimate"),
    ("slow", {"started": NOW - HOUR, "late_after": 2 * HOUR}, "late", "history"),
    ("silent", {"last_event": NOW - HOUR}, "silent", "events"),
    ("flat", {"moved": NOW - HOUR, "percentage": 40.0}, "silent", "progress"),
)


@pytest.mark.parametrize(("rule", "stated", "now", "by"), STORED)
def test_an_open_alarm_of_the_release_before_goes_on_as_what_it_is_now(
    rule: str, stated: dict[str, Any], now: str, by: str
) -> None:
    opened = {rule: {"at": NOW - 60, "since": NOW - HOUR, "reminders": 0, "last": False}}
    ended = {"silent": {"times": 1, "longest": 90.0}} | {rule: {"times": 2, "longest": 60.0}}
    text = json.dumps({"open": opened, "episode": 1, "ended": ended, "resumed": 0.0})
    alarms = Alarms.load(text)
    of = run(**{"alarms": alarms, "alarms_text": text, "percentage": None} | stated)

    assert (alarms.shown, alarms.open[now].by, alarms.open[now].since) == (now, by, NOW - HOUR)
    assert decide(of, SETTINGS, NOW) is None  # neither lost nor raised again
    reminder = decide(of, SETTINGS, NOW + HOUR)
    assert reminder
    assert (rule_of(reminder), reminder.parts["stalled"]["reminder"]) == (
        f"stalled {now} {by}".removesuffix(" events"),
        1,
    )
    assert event_of(reminder, of, [events.started()], NOW + HOUR).watch["was"] == text  # what the store has


def test_two_alarms_of_the_release_before_that_are_one_now_are_the_newer() -> None:
    rules = {"overdue": {"at": NOW - 9, "since": 1}, "slow": {"at": NOW, "since": 2}, "stuck": {"at": 3, "since": 3}}
    text = json.dumps({"open": rules})

    assert Alarms.load(text).open == {"late": Alarm(NOW, 2, "history")}
