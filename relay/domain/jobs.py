"""Jobs: runs of the same platform, tenant, project, type and name, whatever numbers the name has. Pure."""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, NamedTuple

from relay.domain.events import WATCH_EVENTS, Event
from relay.domain.json_access import finite, mapping

LONGEST = 120  # characters of a job's name
READ = 1000  # characters that are folded, as many as an operation's name may have: what is left out tells no jobs apart
FIELD = re.compile(r"\{([A-Za-z_]\w*(?:\.\w+)*)\}")
_MONTHS = ("January February March April May June July August September October November December "
           "Januar Februar März Mai Juni Juli Oktober Dezember")  # fmt: skip
_DAYS = ("Monday Tuesday Wednesday Thursday Friday Saturday Sunday "
         "Montag Dienstag Mittwoch Donnerstag Freitag Samstag Sonntag")  # fmt: skip
# What differs from run to run: UUIDs and other long ids, numbers with what joins them to dates and times, and the full
# names of months and weekdays in English and German.
_DIFFERS = re.compile(
    r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b|\b(?=[a-f]*\d)[0-9a-f]{8,}\b|\d+(?:[-./:_T]\d+)*Z?(?!\w)|\d+"
    rf"|(?<![^\W_])(?:{'|'.join([*_MONTHS.split(), *_DAYS.split()])})(?![^\W_])",
    re.IGNORECASE,
)
_FOLDED = "#"


class Job(NamedTuple):
    """Key of a job."""

    platform: str
    tenant: str
    project: str
    type: str
    name: str  # with # for each of what differs from run to run

    @property
    def title(self) -> str:
        """Return its name for people, without the marks for numbers."""
        return " ".join(re.sub(r"[\s\-–—_·:.,/()\[\]]*#[#\s\-–—_·:.,/()\[\]]*", " ", self.name).split()) or self.type

    @property
    def part(self) -> str:
        """Return the longest text that the names of all its runs share; '' for nothing but punctuation."""
        return max((text.strip() for text in self.name.split(_FOLDED) if re.search(r"\w", text)), key=len, default="")


def job_of(event: Event, *, name: str | None = "") -> Job | None:
    """Return the job of the event's run; None for a batch, or an operation without a name.

    `name` is what the operator's template says instead of the operation's name (`named`); None where the template
    names a field that is not known.
    """
    run = event.operation
    if missing := missing_job(event):
        return missing
    if run is None or event.about_batch or name is None or event.name.startswith("batch."):
        return None
    if folded := fold(name or run.name):
        return Job(event.platform, event.tenant, event.project, run.type, folded)
    return None


def missing_job(event: Event) -> Job | None:
    """Return the job that relay reports as missing a run (relay/policy/missing.py)."""
    parts = event.document.get("job") if event.name in WATCH_EVENTS and event.source == "relay" else None
    return Job(*map(str, parts)) if isinstance(parts, list) and len(parts) == len(Job._fields) else None


def named(template: str, *documents: Mapping[str, Any]) -> str | None:
    """Fill in a template such as `{operationType} {parameters.dataset}`, each field from the first document with it.

    None where no document does; '' without a template. A long name is cut.
    """
    texts = {path: _stated(path, documents) for path in FIELD.findall(template)}
    return None if None in texts.values() else FIELD.sub(lambda match: texts[match[1]] or "", template)[:READ]


@lru_cache(maxsize=4096)  # all events of a run have its name
def fold(name: str) -> str:
    """Replace with # whatever differs from run to run: `Sales 2024-01-20, batch 7` is `Sales #, batch #`."""
    return " ".join(_DIFFERS.sub(_FOLDED, name).split())[:LONGEST]


def _stated(path: str, documents: tuple[Mapping[str, Any], ...]) -> str | None:
    for document in documents:
        value: Any = document
        for key in path.split("."):
            value = mapping(value).get(key)
        if isinstance(value, str) and value.strip():
            return value.strip()
        if (number := finite(value)) is not None:
            return f"{number:g}"
    return None
