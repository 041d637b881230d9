"""Pages asked for over connections that are kept: how long each takes, and how long relay's loop was held meanwhile."""

import http.client
import json
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from benchmarks.console.questions import Question
from benchmarks.console.served import Served
from benchmarks.speed.statistics import quantile

PATIENCE = 30.0  # seconds
BETWEEN = 0.001  # seconds between two looks whether relay answers
SWITCH = 0.0005  # seconds for which one thread here may keep the others from what they have received


@dataclass(frozen=True, slots=True)
class Times:
    """Of one question; milliseconds. `held` is the longest that a request for events' listener waited meanwhile: of
    each page the longest, and of these the middle one; `held_p99` is the one that a hundredth exceed."""

    view: str
    text: str
    p50: float
    p99: float
    longest: float
    pair_p99: float  # where two ask at a time
    held: float
    held_p99: float
    cpu: float  # of relay for one page, without Redis
    bytes: int
    first: float


class Browser:
    """One connection of somebody who is logged in."""

    def __init__(self, served: Served) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", served.admin, timeout=PATIENCE)
        self._headers = {"Cookie": served.cookie, "Accept-Language": "en"}

    def get(self, path: str) -> bytes:
        """RuntimeError where that is no page."""
        self._connection.request("GET", path, headers=self._headers)
        answer = self._connection.getresponse()
        content = answer.read()
        if answer.status != 200:
            raise RuntimeError(f"{path}: {answer.status} {content[:500]!r}")
        return content

    def facts(self, path: str) -> Mapping[str, Any]:
        return dict(json.loads(self.get(f"/api/v1{path}")))

    def close(self) -> None:
        self._connection.close()


class Pulse:
    """Asks relay for next to nothing, again and again: what that waits, an event would wait."""

    def __init__(self, port: int) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
        self._lock = threading.Lock()
        self._longest = 0.0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._beat, daemon=True)

    @contextmanager
    def beating(self) -> Iterator["Pulse"]:
        before = sys.getswitchinterval()
        sys.setswitchinterval(SWITCH)
        self._thread.start()
        try:
            yield self
        finally:
            self._over.set()
            self._thread.join()
            self._connection.close()
            sys.setswitchinterval(before)

    def longest(self) -> float:
        """Milliseconds, since the last time that this was asked."""
        with self._lock:
            longest, self._longest = self._longest, 0.0
        return longest * 1000

    def _beat(self) -> None:
        while not self._over.is_set():
            began = time.perf_counter()
            self._connection.request("GET", "/healthz")
            self._connection.getresponse().read()
            took = time.perf_counter() - began
            with self._lock:
                self._longest = max(self._longest, took)
            time.sleep(BETWEEN)


def timed(served: Served, question: Question, count: int) -> Times:
    """So many times one after another, and then as often by two at a time."""
    browser = Browser(served)
    first, content = _took(browser, question.path)
    alone, held = list[float](), list[float]()
    pulse = Pulse(served.port)
    with pulse.beating():
        for _ in range(count):
            pulse.longest()
            took, content = _took(browser, question.path)
            alone.append(took)
            held.append(pulse.longest())
    browser.close()
    before = served.relay.usage()
    pairs = _by_two(served, question.path, count)
    used = served.relay.usage().since(before)
    return Times(
        question.view,
        question.text,
        quantile(alone, 0.5),
        quantile(alone, 0.99),
        max(alone),
        quantile(pairs, 0.99),
        quantile(held, 0.5),
        quantile(held, 0.99),
        used.app_cpu / len(pairs) * 1000,
        len(content),
        first,
    )


def best(rounds: list[Times]) -> Times:
    """Of several rounds the one in which least came in between: that with the least p99."""
    return min(rounds, key=lambda times: times.p99)


def _by_two(served: Served, path: str, count: int) -> list[float]:
    def ask(_number: int) -> list[float]:
        browser = Browser(served)
        took = [_took(browser, path)[0] for _ in range(max(1, count // 2))]
        browser.close()
        return took

    with ThreadPoolExecutor(2) as pool:
        return [took for some in pool.map(ask, range(2)) for took in some]


def _took(browser: Browser, path: str) -> tuple[float, bytes]:
    """Milliseconds until all of it was here."""
    began = time.perf_counter()
    content = browser.get(path)
    return (time.perf_counter() - began) * 1000, content
