"""Times of the store as facts give them."""

from datetime import UTC, datetime


def moment(seconds: float | None) -> datetime | None:
    """Seconds since the epoch, in UTC; None for none, and for what no calendar has."""
    if not seconds:
        return None
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        return None
