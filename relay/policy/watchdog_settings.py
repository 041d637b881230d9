"""Settings of the watchdog, and the times at which runs of a job are expected to begin."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, ClassVar
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError
from pydantic import AfterValidator, BeforeValidator, Field

from relay.configfile.units import duration
from relay.configfile.validation import Duration, DurationText, Off, Section, Texts, is_off, off_as_none
from relay.policy.schedules import Timezone

EARLY = 86_400.0  # seconds by which a run may begin before its time, at most
FIELDS = 5  # of a cron expression: minute, hour, day, month, weekday


NICKNAMES = {"@hourly": "0 * * * *", "@daily": "0 0 * * *", "@weekly": "0 0 * * sun", "@monthly": "0 0 1 * *"}


def _cron(text: str) -> str:
    if text in NICKNAMES:
        raise ValueError(f'expected five fields; {text} is "{NICKNAMES[text]}"')
    try:
        if len(text.split()) == FIELDS:
            next(CronSim(text, datetime(2024, 1, 1, tzinfo=UTC)))
            return text
    except (CronSimError, StopIteration):
        pass
    raise ValueError(
        'expected a cron expression that some time fits: minute, hour, day, month and weekday, as in "0 2 * * mon-fri"'
    )


class Expectation(Section):
    """A job and the times at which its runs begin."""

    retired: ClassVar[Mapping[str, str]] = dict.fromkeys(("by", "days"), 'removed; use cron, as in "30 7 * * mon-fri"')

    job: Annotated[str, Field(min_length=1, max_length=200)]  # its runs' name; * stands for anything
    cron: Annotated[str, Field(max_length=100), AfterValidator(_cron)]
    grace: Duration | None = None  # watchdog.missing, where it is not written
    timezone: Timezone | None = None  # that of the configuration
    notify: Texts = ()  # instead of whom the rules name

    def next(self, now: float, zone: str) -> datetime:
        return next(CronSim(self.cron, datetime.fromtimestamp(now, ZoneInfo(self.timezone or zone))))

    def latest(self, now: float, zone: str) -> tuple[float, float]:
        """Return the last time up to now, and the moment after which a start counts for it.

        That is half of the time since the one before, at most a day: a run that was late is not the next one. A time
        that the clocks skip is the next minute that there is; one that comes twice counts once unless every hour does.
        """
        minute = datetime.fromtimestamp(now // 60 * 60 + 60, ZoneInfo(self.timezone or zone))
        times = CronSim(self.cron, minute, reverse=True)
        last, before = next(times).timestamp(), next(times).timestamp()
        return last, last - min((last - before) / 2, EARLY)


def _patience(raw: object) -> object:
    if off_as_none(raw) is None:
        return None
    seconds = duration(raw)
    if not seconds:
        raise ValueError("expected more than 0; write off to go without this rule")
    return seconds


def _reminders(raw: object) -> object:
    """`off` is no reminder, and a lone one a list of one."""
    if off_as_none(raw) is None:
        return ()
    return [raw] if isinstance(raw, str | int | float) else raw


def _off_or_keys(raw: object) -> object:
    """`off` is none; no other word means anything."""
    if isinstance(raw, str) and not is_off(raw):
        raise ValueError("expected off, or keys and values, such as {silent: 5m, late: 1h, missing: 10m}")
    return off_as_none(raw)


Patience = Annotated[float | None, BeforeValidator(_patience, json_schema_input_type=DurationText | Off | None)]
Times = Annotated[
    tuple[Duration, ...],
    BeforeValidator(_reminders, json_schema_input_type=list[Duration] | DurationText | Off | None),
    Field(max_length=10),
]


class Watchdog(Section):
    """Alarms of silent, late and missing runs, with their delays in seconds."""

    retired: ClassVar[Mapping[str, str]] = {
        "level": "removed; write silent, late and missing: strict was {silent: 5m, late: 1h, missing: 10m}",
        "flat": "removed; use silent, which holds as well where a percentage does not move for twice as long",
        "overdue_pct": "removed; a run is late a fifth beyond its estimate, and late is for runs without one",
        "deadline_grace": "removed; a run is late two minutes after timeoutAt, and late is for runs without one",
        "slow_pct": "removed; a run is late half as much beyond its job's usual runs, and late is for jobs without any",
        "quick_pct": "removed without another; a message says where a run took less than half of the usual time",
    }

    silent: Patience = 900.0  # no event of a run that has a rhythm; twice as long, no move of one with a percentage
    late: Patience = 14_400.0  # after its start, where neither limit nor estimate nor the job's history says more
    missing: Patience = 1800.0  # after a run should have begun that `expect` names
    expect: tuple[Expectation, ...] = ()
    remind: Times = (1800.0, 7200.0, 43_200.0)
    startup_grace: Duration = 600.0  # after relay itself was away


WatchdogOrOff = Annotated[Watchdog | None, BeforeValidator(_off_or_keys, json_schema_input_type=Watchdog | Off | None)]
