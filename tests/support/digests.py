"""Digests and round-ups: a busy Monday and week, an empty week, a quiet night, and as much as there can be."""

from datetime import UTC, datetime
from typing import Any

from relay.domain.deliveries import Kind
from relay.domain.digests import build_digest
from relay.domain.events import Event
from relay.rendering import Renderer

PATH = "/api/tenant-1/project-1/async/operation"
UNSUBSCRIBE = "https://relay.example.com/unsubscribe/0a1b2c"
FRIDAY, NOW = datetime(2026, 3, 6, 7, 30, tzinfo=UTC), datetime(2026, 3, 9, 7, 30, tzinfo=UTC)
PAST = {"2026-03-03": (44, 0), "2026-03-04": (36, 5), "2026-03-05": (52, 2), "2026-03-06": (37, 3)}
COMMON = {"batch": False, "priority": "Normal", "type": "ProcessMiningAnalysis", "at": "2026-03-09T06:12:00+00:00",
          "started": "2026-03-09T05:34:00+00:00", "tenant": "tenant-1", "project": "project-1"}  # fmt: skip

Entry = dict[str, Any]


def entry(number: int, name: str, status: str, **more: Any) -> Entry:
    key = f"op-{number:08x}"
    return COMMON | {"id": key, "name": name, "status": status, "path": f"{PATH}/{key}", **more}


ATTENTION = [
    entry(1, "Order-to-Cash Q3 EMEA", "Failed", priority="Critical", error="SAP extractor did not answer for 300 s.",
          percentage=72, phase="Conformance", duration=4320, at="2026-03-08T21:14:00+00:00"),
    entry(2, "Purchase-to-Pay Nordics", "Timeout", percentage=81, phase="Process Discovery", duration=7200,
          at="2026-03-09T02:40:00+00:00"),
    entry(3, "Claims Q1", "Running", rule="overdue", percentage=64, phase="Enrichment", at="2026-03-09T06:55:00+00:00"),
]  # fmt: skip
DONE = [
    entry(
        10, "Month-end batch", "Completed", batch=True, total=20, done_count=20, completed_count=18, failed_count=2,
        failing="AP invoices DE, Cash application", error="2 × SAP extractor did not answer for 300 s",
        duration=11_520,
    ),
    entry(11, "Customer Journey Analysis", "Completed", variants=347, anomalies=23, records=187_248, duration=2700),
    entry(12, "Invoice Matching DE", "Completed", records=1_284_530, duration=5700),
]  # fmt: skip
RUNNING = [entry(20, "Warehouse Flow", "Running", percentage=45, phase="Data Loading & Validation",
                 expected="2026-03-09T09:40:00+00:00")]  # fmt: skip


def several(count: int, like: Entry, **more: Any) -> list[Entry]:
    return [like | {"id": f"op-{n:08d}", "path": f"{PATH}/op-{n:08d}", **more} for n in range(100, 100 + count)]


def told(kind: str, start: datetime, entries: list[Entry], **more: Any) -> Event:
    """The event of this digest or round-up, as it reaches the renderer."""
    return event_of(build_digest(kind, start.timestamp(), NOW.timestamp(), entries, zone="Europe/Berlin", **more))


def jobs(count: int, like: Entry) -> list[Entry]:
    """Runs of as many jobs, which are called the same."""
    return [row | {"type": f"Type{number}"} for number, row in enumerate(several(count, like))]


def nightly(count: int, **more: Any) -> list[Entry]:
    """Runs of one job, which took 36 to 40 minutes."""
    like = DONE[2] | {"name": "Nightly report", "records": None} | more
    return [row | {"duration": 2160 + number % 5 * 60} for number, row in enumerate(several(count, like))]


def event_of(document: dict[str, Any]) -> Event:
    return Event(id="box", name=document["event"], source="relay", occurred_at=NOW, received_at=NOW, document=document)


def daily() -> Event:
    """41 completed, 2 failed, 1 overdue, and one goes on."""
    plain = nightly(38)
    before = {"completed": 37, "failed": 3, "overdue": 1, "median": 2100, "to": FRIDAY.isoformat(), "daily": True}
    return told("digest", FRIDAY, [*ATTENTION, *DONE, *plain, *RUNNING], before=before, days=PAST, held=12)


def weekly() -> Event:
    before = {"completed": 180, "failed": 2, "overdue": 4, "median": 2280, "to": "2026-03-02T07:30:00+00:00",
              "daily": False}  # fmt: skip
    plain = nightly(169, at="2026-03-05T06:12:00+00:00")
    return told("digest", datetime(2026, 3, 2, 7, 30, tzinfo=UTC), [*ATTENTION, *plain], before=before, held=1)


def empty() -> Event:
    """A week in which nothing ran."""
    return told("digest", datetime(2026, 3, 2, 7, 30, tzinfo=UTC), [])


def quiet() -> Event:
    """Return what quiet hours held back."""
    return told("quiet", datetime(2026, 3, 8, 19, 0, tzinfo=UTC), [*ATTENTION[:1], *DONE])


def overflow() -> Event:
    """New messages above the cap."""
    more = several(7, DONE[2], name="Nightly report")
    return told("overflow", datetime(2026, 3, 9, 7, 20, tzinfo=UTC), [*ATTENTION[:1], *DONE, *more, *RUNNING])


def backlog() -> Event:
    """Return what waited for a conversation that was broken."""
    return told("backlog", datetime(2026, 3, 8, 19, 0, tzinfo=UTC), [*ATTENTION[:1], *DONE])


def silenced() -> Event:
    """Return what a silence held back."""
    return told("silence", datetime(2026, 3, 8, 19, 0, tzinfo=UTC), [*ATTENTION[:1], *DONE])


def maximal() -> Event:
    """As many rows as there can be, of ordinary text."""
    rows = [*jobs(42, ATTENTION[0]), *jobs(25, DONE[1]), *several(32, RUNNING[0])]
    return told("digest", FRIDAY, rows, days=PAST)


def hostile() -> Event:
    """Every text as long and as costly to escape as it may be."""
    long = {"name": '"Größe" & <W> 🔬 ' * 14, "error": "<&\"'> " * 50, "phase": "&" * 120, "path": f"/{'d&' * 299}"}
    rows = [each for like in (ATTENTION[0], DONE[1], RUNNING[0]) for each in jobs(40, like | long)]
    return told("digest", FRIDAY, rows, days={"2026-03-06": (1_000_000, 1)})


DIGESTS = {"digest.daily": daily, "digest.weekly": weekly, "digest.empty": empty, "roundup.quiet": quiet,
           "roundup.overflow": overflow, "roundup.backlog": backlog, "roundup.silence": silenced,
           "digest.maximal": maximal, "digest.hostile": hostile}  # fmt: skip


def render(renderer: Renderer, channel: str, name: str, language: str = "en") -> dict[str, Any]:
    """The digest or round-up as this channel tells it."""
    kind: Kind = "digest" if name.startswith("digest") else "roundup"
    event = DIGESTS[name]()
    return renderer.render(
        channel, kind, event, (event,), language=language, timezone="Europe/Berlin", now=NOW, destination="analysts",
        unsubscribe=UNSUBSCRIBE,
    )  # fmt: skip
