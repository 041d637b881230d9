"""The newest operations and batches: what goes on, what ended, and what is found by a part of its id, name or type."""

from datetime import datetime
from typing import Literal

from pydantic import Field

from relay.console.desk import Desk
from relay.console.times import moment
from relay.console.view import Facts, Question, Unknown
from relay.console.words import NO_PAGE
from relay.store.operations import OperationRow, Operations
from relay.store.running import Goes, Running

MOST = 50


class OperationsQuestion(Question):
    """`text` is a part of the id, the name or the type; `cursor` that of the page before."""

    state: Literal["", "running", "stalled", "over"] = ""
    text: str = Field(default="", max_length=200)
    cursor: str = Field(default="", max_length=200)


class OperationListed(Facts):
    """`state` is running, stalled or over. `first`: when relay first heard of it; of what goes on, when that began."""

    operation: str
    name: str
    type: str
    priority: str
    tenant: str
    project: str
    platform: str
    batch: str
    is_batch: bool
    status: str
    state: str
    percentage: float | None
    phase: str
    first: datetime | None
    last: datetime | None


class OperationsFacts(Facts):
    """The newest first. `cursor` asks for older ones, '' if there are none.

    `looked` were looked at for these; where that was as many as one page may, all since `looked_to`.
    """

    rows: list[OperationListed]
    cursor: str
    looked: int
    looked_to: datetime | None


async def operations(desk: Desk, question: OperationsQuestion) -> OperationsFacts:
    if question.state in ("running", "stalled") and not question.text and not question.cursor:
        going = await Running(desk.store).some(MOST)  # however long ago they began
        others = [row for row in going if not row.stalled]  # which come last
        if len(going) < MOST or (question.state == "stalled" and others):
            rows = [_going(row) for row in going if row.stalled or question.state == "running"]
            return OperationsFacts(rows=rows, cursor="", looked=len(going), looked_to=None)
    try:
        page = await Operations(desk.store, partial=True).page(
            state=question.state, text=question.text, cursor=question.cursor, most=MOST
        )
    except ValueError:
        raise Unknown(NO_PAGE) from None
    return OperationsFacts(
        rows=[listed(row) for row in page.rows],
        cursor=page.cursor,
        looked=page.looked,
        looked_to=moment(page.looked_to),
    )


def _going(row: Goes) -> OperationListed:
    return OperationListed(
        operation=row.subject,
        name=row.title,
        type=row.type,
        priority=row.priority,
        tenant=row.space.tenant,
        project=row.space.project,
        platform=row.space.platform,
        batch="",
        is_batch=row.run.batch,
        status=row.status,
        state="stalled" if row.stalled else "running",
        percentage=row.percentage,
        phase=row.phase,
        first=moment(row.run.started),
        last=moment(row.heard),
    )


def listed(row: OperationRow) -> OperationListed:
    same = [name for name in OperationListed.model_fields if name not in ("operation", "first", "last")]
    values = {name: getattr(row, name) for name in same}
    return OperationListed(**values, operation=row.subject, first=moment(row.first), last=moment(row.last))
