"""Modules and rooms that one event enters between its POST and the call at Slack: `python -m tools.walk [--calls]`.

A whole relay runs in this process, on a private Redis and a Slack of its own. Each of some operations fails once, which
is one message; what every one of them enters is counted, so that what a timer does meanwhile is not. The first is left
out: what is made once for a configuration is on no event's way.
"""

import argparse
import asyncio
import json
import logging
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

import aiohttp
import structlog

from relay.app import Relay
from relay_sandbox.standins.slack import SlackStandin

EVENTS = 6
SECRET = "aZ8kqL2mWp0x9Rt5vB"  # noqa: S105 - of a relay that lives for a second
SETTINGS = {
    "server": {"host": "127.0.0.1", "port": 0, "drain": "0s"},
    "sources": {"platform": {"signature": {"scheme": "token", "secrets": {"current": SECRET}}}},
    "destinations": {"team": {"slack": "#team", "mode": "each"}},
    "rules": [{"name": "failures", "events": ["operation.failed"], "notify": ["team"]}],
}


@contextmanager
def followed(calls: Counter[str]) -> Iterator[None]:
    """Count the calls of each of relay's functions meanwhile, by `module:function`."""

    def note(frame: FrameType, event: str, _argument: object) -> None:
        module = str(frame.f_globals.get("__name__", ""))
        if event == "call" and module.startswith("relay."):
            calls[f"{module}:{frame.f_code.co_qualname}"] += 1

    threading.setprofile(note)  # of threads that begin meanwhile
    sys.setprofile(note)
    try:
        yield
    finally:
        sys.setprofile(None)
        threading.setprofile(None)


async def walk(events: int = EVENTS) -> Counter[str]:
    """Return the functions that every event but the first enters, each with the calls of the last one."""
    with tempfile.TemporaryDirectory(prefix="relay-walk-", ignore_cleanup_errors=True) as directory:
        async with SlackStandin(channels=["team"], posts_per_second=1000) as slack, aiohttp.ClientSession() as session:
            relay = Relay(_configuration(directory, slack), {})
            running = asyncio.create_task(relay.run())
            await relay.started.wait()
            rounds = [await _one(relay, slack, session, number) for number in range(events)][1:]
            relay.stop()
            await running
    common = set(rounds[0]).intersection(*rounds[1:])
    return Counter({name: rounds[-1][name] for name in common})


def _configuration(directory: str, slack: SlackStandin) -> Path:
    channel = {"token": "xoxb-2048-abcdef", "base_url": slack.base_url, "posts_per_second": 1000}
    file = Path(directory, "relay.yaml")
    file.write_text(json.dumps({**SETTINGS, "data_dir": directory, "channels": {"slack": channel}}))
    return file


async def _one(relay: Relay, slack: SlackStandin, session: aiohttp.ClientSession, number: int) -> Counter[str]:
    host, port = relay.addresses[0]
    operation = {"operationId": f"op-{number}", "operationName": f"Run {number}", "status": "Failed"}
    event = {"event": "operation.failed", "operation": operation, "error": {"code": f"E{number}", "message": "broken"}}
    calls: Counter[str] = Counter()
    with followed(calls):
        url, headers = f"http://{host}:{port}/webhooks/platform", {"Authorization": f"Bearer {SECRET}"}
        async with session.post(url, json=event, headers=headers) as answer:
            answer.raise_for_status()
        await slack.wait_for(lambda: len(slack.messages("#team")) > number, 30)
    return calls


def module_of(function: str) -> str:
    return function.partition(":")[0]


def room_of(function: str) -> str:
    return module_of(function).split(".")[1]


def main() -> None:
    parser = argparse.ArgumentParser("python -m tools.walk", description=__doc__)
    parser.add_argument("--calls", action="store_true", help="list the functions and how often each is called")
    arguments = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    functions = asyncio.run(walk())
    if arguments.calls:
        print("\n".join(f"{count:6} {name}" for name, count in sorted(functions.items())))
    modules = Counter(map(room_of, {module_of(name): name for name in functions}.values()))
    print("\n".join(f"{count:4} modules of {room}" for room, count in modules.most_common()))
    print(f"{modules.total()} modules of {len(modules)} rooms; {len(functions)} functions, {functions.total()} calls")


if __name__ == "__main__":
    main()
