"""Pings of cron jobs and scripts, as relay's own documents: sources with `format: ping`."""

from collections.abc import Mapping
from typing import Protocol

from aiohttp import hdrs
from pydantic_core import to_json

from relay.errors import StoreUnavailable
from relay.formats.ping import LastRun, Ping, document, run_of
from relay.receiving.problems import HttpProblem

METHODS = (hdrs.METH_GET, hdrs.METH_HEAD, hdrs.METH_POST)
PATHS = ("/{job}", "/{job}/{state}")  # below the source's address
NOT_KEPT = "The run of this ping could not be looked up. Send it again: it is told once."


class LastRuns(Protocol):
    """Memory of the last runs of jobs by source and name; raises StoreUnavailable."""

    async def find(self, source: str, job: str) -> LastRun | None: ...

    async def keep(self, source: str, job: str, run: LastRun) -> None: ...


async def read_ping(
    names: Mapping[str, str], rid: str | None, body: bytes, *, source: str, last_runs: LastRuns | None, now: float
) -> bytes:
    """Return relay's own document of a ping. Raises HttpProblem.

    Its run is remembered before the document is accepted: after a crash in between it comes again, and is of that run.
    """
    try:
        ping = Ping.of(names["job"], names.get("state", ""), rid)
    except ValueError as error:
        raise HttpProblem(404, f"There is no such ping: {error}.") from error
    if ping.run or last_runs is None:
        return to_json(document(ping, None, body, now))
    try:
        run = run_of(ping, await last_runs.find(source, ping.job), now)
        await last_runs.keep(source, ping.job, run)
    except StoreUnavailable as error:
        raise HttpProblem(503, NOT_KEPT) from error
    return to_json(document(ping, run.began, body, run.at))  # a repetition says the same time
