"""Replaying and dropping dead letters: those that are named, or all that filters hold for."""

from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from pydantic import Field, model_validator

from relay.console.access import Identity
from relay.console.actions.acting import Acting
from relay.console.desk import Desk
from relay.console.questions import Name, When, seconds_of
from relay.console.view import Done, Form
from relay.console.words import said
from relay.operating.acts import GONE, names_of, replay_letter
from relay.operating.blockers import Blockers
from relay.operating.filters import Filter
from relay.operating.sweeps import sweep_dead
from relay.store.dead_pages import DeadPages

EVERY = "all that match"  # as the audit trail says it
NONE_CHOSEN = said("Nothing was done: choose at least one first.")


class DeadForm(Form):
    """`id` names some; `every` means all that these filters hold for and that died before `before` (seconds since the
    epoch).
    """

    id: list[Name] = Field([], max_length=500)
    every: bool = False
    destination: Name = ""
    reason: Name = ""
    event: Name = ""
    since: When = ""
    before: float | None = Field(None, gt=0, lt=1e11)

    @model_validator(mode="after")
    def _one_way(self) -> "DeadForm":
        if self.id and self.every:
            raise ValueError("expected either ids, or every with filters")
        return self

    @property
    def filters(self) -> dict[str, str]:
        names = ("destination", "reason", "event", "since")
        return {name: text for name in names if (text := getattr(self, name))}


@dataclass(frozen=True)
class _Verb:
    name: str
    some: str
    more: str
    none: str
    none_yet: str

    def done(self, count: int, *, more: bool, notes: str = "", failed: int = 0) -> Done:
        """`more`: there may be others that were not looked at. `notes`: the `failed` stay dead, others have to wait."""
        if notes:
            values: dict[str, str | int] = {"count": count, "notes": notes, "failed": failed}
            return Done(BLOCKED[bool(count), more], values, refused=not count)
        if not count:
            return Done(self.none_yet if more else self.none, refused=True)
        return Done(self.more if more else self.some, {"count": count})


REPLAY = _Verb(
    "replay",
    said("%(count)s put back into the queue, with fresh attempts."),
    said("%(count)s put back into the queue so far; there are more: do it again to go on."),
    said("Nothing was replayed: somebody else has just replayed or dropped it."),
    said("Nothing was replayed: none of the newest is meant, and there are more than could be looked at."),
)
DROP = _Verb(
    "drop",
    said("%(count)s dropped for good."),
    said("%(count)s dropped so far; there are more: do it again to go on."),
    said("Nothing was dropped: somebody else has just replayed or dropped it."),
    said("Nothing was dropped: none of the newest is meant, and there are more than could be looked at."),
)


BLOCKED = {  # by whether some were replayed, and there are more
    (True, False): said("%(count)s put back into the queue, with fresh attempts. %(notes)s"),
    (True, True): said("%(count)s put back into the queue so far; there are more: do it again to go on. %(notes)s"),
    (False, False): said("Nothing was replayed: %(notes)s"),
    (False, True): said("Nothing was replayed so far; there are more: do it again to go on. %(notes)s"),
}


async def replay(desk: Desk, form: DeadForm, who: Identity) -> Done:
    blockers = Blockers(desk.store, desk.admin, desk.config(), desk.clock())
    stay, wait = Counter[str](), Counter[str]()

    async def step(ids: list[str]) -> int:
        count = 0
        for name in ids:
            letter = await desk.admin.dead_letter(name)
            if letter is None:
                continue
            blocker = await blockers.of(letter)
            fault = await replay_letter(desk.admin, letter, blocker)
            count += not fault
            if blocker and fault != GONE:
                (stay if fault else wait)[blocker.sentence] += 1
        return count

    def notes() -> str:
        stays = [f"{count} {'stay' if count > 1 else 'stays'}: {why}" for why, count in stay.items()]
        return "; ".join([*stays, *(f"{count}: {why}" for why, count in wait.items())])

    return await _act(desk, form, who, REPLAY, step, notes=notes, stay=stay)


async def drop(desk: Desk, form: DeadForm, who: Identity) -> Done:
    return await _act(desk, form, who, DROP, desk.admin.drop)


async def _act(
    desk: Desk,
    form: DeadForm,
    who: Identity,
    verb: _Verb,
    step: Callable[[list[str]], Awaitable[int]],
    *,
    notes: Callable[[], str] = str,
    stay: Counter[str] | None = None,
) -> Done:
    acting = Acting(desk, who)
    if form.id:
        async with acting(f"dead {verb.name}", names_of(form.id)) as act:
            count, more = await step(form.id), False
            act.outcome = f"{count} of {len(form.id)}"
    elif form.every:
        selection = Filter(form.destination or None, form.reason or None, form.event or None)
        since, before = seconds_of(desk, form.since), form.before or desk.clock()
        async with acting(f"dead {verb.name}", EVERY, **form.filters) as act:
            swept = await sweep_dead(DeadPages(desk.store, partial=True), step, selection, since, before)
            count, more = swept.done, swept.more
            act.outcome = f"{count}, and there are more" if more else f"{count}"
    else:
        return Done(NONE_CHOSEN, refused=True)
    return verb.done(count, more=more, notes=notes(), failed=sum(stay.values()) if stay else 0)
