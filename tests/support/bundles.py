"""Targets whose messages are bundled."""

from typing import Any

from relay.domain.deliveries import Digest, Target, Window
from tests.support.clock import Clock
from tests.support.targets import changed, mail

DAY = 86_400.0


def digest(now: float, **changes: Any) -> Target:
    """An address whose windows are of a day each and end at full days of the test's clock."""
    start = now // DAY * DAY
    windows = (Window(start, start + DAY), Window(start + DAY, start + 2 * DAY))
    return changed(mail(destination="daily", how=Digest(windows=windows)), **changes)


def night(now: float, target: Target, hours: float = 8) -> Target:
    return changed(target, quiet_window=Window(now - 60, now + hours * 3600))


def next_day(clock: Clock, days: int = 1) -> None:
    clock.now = clock.now // DAY * DAY + days * DAY
