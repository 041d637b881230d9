"""What the scripts keep of an operation: short values in packed fields (`scripts/include/records.lua`)."""

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache

from relay.store.packing import Value, unpack

# By field, in the order of the scripts.
PACKED: Mapping[str, Sequence[str]] = {
    "state": (
        "rank", "retry", "at", "seq", "last", "percentage", "phases", "status", "watch:heard", "watch:moved",
        "watch:gaps", "watch:phase", "seq:operation.progress",
    ),
    "run": (
        "first", "began", "kept", "apart", "many", "watch:estimate", "watch:estimated", "watch:planned", "watch:moves",
        "watch:deadline", "watch:alarms", "watch:asked", "seq:operation.started", "seq:operation.phase.completed",
        "seq:operation.stalled", "seq:operation.recovered", "seq:operation.completed", "seq:operation.failed",
        "seq:operation.cancelled", "seq:batch.started", "seq:batch.operation.completed", "seq:batch.completed",
        "away", "followers", "starts",
    ),
    "facts": (
        "id", "fact:platform", "fact:tenant", "fact:project", "fact:original", "fact:retry", "fact:restarts",
        "fact:type", "fact:name", "fact:priority", "fact:batch", "fact:audience", "fact:pressed", "led", "entry:name",
        "entry:type", "entry:priority", "entry:path", "entry:batch", "entry:total", "entry:started", "led_home",
    ),
}  # fmt: skip
FIELDS = (*PACKED,)


@lru_cache(maxsize=4096)  # facts are the same in every event of a run
def values_of(field: str, packed: bytes | None) -> Mapping[str, str]:
    """The values of this field by name, each as text; what is absent is left out."""
    values = zip(PACKED[field], unpack(packed or b""), strict=False)  # a newer relay may keep more
    return {name: _text(value) for name, value in values if value is not None and value is not False}


def values_in(row: Iterable[bytes | None]) -> dict[str, str]:
    """The values of all `FIELDS`, in the order of these."""
    return {
        name: value
        for field, packed in zip(FIELDS, row, strict=True)
        for name, value in values_of(field, packed).items()
    }


def _text(value: Value) -> str:
    """As JSON and Lua write it: 30 for 30.0."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return value if isinstance(value, str) else f"{value}"


def documents_of(row: Mapping[bytes, bytes], up_to: int | None = None) -> list[bytes]:
    """The bodies of the newest events of each name in an operation's record, in the order in which they came.

    `up_to`: without those that came after the event of this number.
    """
    seqs = values_in(row.get(field.encode()) for field in FIELDS)
    kept = [name for name in row if name.startswith(b"doc:")]
    numbered = sorted((int(seqs.get(f"seq:{name[4:].decode()}", 0)), name) for name in kept)
    return [row[name] for number, name in numbered if up_to is None or number <= up_to]
