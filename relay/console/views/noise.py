"""Noise: what each destination and rule lets through and holds back, and of which of them people hear too much."""

import asyncio
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Literal

from relay.console.desk import Desk
from relay.console.sentences import why
from relay.console.view import Facts, Question
from relay.store.noise import Figures, NoiseDay, NoiseFigures

SUMS = ("matched", "queued", "messages", "edits")
MOST = 200  # destinations, and rules, that are listed


class NoiseQuestion(Question):
    """Today alone (UTC), or the last 7 or 30 days with it."""

    days: Literal["1", "7", "30"] = "7"


class HeldFacts(Facts):
    """How often an address did not hear of an event for this reason; `why` is that as a sentence."""

    reason: str
    why: str
    count: int


class NoiseFacts(Facts):
    """Of one destination or rule.

    matched   events that were for it
    queued    addresses that were to hear of one; some of these are held later, and count there as well
    messages  new messages that arrived, and `edits` of such; of rules both are 0
    held      how often an address did not hear of one, the most frequent reason first; `withheld` is their sum
    """

    name: str
    matched: int
    queued: int
    messages: int
    edits: int
    held: list[HeldFacts]
    withheld: int

    @property
    def loudness(self) -> int:
        """How long its bar is: all that there is about it."""
        return self.withheld + (self.messages + self.edits or self.queued)


class DayFacts(Facts):
    """All destinations together, on one day (UTC)."""

    day: date
    messages: int
    edits: int
    withheld: int

    @property
    def loudness(self) -> int:
        """How high its bar is."""
        return self.messages + self.edits + self.withheld


class NoiseListFacts(Facts):
    """The loudest first. `days`: oldest first, also those on which nothing was counted.

    unheard   events that no rule matched: nobody is told of these
    repeated  by source, events that were dropped because they were known
    more      destinations and rules that are not listed
    """

    days: list[DayFacts]
    destinations: list[NoiseFacts]
    rules: list[NoiseFacts]
    unheard: int
    repeated: dict[str, int]
    more: int


async def noise(desk: Desk, question: NoiseQuestion) -> NoiseListFacts:
    now, number = desk.clock(), int(question.days)
    counted = await NoiseFigures(desk.store, partial=True).days(now, number)
    destinations = await _rows(day.destinations for day in counted)
    destinations.sort(key=lambda row: (-row.messages - row.edits, row.name))
    rules = sorted(await _rows(day.rules for day in counted), key=lambda row: (-row.queued, row.name))
    repeated = Counter[str]()
    for day in counted:
        repeated.update(day.repeated)
    return NoiseListFacts(
        days=_days(counted, datetime.fromtimestamp(now, UTC).date(), number),
        destinations=destinations[:MOST],
        rules=rules[:MOST],
        unheard=sum(day.unheard for day in counted),
        repeated={name: count for name, count in sorted(repeated.items()) if count},
        more=len(destinations[MOST:]) + len(rules[MOST:]),
    )


async def _rows(days: Iterable[Mapping[str, Figures]]) -> list[NoiseFacts]:
    """Each name once, with the sums of all days."""
    sums: dict[str, list[int]] = {}
    held: dict[str, dict[str, int]] = {}
    for figures in days:
        for name, day in figures.items():
            numbers, reasons = sums.get(name), held.get(name)
            if numbers is None or reasons is None:
                numbers, reasons = sums[name], held[name] = [0] * len(SUMS), {}
            numbers[0] += day.matched
            numbers[1] += day.queued
            numbers[2] += day.messages
            numbers[3] += day.edits
            for reason, count in day.held.items():
                reasons[reason] = reasons.get(reason, 0) + count
        await asyncio.sleep(0)  # events come meanwhile
    return [_row(name, numbers, held[name]) for name, numbers in sums.items()]


def _row(name: str, numbers: Sequence[int], held: Mapping[str, int]) -> NoiseFacts:
    reasons = [
        HeldFacts(reason=reason, why=why(reason, "held", "…"), count=count)
        for reason, count in sorted(held.items(), key=lambda item: -item[1])
        if count
    ]
    withheld = sum(row.count for row in reasons)
    return NoiseFacts(name=name, **dict(zip(SUMS, numbers, strict=True)), held=reasons, withheld=withheld)


def _days(counted: Iterable[NoiseDay], today: date, number: int) -> list[DayFacts]:
    by_day = {day.day: day.destinations.values() for day in counted}
    days = [today - timedelta(days=back) for back in reversed(range(number))]
    return [
        DayFacts(
            day=day,
            messages=sum(figures.messages for figures in by_day.get(day, ())),
            edits=sum(figures.edits for figures in by_day.get(day, ())),
            withheld=sum(sum(figures.held.values()) for figures in by_day.get(day, ())),
        )
        for day in days
    ]
