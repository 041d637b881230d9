"""Replaying and dropping what is in the quarantine: what is named, or all that filters hold for."""

from functools import partial

from pydantic import Field, model_validator

from relay.console.access import Who
from relay.console.actions.acting import Acting
from relay.console.actions.dead import EVERY, NONE_CHOSEN
from relay.console.desk import Desk
from relay.console.questions import Name, When
from relay.console.view import Done, Form
from relay.console.views.quarantine import Kind, QuarantineFilter, query_of
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


async def replay(desk: Desk, form: QuarantineForm, who: Who) -> Done:
    """Read again by today's rules, and ingested. What is still refused stays, with the reason in what is answered."""
    swept = await _swept(desk, form, who, "replay")
    if swept is None:
        return Done(NONE_CHOSEN, refused=True)
    values: dict[str, str | int] = {"count": swept.done, "failed": len(swept.faults)}
    if swept.faults and not swept.done:
        return Done("Nothing could be taken: %(fault)s", {"fault": next(iter(swept.faults.values()))}, refused=True)
    if swept.faults:
        return Done("%(count)s taken as events; %(failed)s stay, because they are still refused.", values)
    if swept.more:
        return Done("%(count)s taken as events so far; there are more: do it again to go on.", values)
    return Done("%(count)s taken as events.", values, refused=not swept.done)


async def drop(desk: Desk, form: QuarantineForm, who: Who) -> Done:
    swept = await _swept(desk, form, who, "drop")
    if swept is None:
        return Done(NONE_CHOSEN, refused=True)
    return Done("%(count)s dropped from the quarantine for good.", {"count": swept.done}, refused=not swept.done)


async def _swept(desk: Desk, form: QuarantineForm, who: Who, verb: str) -> Swept | None:
    """None where nothing was chosen."""
    taking = None if verb == "drop" else partial(take, config=desk.config(), ingest=desk.ingest, now=desk.clock())
    acting, pages = Acting(desk, who), QuarantinePages(desk.store)
    if form.id:
        swept = Swept()
        async with acting(f"quarantine {verb}", acts.names_of(form.id)) as act:
            for name in form.id:
                entry = await desk.admin.quarantined_body(name)
                if entry is None:
                    swept.faults[name] = acts.GONE
                elif taking and (fault := await acts.replay(desk.admin, entry, taking)):
                    swept.faults[name] = fault
                else:
                    swept.done += 1 if taking else await desk.admin.release([name])
            act.outcome = f"{swept.done} of {len(form.id)}"
        return swept
    if not form.every:
        return None
    query = query_of(desk, form.filter, form.before or desk.clock())
    async with acting(f"quarantine {verb}", EVERY, **form.filter.given) as act:
        swept = await sweep_quarantine(pages, desk.admin, taking, query)
        act.outcome = f"{swept.done}, {len(swept.faults)} refused" if swept.faults else f"{swept.done}"
    return swept
