"""A bar chart as plain SVG: one bar a subject, relay's in a colour of their own, for light pages and dark ones."""

from collections.abc import Sequence
from html import escape

LABEL, BAR, VALUE, LINE, TOP = 330, 420, 110, 26, 44  # pixels

STYLE = """\
text { font: 13px system-ui, sans-serif; fill: #1f2328 } .title { font-weight: 600 }
.peer { fill: #8c959f } .relay { fill: #0969da }
@media (prefers-color-scheme: dark) { text { fill: #e6edf3 } .peer { fill: #6e7681 } .relay { fill: #4493f8 } }"""


def bars(title: str, values: Sequence[tuple[str, float]], form: str = ",.0f") -> str:
    """The chart; the longest bar is the whole width."""
    longest = max((value for _, value in values), default=0) or 1
    width, height = LABEL + BAR + VALUE, TOP + LINE * len(values) + 10
    rows = (_row(TOP + LINE * number, *pair, longest, form) for number, pair in enumerate(values))
    return "\n".join([
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" role="img">',
        f"<title>{escape(title)}</title>",
        f"<style>{STYLE}</style>",
        f'<text class="title" x="10" y="24">{escape(title)}</text>',
        *rows,
        "</svg>",
        "",
    ])  # fmt: skip


def _row(y: int, name: str, value: float, longest: float, form: str) -> str:
    kind = "relay" if name.startswith("relay") else "peer"
    length = max(1.0, BAR * value / longest)
    return (
        f'<text x="{LABEL - 10}" y="{y + 14}" text-anchor="end">{escape(name)}</text>'
        f'<rect class="{kind}" x="{LABEL}" y="{y}" width="{length:.1f}" height="18" rx="2"/>'
        f'<text x="{LABEL + length + 8:.1f}" y="{y + 14}">{value:{form}}</text>'
    )
