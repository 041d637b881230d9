"""Buttons that people press. One does its thing once: for the run, or where it mutes, for the run and the address."""

from relay.engine.arrival import Arrival, Recipient
from relay.engine.order import next_seq
from relay.engine.records import Operation
from relay.engine.state import Draft


def rejected(o: Operation, a: Arrival) -> str:
    """Return why a press does nothing, '' if it does. The button of an earlier run must not reach the present one."""
    if not a.action.get("press"):
        return ""
    if a.action["run"] < (o.run or 0):
        return "late"
    presses, name = _presses(o, a)
    return "duplicate" if name in presses else ""


def record(d: Draft, o: Operation, a: Arrival) -> int:
    """Record a press, or what came of one; return its number. If nothing came of it, it may be pressed again.

    Who pressed is remembered for the run's end, also where it may have been done although it seems refused.
    """
    action = a.action
    presses, name = _presses(o, a)
    if action.get("press"):
        presses[name] = d.now
        if action.get("pressed"):
            o.facts["pressed"] = action["pressed"]
    elif not action.get("ok"):
        presses.pop(name, None)
        if action["name"] == "cancel" and not action.get("unknown"):
            o.facts.pop("pressed", None)
    o.subject = o.subject or a.event.subject
    return next_seq(o)


def is_muted(o: Operation, r: Recipient) -> bool:
    return r.live and r.lane in o.muted


def _presses(o: Operation, a: Arrival) -> tuple[dict[str, int], str]:
    """Return where a press is remembered, and under which name."""
    if a.action["name"] == "mute":
        return o.muted, a.recipients[0].lane
    return o.presses, f"{a.action['name']}:{a.action['run']}"
