"""The plan of a target for accept, and what is queued with each of its deliveries."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from pydantic_core import to_json as to_bytes

from relay.domain.deliveries import DeliveryOptions, Digest, Each, Limit, Limits, Live, RequestLimit, Target, Window
from relay.domain.events import Event
from relay.domain.silences import Silenced
from relay.store.keys import home, lane
from relay.store.records import to_json

ESSENTIAL = 2  # passes quiet hours, and reaches readers who have unsubscribed (scripts/include/suppressions.lua)
MOST_KEPT = 16_384  # addresses; about 700 bytes each
_KEPT: dict[tuple[int, int], tuple[Limits, DeliveryOptions | None, str]] = {}


def target_plans(
    event: Event, targets: Sequence[Target], unique: str, away: Callable[[str], str]
) -> tuple[list[str], list[bytes]]:
    """The targets' lanes, and their plans as JSON.

    `unique` is the event's name; `away` says in which other partition a lane lives, '' for this one.
    """
    lanes, texts = [], []
    for target in targets:
        fields = _event_fields(event, target, unique, home_of(target))
        lanes.append(name := fields["lane"])
        if elsewhere := away(name):
            fields["away"] = elsewhere
        texts.append(to_bytes(fields | _standing_fields(target)))
    return lanes, texts


def _event_fields(event: Event, target: Target, unique: str, where: str) -> dict[str, str]:
    """Return the fields of one event: the delivery's id is made of the parts that differ between events, and lanes."""
    subject, batch = event.subject, event.member_of
    name = lane(where, subject, target.destination, target.address, event.space(subject))
    fields = {"id": f"{where}{unique[-15:]}{name[-15:]}", "lane": name}
    if batch:
        fields["batch_lane"] = lane(where, batch, target.destination, target.address, event.space(batch))
    return fields


def _standing_fields(target: Target) -> dict[str, Any]:
    """Return the fields that are the same in all events for this target."""
    presentation = target.presentation
    return {
        **if_any(
            held=target.hold_reason,
            loud=presentation.broadcast,
            once=presentation.once_in_batch,
            hold=round(target.hold * 1000),
            group=round(target.group * 1000),
            failure_shown=target.failure_shown,
            silence=target.silence and silence_plan(target.silence),
        ),
        "destination": target.destination,
        "channel": target.channel,
        "address": target.address,
        "root": presentation.new_message,
        "reply": presentation.thread_reply,
        "batch_reply": presentation.batch_reply,
        "limits": limits_of(target),
        **_how(target.how),
    }


def home_of(target: Target) -> str:
    """The home of what is sent to this target."""
    requested = target.limits.requested  # what is counted together lives together
    return home(target.channel, "" if target.limits.together else requested.reader if requested else target.address)


def _how(how: Each | Live | Digest) -> dict[str, Any]:
    plan = {"live": isinstance(how, Live), "gates": (), "post_after": 0.0, "min_interval": 0.0}
    if isinstance(how, Digest):
        return plan | if_any(windows=[_ms(window) for window in how.windows], zone=how.zone if how.windows else "")
    plan["gates"] = [[gate.increment, gate.interval * 1000] for gate in how.gates]
    plan |= if_any(quiet=how.quiet_window and _ms(how.quiet_window), passes=how.bypass_quiet_hours)
    if isinstance(how, Each) and how.essential:
        plan["passes"] = ESSENTIAL
    if isinstance(how, Live):
        plan |= {"post_after": how.post_after * 1000, "min_interval": how.min_interval * 1000}
        plan |= if_any(beside=how.update_only)
    return plan


def if_any(**optional: object) -> dict[str, object]:
    """Return the values that are not empty: scripts take the others as absent."""
    return {key: value for key, value in optional.items() if value}


def _ms(window: Window) -> list[int]:
    return [round(window.start * 1000), round(window.end * 1000)]


def silence_plan(silence: Silenced) -> list[str | int]:
    """Return a silence as include/withholding.lua takes it."""
    return [silence.id, round(silence.start * 1000), round(silence.end * 1000), int(silence.in_summary)]


def quiet_hours(windows: Mapping[str, Window]) -> str:
    """The quiet hours at hand by destination, as claim takes them."""
    return to_json({name: _ms(window) for name, window in windows.items()})


def limits_of(target: Target) -> str:
    """The limits of an address and the options of its destination, as deliveries carry them.

    Both are the same objects for all events of a configuration (relay/policy/reachability.py), so what they make is
    kept by their identity: 0.2 µs a target instead of 12. They are kept with it, so no others can have their ids.
    """
    key = id(target.limits), id(target.options)
    if key not in _KEPT:
        if len(_KEPT) >= MOST_KEPT:
            _KEPT.clear()
        _KEPT[key] = target.limits, target.options, _limits_of(target)
    return _KEPT[key][2]


def _limits_of(target: Target) -> str:
    limits = target.limits
    cap = {"cap": [limits.new_message_cap[0], limits.new_message_cap[1] * 1000]} if limits.new_message_cap else {}
    more = if_any(own=limits.own_host, requested=limits.requested and _requested(target.channel, limits.requested))
    return to_json(
        {"new": _limits(limits.new), "edit": _limits(limits.edit), **cap, **more, **_delivery_options(target)}
    )


def _requested(channel: str, limit: RequestLimit) -> list[str | float]:
    return [f"{channel} {limit.reader}", limit.count, limit.per * 1000]


def _delivery_options(target: Target) -> dict[str, Any]:
    return {"options": if_any(**asdict(target.options))} if target.options else {}


def delivery_options_of(limits: bytes) -> DeliveryOptions | None:
    """Read the options that `limits_of` wrote; None where an older relay made the delivery."""
    options = json.loads(limits).get("options")
    if options is None:
        return None
    mention = {moment: tuple(names) for moment, names in options.get("mention", {}).items()}
    return DeliveryOptions(options.get("language", ""), options.get("timezone", ""), mention, options.get("retry", {}),
                           options.get("alert_after", 0))  # fmt: skip


def _limits(limits: Sequence[Limit]) -> list[list[Any]]:
    return [[limit.name, limit.period * 1000, limit.burst, limit.reserve] for limit in limits]
