"""Buttons under live messages, their signed tokens, and the events of presses and outcomes. Pure."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from relay.config import Config
from relay.domain.deliveries import Delivery, Each, Limits, Live, Target
from relay.domain.events import ACTION_DONE, ACTION_REQUESTED, Event
from relay.domain.facts import PRESSED, Space
from relay.domain.jobs import missing_job
from relay.domain.links import Person
from relay.domain.parsing import parse
from relay.domain.tokens import MAX_TOKEN, Signing
from relay.interactivity import executor as platform
from relay.platform.lookups import configured, is_within
from relay.policy.presentation import OWNER

CHANNEL = "slack"  # whose live messages have the buttons
PATH = "/slack/interactions"  # where Slack reports what is pressed
PURPOSE = "slack-button"
VALID_FOR = 28 * 86_400.0  # seconds that a button works: less than a run is remembered, so that a press acts once
MUTE, TAKE = "mute", "take"
OWN = (MUTE, TAKE)  # acts of relay itself, for runs of any platform
ACTIONS = (*platform.ACTIONS, *OWN)

ASKED = ""  # no id: the key of the mark of the platform that this button asks, since another may have the same ids

_UNDER_WAY, _FAILED = ("cancel", MUTE), (TAKE, "retry")
OF_STATUS: Mapping[str, Sequence[str]] = {
    "Initiated": _UNDER_WAY, "Running": _UNDER_WAY, "Stalled": (TAKE, *_UNDER_WAY), "Failed": _FAILED,
    "Timeout": _FAILED,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Button:
    """Button with its action, its operation, and the place of its message."""

    action: str
    operation: str  # the run's own id
    subject: str  # the id that its message goes by
    run: int
    destination: str
    address: str
    until: float
    spaces: str = ""  # of its ids (Event.spaces, JSON), if another tenant had them first; under ASKED, the mark
    owned: str = ""  # mark of the owners of its job, where they may press

    def token(self, signing: Signing) -> str:
        facts = (self.action, self.operation, self.subject, str(self.run), self.destination, self.address)
        more = (self.spaces, self.owned) if self.owned else filter(None, [self.spaces])
        return signing.issue(PURPOSE, *facts, f"{self.until:.0f}", *more)

    @classmethod
    def of(cls, facts: Sequence[str]) -> "Button":
        """Read the facts of a token."""
        action, operation, subject, run, destination, address, until, *more = facts
        return cls(action, operation, subject, int(run), destination, address, float(until), *more)


def interactive_settings(config: Config) -> Any:
    """Return the settings of the channel with `interactivity` and `actions`; None where there are no buttons."""
    settings = config.channels.get(CHANNEL)
    return settings if getattr(settings, "interactivity", "off") != "off" else None


def press_transport(config: Config) -> str:
    """Return the transport of presses, http or socket; '' where there are no buttons."""
    settings = interactive_settings(config)
    return str(settings.interactivity) if settings and enabled_actions(config) else ""


def enabled_actions(config: Config) -> dict[str, tuple[str, ...]]:
    """Return the actions with buttons, and who may press them; none where interactivity is off."""
    settings = interactive_settings(config)
    if settings is None:
        return {}
    actions = ACTIONS if configured(config.platform) else OWN
    return {action: names for action in actions if (names := getattr(settings.actions, action))}


def pressers(config: Config) -> dict[str, None]:
    """Return all who may press a button."""
    names = dict.fromkeys(name for allowed in enabled_actions(config).values() for name in allowed)
    return {its: None for name in names for its in (config.owner_table.names if name == OWNER else [name])}


def may_press(button: Button, config: Config) -> tuple[str, ...]:
    """Return who may press it now. Owners are the configuration's alone: an event permits nothing."""
    names = enabled_actions(config).get(button.action, ())
    owners = config.owner_table.by_mark.get(button.owned)
    return tuple(its for name in names for its in ((owners.names if owners else ()) if name == OWNER else [name]))


def buttons_for(delivery: Delivery, config: Config, signing: Signing) -> Iterator[dict[str, str]]:
    """Return the buttons below a live message; runs of other platforms or projects can only be taken and muted."""
    event = delivery.event
    if (delivery.channel, delivery.kind) != (CHANNEL, "live") or event.about_batch or not event.own_id:
        return
    if missing_job(event):  # a run that has not begun
        return
    until = delivery.created_at.timestamp() + VALID_FOR
    spaces = {id_: event.space(id_) for id_ in (event.own_id, event.subject) if event.space(id_)}
    ours = is_within(Space.of_event(event), config.platform_space)
    owners, allowed = config.owners_of(event), enabled_actions(config)
    for action in OF_STATUS.get(event.status, ()):
        if action not in allowed or not (ours or action in OWN):
            continue
        owned = owners.mark if owners and OWNER in allowed[action] else ""
        address = delivery.destination, delivery.address
        named = spaces if action in OWN else spaces | {ASKED: config.platform_mark}
        text = json.dumps(named, ensure_ascii=False) if named else ""
        token = Button(action, event.own_id, event.subject, event.retry, *address, until, text, owned).token(signing)
        if len(token) <= MAX_TOKEN:  # no sender has such ids, but one may
            yield {"action": action, "value": token}


def action_requested(button: Button, handle: str, person: Person, now: datetime, once: str) -> Event:
    """Make the event of a press. relay's own acts are done with it. `once` identifies the press."""
    spaces = json.loads(button.spaces) if button.spaces else {}
    mark = spaces.pop(ASKED, "")
    action = {
        "name": button.action,
        "operationId": button.operation,
        "subject": button.subject,
        "run": button.run,
        "destination": button.destination,
        "address": button.address,
        "user": person.id,
        "userName": handle,
        "realName": person.name,
        "press": once,
        **({"asked": mark} if mark else {}),
        **({"spaces": spaces} if spaces else {}),
    }
    if button.action in OWN:
        return _event(ACTION_DONE, action | {"ok": True}, now, press=True)
    return _event(ACTION_REQUESTED, action, now, press=True, **_pressed_by(action))


def _pressed_by(action: Mapping[str, Any]) -> dict[str, str]:
    """Return the person to name when the run ends: the platform itself knows the token's user alone."""
    if action["name"] != "cancel":
        return {}
    person = {key: action[key] for key in ("user", "userName", "realName")}
    return {PRESSED: json.dumps(person | {"reason": platform.reason(action)}, ensure_ascii=False)}


def action_completed(action: Mapping[str, Any], outcome: Mapping[str, Any], now: datetime) -> Event:
    """Make the event of a press's outcome."""
    return _event(
        ACTION_DONE, {**action, **outcome}, now, ok=bool(outcome.get("ok")), unknown=bool(outcome.get("unknown"))
    )


def action_targets(event: Event, config: Config, channels: Mapping[str, Any]) -> tuple[Target, ...]:
    """Return the target of a press (the platform) or of its outcome (the message's thread), past quiet hours."""
    action = event.document["action"]
    if event.name == ACTION_REQUESTED:
        return (Target(platform.CHANNEL, platform.CHANNEL, action["name"], how=Each(bypass_quiet_hours=True)),)
    address = action["address"]
    limits = replace(Limits.of(*channels[CHANNEL].limits(address, config.channels.get(CHANNEL))), edit=())
    how = Live(bypass_quiet_hours=True)
    return (Target(action["destination"], CHANNEL, address, limits=limits, how=how),)


def _event(name: str, action: Mapping[str, Any], now: datetime, **marks: bool | str) -> Event:
    operation: dict[str, Any] = {"operationId": action["operationId"], "retryNumber": action["run"]}
    if action["subject"] != action["operationId"]:
        operation["originalOperationId"] = action["subject"]
    body = {"event": name, "timestamp": now.isoformat(), "operation": operation, "action": dict(action)}
    id_ = f"{name} {action['name']} {action['subject']} {action['run']} {action['press']}"
    event = parse(body, source=CHANNEL, received_at=now, delivery_id=id_)
    done = {"name": action["name"], "run": action["run"], **marks}
    return replace(event, action=done, spaces=action.get("spaces", {}))
