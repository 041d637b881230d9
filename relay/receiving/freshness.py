"""How old an event may be when it comes, by the time that it states itself. Pure.

A signature over the body alone never ages: who has a captured request may send it again. relay recognises that for as
long as it remembers the operation, which is at least as long as this.
"""

from datetime import timedelta

from relay.configfile.units import spoken
from relay.domain.events import Event
from relay.domain.fields import is_stated
from relay.errors import OutOfTime

AHEAD = timedelta(days=1)  # wrong clocks and time zones; more would make a captured request last, and all after it late


def check_age(event: Event, oldest: timedelta) -> None:
    """Raises OutOfTime. An event without a time passes, and so does one that writes the first or last year for none."""
    age = event.received_at - event.occurred_at
    if age > oldest or age < -AHEAD:
        _refuse(event, oldest, age)


def _refuse(event: Event, oldest: timedelta, age: timedelta) -> None:
    if not is_stated(event.occurred_at):
        return
    most = f"{spoken(oldest.total_seconds())} before" if age > oldest else f"{spoken(AHEAD.total_seconds())} after"
    times = f"it says {event.occurred_at.isoformat()} and came at {event.received_at.isoformat()}"
    raise OutOfTime("timestamp", f"expected at most {most} its receipt (sources.{event.source}.max_age); {times}")
