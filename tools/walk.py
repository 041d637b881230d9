"""Modules and rooms that one event enters between its POST and the call at Slack: `python -m tools.walk [--calls]`.

A whole relay runs in this process, on a private Redis and a Slack of its own. Each of some operations fails once, which
is one message; what every one of them enters is counted, in all threads; what a timer does meanwhile is not. The
first is left out: what is made once for a configuration is on no event's way. A module that calls no other one of relay
on this way is a helper; the others decide, and are the files that somebody opens who follows the event.
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


class Walk:
    """Calls since they were asked for last: of functions, as `module:function`, and which modules call others."""

    def __init__(self) -> None:
        self._calls: Counter[str] = Counter()
        self._callers: set[str] = set()

    def taken(self) -> tuple[Counter[str], set[str]]:
        """Return the calls of each function and the modules that decide; begin anew."""
        taken = self._calls, self._callers
        self._calls, self._callers = Counter(), set()
        return taken

    @contextmanager
    def following(self) -> Iterator[None]:
        """Follow this thread and those that begin meanwhile, so it has to surround the start of the relay."""
        threading.setprofile(self._note)
        sys.setprofile(self._note)
        try:
            yield
        finally:
            sys.setprofile(None)
            threading.setprofile(None)

    def _note(self, frame: FrameType, event: str, _argument: object) -> None:
        module = _module(frame)
        if event != "call" or not module.startswith("relay."):
            return
        self._calls[f"{module}:{frame.f_code.co_qualname}"] += 1
        caller = frame.f_back
        while caller and not _module(caller).startswith("relay."):
            caller = caller.f_back  # a library between the two, such as a template's
        if caller and _module(caller) != module:
            self._callers.add(_module(caller))


def _module(frame: FrameType) -> str:
    return str(frame.f_globals.get("__name__", ""))


async def walk(events: int = EVENTS) -> tuple[Counter[str], set[str]]:
    """Return the functions that every event but the first enters, with the calls of the last one; and who decides."""
    following = Walk()
    with tempfile.TemporaryDirectory(prefix="relay-walk-", ignore_cleanup_errors=True) as directory:
        async with SlackStandin(channels=["team"], posts_per_second=1000) as slack, aiohttp.ClientSession() as session:
            with following.following():
                relay = Relay(_configuration(directory, slack), {})
                running = asyncio.create_task(relay.run())
                await relay.started.wait()
                rounds = [await _one(relay, slack, session, number, following) for number in range(events)][1:]
                relay.stop()
                await running
    common = set(rounds[0][0]).intersection(*(calls for calls, _ in rounds[1:]))
    modules = {module_of(name) for name in common}
    return Counter({name: rounds[-1][0][name] for name in common}), modules.intersection(*(who for _, who in rounds))


def _configuration(directory: str, slack: SlackStandin) -> Path:
    channel = {"token": "xoxb-2048-abcdef", "base_url": slack.base_url, "posts_per_second": 1000}
    file = Path(directory, "relay.yaml")
    file.write_text(json.dumps({**SETTINGS, "data_dir": directory, "channels": {"slack": channel}}))
    return file


async def _one(
    relay: Relay, slack: SlackStandin, session: aiohttp.ClientSession, number: int, following: Walk
) -> tuple[Counter[str], set[str]]:
    host, port = relay.addresses[0]
    operation = {"operationId": f"op-{number}", "operationName": f"Run {number}", "status": "Failed"}
    event = {"event": "operation.failed", "operation": operation, "error": {"code": f"E{number}", "message": "broken"}}
    url, headers = f"http://{host}:{port}/webhooks/platform", {"Authorization": f"Bearer {SECRET}"}
    following.taken()
    async with session.post(url, json=event, headers=headers) as answer:
        answer.raise_for_status()
    await slack.wait_for(lambda: len(slack.messages("#team")) > number, 30)
    return following.taken()


def module_of(function: str) -> str:
    return function.partition(":")[0]


def room_of(function: str) -> str:
    return module_of(function).split(".")[1]


def main() -> None:
    parser = argparse.ArgumentParser("python -m tools.walk", description=__doc__)
    parser.add_argument("--calls", action="store_true", help="list the functions and how often each is called")
    arguments = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    functions, deciding = asyncio.run(walk())
    if arguments.calls:
        print("\n".join(f"{count:6} {name}" for name, count in sorted(functions.items())))
    modules = Counter(map(room_of, {module_of(name): name for name in functions}.values()))
    print("\n".join(f"{count:4} modules of {room}" for room, count in modules.most_common()))
    print("files to open:", *(f"  {module.replace('.', '/')}.py" for module in sorted(deciding)), sep="\n")
    print(
        f"{modules.total()} modules of {len(modules)} rooms, of which {len(deciding)} decide; "
        f"{len(functions)} functions, {functions.total()} calls"
    )


if __name__ == "__main__":
    main()
