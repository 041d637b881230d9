"""One subject's turn under load: what it takes after a warm-up, what that costs, and whether it was all there."""

from pathlib import Path

from benchmarks.speed import accounts, load, peers, requests
from benchmarks.speed.processes import busy, own
from benchmarks.speed.statistics import Sample

WARM_UP = 1  # seconds
FASTEST = 32_000  # requests a second that are prepared for who must not be sent one twice


def taken(subject: peers.Started, faults: list[str], file: Path, seconds: int, check: accounts.Check) -> Sample:
    again = check in (accounts.nothing, accounts.duplicates)
    address = subject.url + (requests.ALERTS if check is accounts.alerts else requests.PATH)
    warm = load.load(address, file, WARM_UP, again=again)
    before, busy_before, own_before = subject.usage(), busy(), own()
    made = load.load(address, file, seconds, start=warm.place, again=again)
    used = subject.usage().since(before)
    others = busy() - busy_before - (own() - own_before) - used.app_cpu - used.redis_cpu
    faults += [f"{bad.refused} refused, {bad.broken} broken" for bad in (warm, made) if bad.refused or bad.broken]
    if made.ended:
        faults.append(f"{FASTEST} requests a second were too few, so some came twice")
    faults += check(subject, warm.requests + made.requests)
    if not made.requests:  # it was busy with what the warm-up brought
        return {"rate": 0.0, "others": others / made.seconds}
    return {
        "rate": made.rate, "p50": made.p50, "p99": made.p99,
        "app_us": used.app_cpu / made.requests * 1e6, "redis_us": used.redis_cpu / made.requests * 1e6,
        "cpu_us": (used.app_cpu + used.redis_cpu) / made.requests * 1e6,
        "app_mb": used.app_memory, "redis_mb": used.redis_memory, "others": others / made.seconds,
    }  # fmt: skip
