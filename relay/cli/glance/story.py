"""What happened to one operation, as lines: the same as `relay explain OPERATION_ID` says."""

from rich.console import Console, Group
from rich.text import Text

from relay.cli.glance.sheet import Line, Name, Sheet, harmless
from relay.cli.session import StoreSession
from relay.cli.timeline_page import page
from relay.domain.spaces import Space
from relay.errors import AmbiguousId
from relay.operating.timeline import facts_of


async def story(session: StoreSession, run: Name, sheet: Sheet) -> list[Line]:
    """Of the operation that is known by this. StoreUnavailable if Redis does not answer."""
    *space, operation = run
    try:
        timeline = await session.admin.timeline(operation, Space(*space))
    except AmbiguousId as error:
        return [Line(Text(harmless(str(error)), "dim"))]
    if timeline is None:
        return [Line(Text("relay does not know it any more.", "dim"))]
    console = Console(width=sheet.width, height=1, color_system="standard", force_terminal=True, legacy_windows=False)
    rows = console.render_lines(
        Group(*page(facts_of(timeline), sheet.zone, every=False)), console.options.update(height=None)
    )
    return [Line(Text.assemble(*((piece.text, piece.style or "") for piece in row))) for row in rows]
