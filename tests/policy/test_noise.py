"""What destinations and rules let through, as a process counts it."""

from collections import Counter

from relay.channels import CHANNELS
from relay.config import parse_config
from relay.policy.noise import ROOM, Noise
from relay.policy.routing import Routing
from tests.support import events
from tests.support.targets import mail, room, team

CONFIG = """
sources: {async-operations: {signature: {secrets: {current: "a-secret-of-enough-length"}}}}
channels: {slack: {token: xoxb-1-x}}
destinations: {team: {slack: "#team"}, analysts: {slack: "#analysts"}}
rules:
  - {name: all, events: ["operation.failed"], notify: [team, analysts]}
  - {name: failures, events: [operation.failed], notify: [team]}
"""
ROUTING = Routing(parse_config(CONFIG, env={}, channels=CHANNELS), CHANNELS)


def test_events_are_counted_for_destinations_and_rules() -> None:
    noise, targets = Noise(), (team(), mail("a@example.com"), mail("b@example.com"))
    noise.decided(targets, (), events.failed(), ROUTING)
    noise.decided(targets, (("team", "increment"), ("analysts", "unsubscribed")), events.failed(), ROUTING)

    assert noise.take() == Counter({
        ("dteam", "matched"): 2, ("dteam", "queued"): 1, ("dteam", "held:increment"): 1,
        ("danalysts", "matched"): 2, ("danalysts", "queued"): 3, ("danalysts", "held:unsubscribed"): 1,
        ("rall", "matched"): 2, ("rall", "queued"): 4, ("rall", "held:increment"): 1, ("rall", "held:unsubscribed"): 1,
        ("rfailures", "matched"): 2, ("rfailures", "queued"): 1, ("rfailures", "held:increment"): 1,
    })  # fmt: skip
    assert noise.take() == Counter()


def test_an_event_that_nobody_hears_of_is_counted_as_such() -> None:
    noise = Noise()
    noise.decided((), (("", "no_rule"),), events.started(), ROUTING)

    assert noise.take() == Counter({("d", "matched"): 1, ("d", "held:no_rule"): 1})


def test_what_arrives_is_told_from_edits() -> None:
    noise = Noise()
    for edit in (False, True, True):
        noise.sent("team", edit=edit)
    taken = noise.take()
    noise.give_back(taken)

    assert noise.take() == taken == Counter({("dteam", "told"): 1, ("dteam", "edits"): 2})


def test_events_that_are_alike_are_one_number() -> None:
    noise, targets = Noise(), (room(),)
    for _ in range(100):
        noise.decided(targets, (), events.started(), None)

    assert len(noise._kinds) == 1
    assert noise.take()["droom", "matched"] == 100


def test_targets_without_end_take_no_room_without_end() -> None:
    noise = Noise()
    for _ in range(3 * ROOM):
        noise.decided((room(),), (), events.started(), None)

    assert len(noise._kinds) <= ROOM
    assert noise.take()["droom", "matched"] == 3 * ROOM
