"""Accidents of the processes of a life, acts of people, and time that comes."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from relay.channels import CHANNELS
from relay.domain.events import FAILED
from relay.domain.links import Person
from relay.domain.parsing import load
from relay.engine import records
from relay.engine.bundles import ScheduleDigest, SendDigest
from relay.engine.dead_letters import DropDead, ReplayDead
from relay.engine.housekeeping import ForgetDocuments, GatherParked, GiveUpChannel, GiveUpParked
from relay.engine.parking import Announce
from relay.engine.pauses import LiftPauses, PauseDestination, ResumeDestination
from relay.engine.suppressions import Suppress, Unsuppress
from relay.engine.watch import LookAgain, RunsDue, Tick
from relay.engine.withholding import AddSilence, EndSilence
from relay.interactivity.buttons import ACTIONS, TAKE, Button, action_requested, action_targets
from relay.policy.schedules import windows
from relay.policy.silences import Silence
from relay.policy.silences import dump as dump_silence
from relay.policy.watchdog import decide, event_of, next_look
from tests.engine.life.configurations import ASKING, BOUNCING, READER, changed, usual
from tests.engine.life.world import World

DAY = 86_400_000
FORWARD = [1, 3, 10, 31, 100, 900, 5000, 40_000, 300_000]  # seconds
LASTING = [5, 60, 900, 7200]
MATCHERS: list[dict[str, Any]] = [
    {"destinations": ("team",)},
    {"destinations": ("night", "room")},
    {"destinations": ("analysts",), "priorities": ("High",)},
    {"destinations": ("daily",)},
    {"types": ("*",)},
    {},
]
LIFTED = ("channel:slack", "channel:email", "destination:room/#room", "destination:team/#team")


def befall(world: World) -> None:
    """One of all that."""
    world.pick.choice(ACCIDENTS)(world)


def _end_process(world: World) -> None:
    process = world.pick.choice([world.owner, *world.former])
    match world.pick.randrange(5):
        case 0:
            world.hand_over()
        case 1 | 2:
            world.lose()
        case _:
            world.die(process)


def _arrive_late(world: World) -> None:
    """What a process that died had sent arrives."""
    for attempt in world.on_their_way[:1]:
        world.on_their_way.remove(attempt)
        world.arrive(attempt)


def _wait(world: World) -> None:
    world.advance(world.pick.choice(FORWARD) * 1000)


def watch_runs(world: World) -> None:
    """The watchdog's tick."""
    while world.decide(ForgetDocuments(100, 30 * DAY)) >= 100:
        pass
    settings = world.partition.settings.config.watchdog
    assert settings
    now, grace_until, *_ = world.decide(Tick(60_000, round(settings.startup_grace * 1000)))
    moment = now / 1000
    looks = []
    for name, ticket, run in world.decide(RunsDue(20, 60_000))[1]:
        if alert := decide(run, settings, moment, grace=now < grace_until):
            o = world.memory.record(records.Operation, name)
            assert o
            documents = world.memory.table(records.documents(name))
            history = [load(documents[event]) for event in sorted(documents, key=lambda event: o.seqs.get(event, 0))]
            world.report(event_of(alert, replace(run), history, moment))
        else:
            looks.append((name, ticket, round(next_look(run, settings, moment, grace_until / 1000) * 1000)))
    if looks:
        world.decide(LookAgain(looks))


def _lift(world: World) -> None:
    world.decide(LiftPauses(world.pick.choice([(), LIFTED])))


def _announce(world: World) -> None:
    """A process with another configuration starts, or this one is loaded anew."""
    settings = world.pick.choice([usual(), *changed()])
    world.configure(settings)
    addresses = settings.addresses
    kept = world.pick.sample(sorted(addresses), world.pick.choice([4, len(addresses), len(addresses)]))
    world.decide(Announce({name: addresses[name] for name in kept}))


def _keep_house(world: World) -> None:
    world.decide(GatherParked(world.pick.choice([0, 2, 10]), 100))
    world.decide(GiveUpParked(3 * DAY, 100))
    if world.pick.random() < 0.1:
        world.decide(GiveUpChannel("apprise", 3 * DAY, 100))


def _look_at_the_dead(world: World) -> None:
    """Some are sent again and some dropped, by a command that may be repeated."""
    for letter in world.dead()[:3]:
        if replays := world.pick.random() < 0.7:
            world.record.replays[letter.id] += 1
        else:
            world.record.dropped.append(letter)
        for _ in range(world.pick.choice([1, 2])):
            world.decide(ReplayDead([letter.id]) if replays else DropDead([letter.id]))


def _unsubscribe(world: World) -> None:
    """A reader wants no mail any more, or thinks better of it."""
    address = world.pick.choice([READER, READER, ASKING, BOUNCING])
    if world.pick.random() < 0.6:
        world.decide(Unsuppress("*", address))
        world.record.suppressed(address, ends=True)
    else:
        world.record.suppressed(address, ends=False)
        world.decide(Suppress("*", address, world.pick.choice(["unsubscribed", "suppressed"])))


def _press(world: World) -> None:
    """Somebody presses a button under a message of a run, perhaps an old one."""
    pressed = [delivery for delivery in world.standing if not delivery.event.about_batch]
    if not pressed:
        return
    failed = [delivery for delivery in pressed if delivery.event.status in FAILED]
    takes = bool(failed) and world.pick.random() < 0.7
    delivery = world.pick.choice(failed if takes else pressed)
    event, until = delivery.event, world.now / 1000 + 1e6
    spaces = json.dumps(event.spaces) if event.spaces else ""
    place = (delivery.destination, delivery.address)
    action = TAKE if takes else world.pick.choice(ACTIONS)
    button = Button(action, event.own_id, event.subject, event.retry, *place, until, spaces)
    now, once = datetime.fromtimestamp(world.now / 1000, UTC), f"{world.pick.getrandbits(32):x}"
    request = action_requested(button, "ada", Person("U1", "Ada"), now, once)
    targets = action_targets(request, world.partition.settings.config, CHANNELS)
    for _ in range(world.pick.choice([1, 1, 2])):  # a lost answer, and it is appended once more
        world.report(request, targets)


def _silence(world: World) -> None:
    now, pick = world.now / 1000, world.pick
    starts = now + pick.choice([0, 0, 0, 30])
    until, id_ = starts + pick.choice(LASTING), f"s-{pick.getrandbits(32):08x}"
    silence = Silence(id_, "ada@here", "tidying up", starts, until, now, **pick.choice(MATCHERS))
    world.decide(AddSilence(id_, dump_silence(silence), round(until * 1000), 200))


def _end_silence(world: World) -> None:
    silences = [id_ for _, id_ in world.memory.ascending(records.SILENCES)]
    if silences:
        world.decide(EndSilence(world.pick.choice(silences)))


def _pause(world: World) -> None:
    destination = world.pick.choice(["team", "room", "daily", "analysts"])
    if world.pick.random() < 0.5:
        world.decide(ResumeDestination(destination))
    else:
        world.decide(PauseDestination(destination, world.pick.choice([None, 60_000, 7_200_000]), "moving", "ada"))


def _digest(world: World) -> None:
    settings = world.partition.settings
    destination = settings.config.destinations["daily"]
    [target] = settings.rules.for_digest(destination)
    window = windows(world.now / 1000, destination.at, destination.days, "UTC")[0]
    world.decide(world.pick.choice([ScheduleDigest, SendDigest])(target, window))


ACCIDENTS: list[Callable[[World], None]] = [
    *[_end_process] * 3, *[_wait] * 4, *[watch_runs] * 2, *[_look_at_the_dead] * 2, *[_press] * 6, *[_silence] * 2,
    _arrive_late, _lift, _announce, _keep_house, _unsubscribe, _end_silence, _pause, _digest,
]  # fmt: skip
