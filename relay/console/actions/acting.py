"""How what is done in the console gets into the audit trail."""

from contextlib import AbstractAsyncContextManager

from relay.console.access import Identity
from relay.console.desk import Desk
from relay.store.audit import Act


class Acting:
    """What is done inside is in `relay audit`, with who does it. StoreUnavailable: nothing is done."""

    def __init__(self, desk: Desk, who: Identity) -> None:
        self._desk = desk
        self._who = who

    def __call__(self, action: str, subject: str, **detail: str) -> AbstractAsyncContextManager[Act]:
        how = {**detail, "by": f"console ({self._who.via})"}
        return self._desk.audit.act(Act(self._who.name, action, subject, how))
