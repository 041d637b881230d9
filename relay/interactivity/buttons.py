"""The buttons under a run's live message: which there are, what each does and where, and what comes of a press. Pure.

A button's token says all of it, sealed by relay's own key: what comes back from Slack is not believed otherwise. A
press is an event with the one target that does it, and so is what came of it.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Protocol, runtime_checkable

from pydantic import SecretStr

from relay.config import Config
from relay.domain import tokens
from relay.domain.button_actions import Person
from relay.domain.deliveries import Delivery, Each, Limits, Live, Target
from relay.domain.events import ACTION_DONE, ACTION_REQUESTED, Event
from relay.domain.facts import PRESSED
from relay.domain.jobs import missing_job
from relay.domain.parsing import parse
from relay.domain.spaces import Space
from relay.interactivity import executor as platform
from relay.platform.lookups import configured, is_within

CHANNEL = "slack"  # under whose live messages the buttons stand
PURPOSE = "slack-button"
GOOD_FOR = 28 * 86_400.0  # seconds that a button works: less than a run is remembered, so that a press acts once
MUTE = "mute"
ACTIONS = (*platform.ACTIONS, MUTE)

ASKED = ""  # no id: the mark of the platform that this button asks, since its ids may be another one's too

_UNDER_WAY = ("cancel", MUTE)
OF_STATUS: Mapping[str, Sequence[str]] = {
    "Initiated": _UNDER_WAY, "Running": _UNDER_WAY, "Stalled": _UNDER_WAY, "Failed": ("retry",), "Timeout": ("retry",),
}  # fmt: skip


@runtime_checkable
class InteractiveSettings(Protocol):
    """The part of that channel's settings that says what may be pressed."""

    interactivity: str
    signing_secret: SecretStr
    actions: Any  # an attribute for each action: who may press it


@dataclass(frozen=True, slots=True)
class Button:
    """What one button does, to what, and where it stands."""

    action: str
    operation: str  # the run's own id
    subject: str  # the id that its message goes by
    run: int
    destination: str
    address: str
    until: float
    spaces: str = ""  # of its ids (Event.spaces, JSON), if another tenant had them first; under ASKED, who is asked

    def token(self, key: bytes) -> str:
        facts = (self.action, self.operation, self.subject, str(self.run), self.destination, self.address)
        return tokens.issue(key, PURPOSE, *facts, f"{self.until:.0f}", *filter(None, [self.spaces]))

    @classmethod
    def of(cls, facts: Sequence[str]) -> "Button":
        """What a token of relay's own says."""
        action, operation, subject, run, destination, address, until, *spaces = facts
        return cls(action, operation, subject, int(run), destination, address, float(until), *spaces)


def interactive_settings(config: Config) -> InteractiveSettings | None:
    """None where there are no buttons."""
    settings: object = config.channels.get(CHANNEL)
    return settings if isinstance(settings, InteractiveSettings) and settings.interactivity != "off" else None


def pressed_by(config: Config) -> str:
    """How presses come, http or socket; '' where there is nothing to press."""
    settings = interactive_settings(config)
    return settings.interactivity if settings and enabled_actions(config) else ""


def enabled_actions(config: Config) -> dict[str, tuple[str, ...]]:
    """The actions that there are buttons for, and who may press them; nothing where interactivity is off."""
    settings = interactive_settings(config)
    if settings is None:
        return {}
    named = {action: getattr(settings.actions, action) for action in ACTIONS}
    return {
        action: names for action, names in named.items() if names and (action == MUTE or configured(config.platform))
    }


def buttons_for(delivery: Delivery, config: Config, key: bytes) -> Iterator[dict[str, str]]:
    """The buttons of this delivery's message, as templates get them: `action`, and `value`, the token.

    The same for every attempt. What is of another platform or project than the configured one can be muted alone.
    """
    event = delivery.event
    if (delivery.channel, delivery.kind) != (CHANNEL, "live") or event.about_batch or not event.own_id:
        return
    if missing_job(event):  # a run that has not begun
        return
    until = delivery.created_at.timestamp() + GOOD_FOR
    kept_in = {id_: event.space(id_) for id_ in (event.own_id, event.subject) if event.space(id_)}
    ours = is_within(Space.of_event(event), config.platform_space)
    for action in OF_STATUS.get(event.status, ()):
        if action not in enabled_actions(config) or not (ours or action == MUTE):
            continue
        address = delivery.destination, delivery.address
        kept = kept_in if action == MUTE else kept_in | {ASKED: config.platform_mark}
        spaces = json.dumps(kept, ensure_ascii=False) if kept else ""
        token = Button(action, event.own_id, event.subject, event.retry, *address, until, spaces).token(key)
        if len(token) <= tokens.LONGEST:  # no sender has such ids, but one may
            yield {"action": action, "value": token}


def action_requested(button: Button, handle: str, person: Person, now: datetime, once: str) -> Event:
    """A press as an event. Muting is relay's own to do, so it is done with that. `once` names the press."""
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
    if button.action == MUTE:
        return _event(ACTION_DONE, action | {"ok": True}, now, press=True)
    return _event(ACTION_REQUESTED, action, now, press=True, **_pressed_by(action))


def _pressed_by(action: Mapping[str, Any]) -> dict[str, str]:
    """Who gets the credit when the run ends, unless the platform refuses: it knows the token's user alone."""
    if action["name"] != "cancel":
        return {}
    person = {key: action[key] for key in ("user", "userName", "realName")}
    return {PRESSED: json.dumps(person | {"reason": platform.reason(action)}, ensure_ascii=False)}


def action_completed(action: Mapping[str, Any], outcome: Mapping[str, Any], now: datetime) -> Event:
    """What came of a press."""
    return _event(
        ACTION_DONE, {**action, **outcome}, now, ok=bool(outcome.get("ok")), unknown=bool(outcome.get("unknown"))
    )


def action_targets(event: Event, config: Config, channels: Mapping[str, Any]) -> tuple[Target, ...]:
    """Where a press or its answer goes: to the platform, or into the thread of the message the button stood under.

    `channels` are the kinds there are, by name. Quiet hours hold back neither: somebody is waiting for it.
    """
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
