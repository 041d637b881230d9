"""Whether what was answered 2xx is what is there afterwards: nothing lost, nothing counted twice."""

from collections import Counter
from collections.abc import Callable

from benchmarks.speed import load, peers
from benchmarks.speed.relays import Relay

FEW = 400  # events that are sent again and again

Check = Callable[[peers.Started, int], list[str]]  # of the answers; gives what is wrong


def nothing(_subject: peers.Started, _answered: int) -> list[str]:
    return []


def alerts(subject: peers.Started, answered: int) -> list[str]:
    return _agree("taken", peers.alerts_taken(subject.url), answered)


def received(subject: peers.Started, answered: int) -> list[str]:
    return _agree("received", _ledger(subject)["received"], answered)


def told(subject: peers.Started, messages: int) -> list[str]:
    """Where it is relay: that its ledger has each message as delivered, once, and nothing else."""
    if not isinstance(subject, Relay):
        return []
    ledger = subject.ledger()
    found = {place: ledger[place] for place in ("delivered", "pending", "dead", "dropped", "unknown_outcomes")}
    return [] if found == {**dict.fromkeys(found, 0), "delivered": messages} else [f"{messages} messages, but {found}"]


def new(subject: peers.Started, answered: int) -> list[str]:
    ledger = _ledger(subject)
    twice = [f"{ledger['duplicates']} new events counted as duplicates"] if ledger["duplicates"] else []
    return [*_agree("received", ledger["received"], answered), *twice, *_late(ledger)]


def duplicates(subject: peers.Started, answered: int) -> list[str]:
    ledger = _ledger(subject)
    return [
        *_agree("received", ledger["received"], answered),
        *([] if ledger["received"] - ledger["duplicates"] <= FEW else [f"{ledger['events']} of {FEW} events kept"]),
    ]


def _ledger(subject: peers.Started) -> Counter[str]:
    assert isinstance(subject, Relay)
    return subject.ledger()


def _late(ledger: Counter[str]) -> list[str]:
    late = ledger["received"] - ledger["events"] - ledger["late"] - ledger["duplicates"]
    return [f"{late} received events are neither kept nor late"] if late else []


def _agree(word: str, count: int, answered: int) -> list[str]:
    """At the end of each of two runs a request may be under way on every connection, whose answer nobody waits for."""
    most = answered + 2 * load.CONNECTIONS
    return [] if answered <= count <= most else [f"{count} {word}, {answered} answered 2xx"]
