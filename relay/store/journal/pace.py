"""Waits and sizes of the journal in one value."""

from dataclasses import dataclass

from relay.store.failover import REPLICA_TIMEOUT


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds, and how many of something are read or decided at once."""

    poll: float = 0.05  # between two looks into the inbox of an owner without work
    poll_alone: float = 0.25  # the same where no other process takes events
    answered: float = 2.0  # that a process waits for the answer to an act that it appended
    stopping: float = 1.0  # that a stop waits for what is under way
    confirmed: float = REPLICA_TIMEOUT  # that replicas may take to confirm a write
    inbox_page: int = 128  # entries
    index_page: int = 5_000  # members
    hot: int = 64 << 20  # bytes of what an owner keeps in memory


PACE = Pace()
