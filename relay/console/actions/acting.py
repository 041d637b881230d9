"""How what is done in the console gets into the audit trail."""

from contextlib import AbstractAsyncContextManager

from relay.console.access import Identity
from relay.console.desk import Desk
from relay.store.audit import COMMAND, Act


class Acting:
    """What is done inside is in `relay audit`, with who does it. StoreUnavailable: nothing is done."""

    def __init__(self, desk: Desk, who: Identity) -> None:
        self._desk = desk
        self._who = who

    def __call__(
        self, action: str, subject: str, *, address: str = "", **detail: str
    ) -> AbstractAsyncContextManager[Act]:
        who = self._who
        return self._desk.audit.act(Act(who.name, action, subject, {**detail, **how_of(who)}, address=address))


def how_of(who: Identity) -> dict[str, str]:
    """Return what the audit trail has of the way by which somebody acts."""
    if who.via != COMMAND:
        return {"by": f"console ({who.via})"}
    return {"by": COMMAND, **({"run_as": who.run_as} if who.run_as else {})}
