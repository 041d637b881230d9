"""The profile of an event log as a page to read. Pure."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

STYLE = """:root{color-scheme:light dark;font:15px/1.5 system-ui,sans-serif}
h1{font-size:1.4rem}h2{font-size:1.1rem}body{max-width:48rem;margin:2rem auto;padding:0 1rem}
table{border-collapse:collapse;width:100%}td,th{padding:.3rem .6rem;border-bottom:1px solid #8884;text-align:left}
td:nth-child(n+2),th:nth-child(n+2){text-align:right;font-variant-numeric:tabular-nums}"""


def page_of(name: str, profile: Mapping[str, Any]) -> str:
    facts = [("Events", profile["events"]), ("Cases", profile["cases"]), ("Variants", profile["variantCount"]),
             ("From", profile["from"]), ("To", profile["to"])]  # fmt: skip
    facts += [(f"Throughput time, {key}", value) for key, value in profile["throughput"].items()]
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>{escape(name)}</title><style>{STYLE}</style><h1>{escape(name)}</h1>"
        + _table(("", ""), facts)
        + f"<h2>Variants</h2>{_table(('Steps', 'Cases', 'Share'), _variants(profile))}"
        + f"<h2>Activities</h2>{_table(('Activity', 'Events'), _activities(profile))}"
    )


def _variants(profile: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    return [
        (" → ".join(variant["steps"]), variant["cases"], f"{variant['share']}\N{NO-BREAK SPACE}%")
        for variant in profile["variants"]
    ]


def _activities(profile: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    return [(activity["activity"], activity["count"]) for activity in profile["activities"]]


def _table(head: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    def row(cells: Sequence[Any], tag: str) -> str:
        return "<tr>" + "".join(f"<{tag}>{escape(f'{cell}')}</{tag}>" for cell in cells) + "</tr>"

    return f"<table>{row(head, 'th') if any(head) else ''}{''.join(row(cells, 'td') for cells in rows)}</table>"
