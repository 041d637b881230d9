"""Targets as the rules would make them."""

from dataclasses import fields, replace
from typing import Any

from relay.domain.deliveries import Digest, Each, Limit, Limits, Live, Target

EDITS = (Limit("edit", 1.5, 10),)


def team(**changes: Any) -> Target:
    """A Slack conversation with a live message."""
    limits = Limits((Limit("post:#team", 1.0),), EDITS)
    return changed(Target("team", "slack", "#team", limits=limits, how=Live()), **changes)


def room(**changes: Any) -> Target:
    """A Slack conversation that gets one message per event."""
    return changed(Target("room", "slack", "#room", limits=Limits(edit=EDITS), how=Each()), **changes)


def mail(address: str = "analyst@example.com", **changes: Any) -> Target:
    return changed(Target("analysts", "email", address), **changes)


def changed(target: Target, **changes: Any) -> Target:
    """The target with other fields, be they its own, of `how`, or of its limits (`new_limits`, `edit_limits`)."""
    own = {name: changes.pop(name) for name in [field.name for field in fields(target)] if name in changes}
    target = replace(target, **own)
    limits = {field: changes.pop(name) for name, field in _LIMITS.items() if name in changes}
    return replace(target, limits=replace(target.limits, **limits), how=replace(target.how, **changes))


def mode_of(target: Target) -> str:
    return {Each: "each", Live: "live", Digest: "digest"}[type(target.how)]


_LIMITS = {"new_limits": "new", "edit_limits": "edit", "new_message_cap": "new_message_cap"}
