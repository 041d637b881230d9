"""Digests: windows of a destination whose runs one message shows, and what the next one compares itself with."""

from collections.abc import Mapping
from typing import Any

from pydantic_core import to_json

from relay.domain.deliveries import Digest, Target
from relay.engine.arrival import Arrival, Recipient, milliseconds
from relay.engine.bundles import add_row, is_closed, move_rows, open_bundle
from relay.engine.entries import ScheduleDigest, SendDigest, Settings
from relay.engine.ledger import note
from relay.engine.names import bundle, home_of, of_address
from relay.engine.records import Baseline, Bundle, Delivery, Operation, rows
from relay.engine.state import Draft


def add(d: Draft, o: Operation, a: Arrival, r: Recipient) -> None:
    """Put the run into the window at hand, or into the next one if that was closed."""
    how, place = r.target.how, (r.destination, r.address)
    start, end = d.now, d.now  # for clocks that are further apart than windows: sent at once, never lost
    for window in how.windows if isinstance(how, Digest) else ():
        if not is_closed(d, bundle(r.lane, "digest", place, *milliseconds(window))):
            start, end = milliseconds(window)
            break
    name = bundle(r.lane, "digest", place, start, end)
    is_new = add_row(d, name, o.name)
    open_bundle(d, name, "digest", r, start, end)
    opened = d.edit(Bundle, name)
    opened.zone = zone_of(r.target.how)
    if not is_new and (a.progress or a.phase_end):
        opened.held += 1
    d.count("accepted")
    d.count("digested")
    note(d, o.name, "digested", r.destination, r.address)


def zone_of(how: object) -> str:
    return how.zone if isinstance(how, Digest) else "UTC"


def schedule(d: Draft, entry: ScheduleDigest, _settings: Settings) -> bool:
    """Send this window's digest also if nothing comes in. False: it was scheduled, closed or sent ahead before."""
    target, (start, end) = entry.target, milliseconds(entry.window)
    name = bundle(home_of(target), "digest", (target.destination, target.address), start, end)
    known = d.get(Bundle, name)
    if known and (known.closed or known.send_empty or known.start != start):
        return False
    open_bundle(d, name, "digest", _place(target), start, end)
    opened = d.edit(Bundle, name)
    opened.send_empty, opened.zone = True, zone_of(target.how)
    return True


def send_now(d: Draft, entry: SendDigest, _settings: Settings) -> bool:
    """Send what the window holds so far; the rest is sent at its end, if anything comes. False: it holds nothing."""
    target = entry.target
    place = target.destination, target.address
    name = bundle(home_of(target), "digest", place, *milliseconds(entry.window))
    known, held = d.get(Bundle, name), d.table(rows(name))
    if known is None or known.closed or not held:
        return False
    ahead = bundle(home_of(target), "digest", place, known.start, d.now)
    move_rows(d, name, ahead)
    d.clear(rows(name))
    open_bundle(d, ahead, "digest", _place(target), known.start, d.now)
    opened = d.edit(Bundle, ahead)
    opened.zone, opened.held = known.zone, known.held
    rest = d.edit(Bundle, name)
    rest.start, rest.held, rest.send_empty = d.now, 0, False
    return True


def keep_baseline(d: Draft, x: Delivery, baseline: Mapping[str, Any]) -> None:
    """Keep what the next digest compares itself with. One that is settled late does not replace a newer one."""
    past = d.edit(Baseline, of_address(x.destination, x.address))
    if past.end < baseline["to"]:
        last = baseline["last"]
        past.end, past.last = baseline["to"], last if isinstance(last, str) else to_json(last).decode()
    for day, (completed, failed) in baseline["days"].items():
        known = past.days.get(day, (0, 0))
        past.days[day] = known[0] + completed, known[1] + failed
    past.days = {day: counts for day, counts in past.days.items() if day >= baseline["oldest"]}


def _place(target: Target) -> Recipient:
    return Recipient(target, home_of(target), "")
