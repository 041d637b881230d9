"""What claim.lua answers, read: each delivery is a flat array."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, cast

from relay.domain.deliveries import Delivery, Kind, Trial
from relay.domain.events import Event
from relay.domain.parsing import load
from relay.store.bundles import BUNDLE_KINDS
from relay.store.records import OVER, documents_of, values_of
from relay.store.sealing import BODY, ERROR, Sealer, open_texts, opened
from relay.store.target_plan import delivery_options_of

TIMES = ("failing", "failed", "doubted", "repeated", "works", "deaf")  # of a Trial


def bundle_of(row: Sequence[Any]) -> str:
    """The id of the bundle that a claimed delivery carries; '' for one of an event."""
    return row[12].decode() if row[5].decode() in BUNDLE_KINDS else ""


def operation_of(row: Sequence[Any]) -> str:
    """Of a claimed delivery whose operation lives in another partition: its name; '' for all others."""
    return str(row[14].decode())


def is_behind(row: Sequence[Any], fields: Mapping[bytes, bytes]) -> bool:
    """Whether more has become of the run than the partition of a live message had heard: a new run, or its end."""
    run, rank = _course(fields)
    heard = int(row[16] or -1)
    return bool(row[5] == b"live") and (run > heard or (run == heard and rank == int(OVER) != row[17]))


def has_heard(row: Sequence[Any], fields: Mapping[bytes, bytes]) -> bool:
    """Whether that partition has heard of more since the delivery was claimed, given what it knows of the operation."""
    return _course(fields) != (int(row[16] or -1), row[17])


def _course(fields: Mapping[bytes, bytes]) -> tuple[int, int]:
    """The number of the run, and its rank; -1 where nothing is known."""
    state = values_of("state", fields.get(b"state"))
    return int(state.get("retry", -1)), int(state.get("rank", -1))


def documents(row: Sequence[Any], fields: Mapping[bytes, bytes]) -> list[bytes]:
    """What a claimed delivery is made from, oldest first: the newest event of each name in the operation's record."""
    return documents_of(fields, int(row[15]) if row[15] else None)  # of a live message: all


def open_bodies(row: list[Any], sealer: Sealer | None) -> None:
    """Put in place of what is sealed what it says. Unsealable if it cannot be opened here."""
    record = row[19].decode()
    row[9] = row[9] and opened(sealer, row[9], BODY, record)
    row[10] = [opened(sealer, body, BODY, record) for body in row[10]]
    words = row[18]  # names and values in turn
    if b"said" in words:
        value = words.index(b"said") + 1
        opening = open_texts(sealer, {"said": words[value].decode("utf-8", "replace")}, {"said": ERROR})
        words[value] = opening["said"].encode("utf-8", "replace")


def delivery(row: Sequence[Any], bundle: Event | None = None) -> Delivery:
    """One claimed delivery, from the flat array that claim.lua answers. `bundle` is what its bundle holds."""
    texts = [item.decode() for item in row[:6]]
    name, lease, destination, channel, address, kind = texts
    attempts, unknowns, created = (int(item) for item in row[6:9])
    history = tuple(load(body) for body in row[10])
    own = history[row[10].index(row[9])] if row[9] in row[10] else load(row[9]) if row[9] else None
    event = bundle or own or (history[-1] if history else None)
    if event is None:
        raise LookupError(name)
    thread = [item.decode() for item in row[11]]
    return Delivery(
        id=name,
        lease=lease,
        destination=destination,
        channel=channel,
        address=address,
        kind=BUNDLE_KINDS.get(kind, cast("Kind", kind)),
        event=event,
        history=history,
        thread=dict(zip(thread[::2], thread[1::2], strict=True)),
        attempt=attempts + 1,
        created_at=datetime.fromtimestamp(created / 1000, UTC),
        unknown=unknowns > 0,
        lane=row[12].decode(),
        options=delivery_options_of(row[13]),
        **_telling(kind, row[18]),
    )


def _telling(kind: str, words: Sequence[bytes | int]) -> dict[str, Any]:
    """How it is told beside what it says, from names and values in turn."""
    texts = [word.decode("utf-8", "replace") if isinstance(word, bytes) else str(word) for word in words]
    how = dict(zip(texts[::2], texts[1::2], strict=True))
    return {
        "broadcast": kind == "reply" and how.get("broadcast") == "1",
        "wording": how.get("as", ""),
        "group": how.get("group", ""),
        "window": float(how.get("window", 0)) / 1000,
        "mishap": how.get("said", ""),
        "trial": _trial(how),
        "host": how.get("host", ""),
    }


def _trial(how: Mapping[str, str]) -> Trial:
    seconds = {name: float(how[name]) / 1000 for name in TIMES if name in how}
    probe = int(how["probe"]) if "probe" in how else None
    return Trial(faults=int(how.get("faults", 0)), probe=probe, **seconds)
