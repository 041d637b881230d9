"""One subject's turn under load, and the check that what was answered 2xx is there, once."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path

from benchmarks.speed import load, peers, requests
from benchmarks.speed.findings import Sample
from benchmarks.speed.processes import busy, own_cpu
from benchmarks.speed.relays import Relay

FEW = 400  # events that are sent again and again

Check = Callable[[peers.Started, int], list[str]]  # of the answers; gives what is wrong


def nothing(_subject: peers.Started, _answered: int) -> list[str]:
    return []


def alerts(subject: peers.Started, answered: int) -> list[str]:
    return _agree("taken", peers.alerts_taken(subject.url), answered)


def received(subject: peers.Started, answered: int) -> list[str]:
    return _agree("received", _ledger(subject)["received"], answered)


def delivered(subject: peers.Started, messages: int) -> list[str]:
    """Check that the ledger of a relay has each message as delivered, once, and nothing else."""
    if not isinstance(subject, Relay):
        return []
    ledger = subject.ledger()
    counts = {place: ledger[place] for place in ("delivered", "pending", "dead", "dropped", "unknown_outcomes")}
    return (
        [] if counts == {**dict.fromkeys(counts, 0), "delivered": messages} else [f"{messages} messages, but {counts}"]
    )


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
    """Allow for the requests under way on every connection at the end of each of two runs."""
    limit = answered + 2 * load.CONNECTIONS
    return [] if answered <= count <= limit else [f"{count} {word}, {answered} answered 2xx"]


WARM_UP = 3  # seconds; a first start compiles the templates meanwhile
FASTEST = 32_000  # requests a second that are prepared for subjects that must not get one twice


def taken(subject: peers.Started, faults: list[str], file: Path, seconds: int, check: Check) -> Sample:
    again = check in (nothing, duplicates)
    address = subject.url + (requests.ALERTS if check is alerts else requests.PATH)
    warm = load.load(address, file, WARM_UP, again=again)
    before, busy_before, own_before = subject.usage(), busy(), own_cpu()
    sample = load.load(address, file, seconds, start=warm.place, again=again)
    used = subject.usage().since(before)
    others = busy() - busy_before - (own_cpu() - own_before) - used.app_cpu - used.redis_cpu
    faults += [f"{bad.refused} refused, {bad.broken} broken" for bad in (warm, sample) if bad.refused or bad.broken]
    if sample.ended:
        faults.append(f"{FASTEST} requests a second were too few, so some came twice")
    faults += check(subject, warm.requests + sample.requests)
    if not sample.requests:  # it was busy with what the warm-up brought
        return {"rate": 0.0, "others": others / sample.seconds}
    return {
        "rate": sample.rate, "p50": sample.p50, "p99": sample.p99,
        "app_us": used.app_cpu / sample.requests * 1e6, "redis_us": used.redis_cpu / sample.requests * 1e6,
        "cpu_us": (used.app_cpu + used.redis_cpu) / sample.requests * 1e6,
        "app_mb": used.app_memory, "redis_mb": used.redis_memory, "others": others / sample.seconds,
    }  # fmt: skip
