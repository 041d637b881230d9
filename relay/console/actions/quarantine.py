"""Replaying and dropping what is in the quarantine: what is named, or all that filters hold for."""

from functools import partial

from pydantic import Field, model_validator

from relay.console.access import Identity
from relay.console.actions.acting import Acting
from relay.console.actions.dead import EVERY, NONE_CHOSEN
from relay.console.desk import Desk
from relay.console.questions import Name, When
from relay.console.view import Done, Form
from relay.console.views.quarantine import Kind, QuarantineFilter, query_of
from relay.console.words import said
from relay.operating import acts
from relay.operating.quarantine import take
from relay.operating.sweeps import Swept, sweep_quarantine
from relay.store.quarantine_pages import QuarantinePages


class QuarantineForm(Form):
    """`id` names some; `every` means all that these filters hold for and that came before `before` (seconds since the
    epoch).
    """

    id: list[Name] = Field([], max_length=200)
    every: bool = False
    source: Name = ""
    kind: Kind = ""
    since: When = ""
    before: float | None = Field(None, gt=0, lt=1e11)

    @model_validator(mode="after")
    def _one_way(self) -> "QuarantineForm":
        if self.id and self.every:
            raise ValueError("expected either ids, or every with filters")
        return self

    @property
    def filter(self) -> QuarantineFilter:
        return QuarantineFilter(source=self.source, kind=self.kind, since=self.since)


# By whether some were refused, some were gone, and there are more; of what is named there are never more.
TAKEN = {
    (False, False, False): said("%(count)s taken as events."),
    (False, False, True): said("%(count)s taken as events so far; there are more: do it again to go on."),
    (False, True, False): said("%(count)s taken as events; %(gone)s somebody else has just replayed or dropped."),
    (True, False, False): said("%(count)s taken as events; %(failed)s stay, because they are still refused."),
    (True, False, True): said(
        "%(count)s taken as events so far; %(failed)s stay, because they are still refused; there are more: do it "
        "again to go on."
    ),
    (True, True, False): said(
        "%(count)s taken as events; %(failed)s stay, because they are still refused; %(gone)s somebody else has just "
        "replayed or dropped."
    ),
}
NONE_TAKEN = {  # of those that are refused with the first one's reason
    (False, True, False): said("Nothing was taken: somebody else has just replayed or dropped it."),
    (True, False, False): said("Nothing could be taken: %(fault)s"),
    (True, False, True): said("Nothing could be taken so far, and there are more: %(fault)s"),
    (True, True, False): said("Nothing could be taken: %(fault)s"),
}
DROPPED = {  # by whether some were gone, and there are more
    (False, False): said("%(count)s dropped from the quarantine for good."),
    (False, True): said("%(count)s dropped from the quarantine so far; there are more: do it again to go on."),
    (True, False): said(
        "%(count)s dropped from the quarantine for good; %(gone)s somebody else has just replayed or dropped."
    ),
}
NONE_DROPPED = said("Nothing was dropped from the quarantine: somebody else has just replayed or dropped it.")


async def replay(desk: Desk, form: QuarantineForm, who: Identity) -> Done:
    """Read again by today's rules, and ingested. What is still refused stays, with the reason in what is answered."""
    swept = await _swept(desk, form, who, "replay")
    return Done(NONE_CHOSEN, refused=True) if swept is None else taken(swept)


async def drop(desk: Desk, form: QuarantineForm, who: Identity) -> Done:
    swept = await _swept(desk, form, who, "drop")
    return Done(NONE_CHOSEN, refused=True) if swept is None else dropped(swept)


def taken(swept: Swept) -> Done:
    """What came of a replay."""
    how = bool(swept.faults), bool(swept.gone), swept.more
    text = TAKEN[how] if swept.done else NONE_TAKEN.get(how, TAKEN[how])
    values: dict[str, str | int] = {"count": swept.done, "failed": len(swept.faults), "gone": swept.gone}
    return Done(text, values | {"fault": next(iter(swept.faults.values()), "")}, refused=not swept.done)


def dropped(swept: Swept) -> Done:
    """What came of dropping them."""
    if swept.gone and not swept.done:
        return Done(NONE_DROPPED, refused=True)
    text = DROPPED[bool(swept.gone), swept.more]
    return Done(text, {"count": swept.done, "gone": swept.gone}, refused=not swept.done)


async def _swept(desk: Desk, form: QuarantineForm, who: Identity, verb: str) -> Swept | None:
    """None where nothing was chosen."""
    taking = None if verb == "drop" else partial(take, config=desk.config(), ingest=desk.ingest, now=desk.clock())
    acting, pages = Acting(desk, who), QuarantinePages(desk.store)
    if form.id:
        swept = Swept()
        async with acting(f"quarantine {verb}", acts.names_of(form.id)) as act:
            for name in form.id:
                entry = await desk.admin.quarantined_body(name)
                if entry and taking and (fault := await acts.take_again(desk.admin, entry, taking)):
                    swept.faults[name] = fault
                elif entry and (taking or await desk.admin.release([name])):
                    swept.done += 1
                else:
                    swept.gone += 1
            act.outcome = f"{swept.done} of {len(form.id)}"
        return swept
    if not form.every:
        return None
    query = query_of(desk, form.filter, form.before or desk.clock())
    async with acting(f"quarantine {verb}", EVERY, **form.filter.given) as act:
        swept = await sweep_quarantine(pages, desk.admin, taking, query)
        act.outcome = f"{swept.done}, {len(swept.faults)} refused" if swept.faults else f"{swept.done}"
    return swept
