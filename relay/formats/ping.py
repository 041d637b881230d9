"""Pings of cron jobs and scripts: which run each belongs to, and the document that it makes. Pure.

A job says `start`, `log`, `fail`, `ok` or its exit status. It need not name its runs: those that start begin one, and
all until its end are of that one. A ping that curl repeats, since the answer was lost, is of the same run.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NamedTuple

NAME = "ping"  # of the format
TYPE = "cron job"
AGAIN = 45.0  # seconds in which the same ping without a run's id is a repetition: jobs may run every minute
OPEN = ("Initiated", "Running")
WORDS: Mapping[str, str] = {
    "start": "Initiated",
    "log": "Running",
    "fail": "Failed",
    "ok": "Completed",
    "": "Completed",
}
EXPECTED = "expected start, log, fail, ok or an exit status from 0 to 255"
RUN_ID = re.compile(r"[\w.:-]{1,100}", re.ASCII)
MAX_JOB = 100
BODY = 10_240  # bytes of the output's end that are looked at
LINES, LINE, TEXT = 5, 200, 800  # of the output that a failure shows; characters


@dataclass(frozen=True, slots=True)
class Ping:
    """One call. `code` is the exit status of a script that failed."""

    job: str
    status: str
    code: str = ""
    run: str = ""  # as the sender names it

    @classmethod
    def of(cls, job: str, state: str, run: str | None) -> "Ping":
        """Read the address. ValueError says what was expected."""
        fits = 0 < len(job) <= MAX_JOB and job.isprintable() and job == job.strip()
        if not fits or (run is not None and not RUN_ID.fullmatch(run)):
            raise ValueError("expected the name of a job, and for rid up to 100 letters, digits, - _ . and :")
        if state in WORDS:
            return cls(job, WORDS[state], run=run or "")
        if not re.fullmatch(r"\d{1,3}", state, re.ASCII) or int(state) > 255:
            raise ValueError(EXPECTED)
        code = f"exit {int(state)}" if int(state) else ""
        return cls(job, "Failed" if code else "Completed", code, run or "")


class LastRun(NamedTuple):
    """The last run of a job that does not name its runs. Times are seconds since the epoch."""

    began: float
    status: str
    at: float  # of its last ping


def run_of(ping: Ping, last: LastRun | None, now: float) -> LastRun:
    """Return the run of a ping, as it is the last one from now on. A repetition changes nothing of it."""
    if last is None:
        return LastRun(now, ping.status, now)
    goes_on = last.status in OPEN
    repeated = last.status == ping.status and abs(now - last.at) < AGAIN
    started_again = ping.status == "Initiated" and goes_on and abs(now - last.began) < AGAIN
    overtaken = ping.status == "Running" and not goes_on and abs(now - last.at) < AGAIN  # its log came behind its end
    if repeated or started_again or overtaken:
        return last
    return LastRun(last.began if goes_on and ping.status != "Initiated" else now, ping.status, now)


def document(ping: Ping, began: float | None, body: bytes, now: float) -> dict[str, Any]:
    """Return relay's own document of a ping; `began` names the run where the sender does not."""
    moment = datetime.fromtimestamp(now, UTC).isoformat(timespec="milliseconds")
    run = ping.run or f"{datetime.fromtimestamp(began or now, UTC):%Y-%m-%dT%H:%M:%S.%fZ}"
    operation: dict[str, Any] = {
        "operationId": f"{ping.job}/{run}",
        "operationName": ping.job,
        "operationType": TYPE,
        "status": ping.status,
    }
    if began is not None and (began < now or ping.status in OPEN):  # else no start was said, and it has no duration
        operation["startTime"] = datetime.fromtimestamp(began, UTC).isoformat(timespec="milliseconds")
    last = last_lines(body)
    if ping.status == "Running" and last:
        operation["progress"] = {"currentPhase": last.splitlines()[-1]}
    error = {"code": ping.code, "message": last} if ping.status == "Failed" else {}
    return {"timestamp": moment, "operation": operation, **({"error": error} if error else {})}


def last_lines(body: bytes) -> str:
    """Return the last lines of an output: a script says there why it failed."""
    text = "".join(
        sign if sign.isprintable() or sign == "\n" else " " for sign in body[-BODY:].decode("utf-8", "replace")
    )
    lines = [line.strip()[:LINE] for line in text.splitlines() if line.strip()]
    return "\n".join(lines[-LINES:])[-TEXT:]
