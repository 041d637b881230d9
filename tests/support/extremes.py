"""The same event as senders at the extremes would tell it.

minimal   no more than a sender must say
typical   as it is
maximal   as long and as many as may be: names of 200 characters, 60 phases, 50 files, 300 operations
hostile   mentions, links, markup, quotes, line breaks, marks that turn the writing round, in every free text
empty     zero where there is a number, nothing where there is a text
"""

from collections.abc import Callable, Mapping
from copy import deepcopy
from typing import Any

from relay.rendering.samples import minimal

Body = dict[str, Any]

HOSTILE = (
    "<!channel> <@U012AB3CD> <#C012AB3CD|x> <https://evil.example|click> &lt;!here&gt; {{7*7}} {% raw %} ${7*7}"
    " \"quotes\" 'single' <script>alert(1)</script><img src=x onerror=alert(1)> *bold* _italic_ ~gone~ `code`"
    " \u202eesrever\u202c zero\u200bwidth \ufeff\u2066isolate\u2069 👩‍🔬 :tada: \x00\x07\x1b[31m\u2028 שלום"
    "\r\nBcc: evil@example.com\n> quoted\n```block```"
)
LONGEST = 990  # characters of a text that relay accepts from a sender, with some room
MAX_TYPE = 128

# What names things and times, instead of describing them. Extremes there are refused on arrival.
FIXED = {"event", "eventId", "timestamp", "status", "priority", "operationId", "batchId", "tenantId", "projectId",
         "trackingUrl", "operationKey", "dependencies", "rule", "by", "kind", "from", "to", "since", "began", "until",
         "zone", "id", "at", "started", "date", "path"}  # fmt: skip
FIXED_ENDINGS = ("Time", "Completion", "At", "Created", "Event", "Estimate", "deadline")


def maximal(body: Body) -> Body:
    """Return the body at its limits: the longest names, and the most phases, files and operations."""
    grown = _everywhere(body, lambda text: f"{text} 🔬 & <{'W' * 200}>")
    operation, results = grown.get("operation", {}), grown.get("results", {})
    if operation.get("phases"):
        operation["phases"] = [dict(operation["phases"][0], phaseName=f"Phase {n}") for n in range(60)]
    if results.get("artifacts"):
        file = results["artifacts"][0] | {"downloadUrl": f"https://api.example.com/{'d' * 1900}"}
        results["artifacts"] = [dict(file, name=f"File {n} {'n' * 300}") for n in range(50)]
    if results.get("recommendations"):
        results["recommendations"] *= 25
    if "summary" in results:
        results["summary"] |= {f"figureNumber{n}": n * 1_000_003 for n in range(60)}
    if "error" in grown:
        grown["error"]["message"] = "Traceback & <more>\n" * 500
    if grown.get("batch", {}).get("operations"):
        member = grown["batch"]["operations"][-2:][0]
        grown["batch"]["operations"] += [
            dict(member, operationId=f"op-{n}", operationKey="k" * 200) for n in range(300)
        ]
    if grown.get("troubles"):
        grown["troubles"] = [dict(row, affected=row["affected"] * 20) for row in grown["troubles"] * 8]
    if grown.get("entries"):  # of a digest
        grown["entries"] = (grown["entries"] * 60)[:60]
    return grown


def hostile(body: Body) -> Body:
    """The same event with everything hostile in every text that is free."""
    return _everywhere(body, lambda text: f"{HOSTILE} {text}")


def empty(body: Body) -> Body:
    """The same event with nothing in it: every number 0, every free text none."""
    return _everywhere(body, lambda _: None, lambda _: 0)


FIXTURES: Mapping[str, Callable[[Body], Body]] = {
    "minimal": minimal, "typical": deepcopy, "maximal": maximal, "hostile": hostile, "empty": empty,
}  # fmt: skip


def _everywhere(
    body: Body, text: Callable[[str], str | None], figure: Callable[[float], float] = lambda number: number
) -> Body:
    def walk(value: Any, key: str) -> Any:
        if isinstance(value, dict):
            return {name: walk(item, name) for name, item in value.items()}
        if isinstance(value, list):
            return [walk(item, key) for item in value]
        if isinstance(value, int | float) and not isinstance(value, bool):
            return figure(value)
        if not isinstance(value, str) or key in FIXED or key.endswith(FIXED_ENDINGS):
            return value
        changed = text(value)
        return changed and changed[: MAX_TYPE if key == "operationType" else LONGEST]

    changed: Body = walk(deepcopy(body), "")
    return changed
