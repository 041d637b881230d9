"""How what is done in the console gets into the audit trail."""

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from functools import wraps
from typing import Any

from relay.console.access import Identity
from relay.console.desk import Desk
from relay.console.view import Done
from relay.store.audit import COMMAND, Act

Perform = Callable[[Desk, Any, Identity], Awaitable[Done]]


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


def for_each_of_a_team(act: Perform) -> Perform:
    """Do an act at each destination that the form's name stands for, and answer with all that came of it."""

    @wraps(act)
    async def acts(desk: Desk, form: Any, who: Identity) -> Done:
        names = desk.config().destinations_of(form.name)
        done = [await act(desk, form.model_copy(update={"name": name}), who) for name in names]
        if len(done) == 1:
            return done[0]
        text = " ".join(one.text % one.values for one in done).replace("%", "%%")
        sent = [row for one in done for row in one.facts.get("sent", ())]
        return Done(text, refused=all(one.refused for one in done), facts={**done[0].facts, "sent": sent})

    return acts
