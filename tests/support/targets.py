"""Targets as the rules would make them."""

from typing import Any

from relay.domain.deliveries import Limit, Target


def team(**changes: Any) -> Target:
    """A Slack conversation with a live message."""
    settings: dict[str, Any] = {
        "destination": "team",
        "channel": "slack",
        "address": "#team",
        "mode": "live",
        "new_limits": (Limit("post:#team", 1.0),),
        "edit_limits": (Limit("edit", 1.5, 10),),
    }
    return Target(**(settings | changes))


def room(**changes: Any) -> Target:
    """A Slack conversation that gets one message per event."""
    return team(**({"destination": "room", "address": "#room", "mode": "each", "new_limits": ()} | changes))


def mail(address: str = "analyst@example.com", **changes: Any) -> Target:
    return Target(**({"destination": "analysts", "channel": "email", "address": address} | changes))
