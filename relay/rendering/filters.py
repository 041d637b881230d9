"""Filters and functions of templates. All know the reader's language."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from babel.lists import format_list
from jinja2 import pass_context
from jinja2.runtime import Context, Undefined
from markupsafe import Markup, escape

from relay.domain.display import ELLIPSIS
from relay.domain.links import ANYWHERE, LinkHosts
from relay.rendering.formats.slack import slack_time
from relay.rendering.localized_values import Localizer, in_minutes, whole_minutes
from relay.rendering.texts import bound_in_html, cut, cut_middle, host_of, inert, line, safe_url, short_id
from relay.rendering.translations import Language

# Left out are those that format to any width (format, center, indent, wordwrap), reach attributes or
# internals (attr, pprint, xmlattr), switch escaping off (safe) or promise what we say in our own way (truncate).
ALLOWED_FILTERS = (
    "abs", "batch", "capitalize", "count", "d", "default", "dictsort", "first", "float", "groupby", "int", "items",
    "last", "length", "list", "lower", "map", "max", "min", "reject", "rejectattr", "reverse", "round", "select",
    "selectattr", "slice", "sort", "string", "striptags", "sum", "title", "trim", "unique", "upper", "urlencode",
    "wordcount",
)  # fmt: skip
# Left out are those that reach the environment or internals (filter, test, sameas, escaped, callable).
ALLOWED_TESTS = (
    "boolean", "defined", "divisibleby", "eq", "equalto", "==", "even", "false", "float", "ge", ">=", "gt", ">",
    "greaterthan", "in", "integer", "iterable", "le", "<=", "lessthan", "lower", "lt", "<", "mapping", "ne", "!=",
    "none", "number", "odd", "sequence", "string", "true", "undefined", "upper",
)  # fmt: skip

# An emoji for Slack, each of another shape, and a sign that every mail program has in its font.
SIGNS = {
    "Initiated": ("🕓", "○"), "Running": ("▶️", "●"), "Completed": ("✅", "✓"), "Failed": ("❌", "✕"),
    "Timeout": ("⏰", "!"), "Cancelled": ("⏹️", "–"), "Pending": ("⏳", "○"), "NotStarted": ("⏭️", "○"),
    "Stalled": ("⚠️", "!"), "Phase": ("☑️", "✓"),
}  # fmt: skip
OTHER_SIGNS = ("🔔", "●")

SHAPES = {
    "mrkdwn": {"link": "<{url}|{text}>", "code": "`{text}`", "pre": "```{text}```"},
    "html": {"link": '<a href="{url}">{text}</a>', "code": "<code>{text}</code>", "pre": "<pre>{text}</pre>"},
    "text": {"link": "{text} ({url})", "code": "{text}", "pre": "{text}"},
}


def tone(status: object) -> str:
    """Return the name of a status's colours in a mail."""
    return str(status).lower() if status in SIGNS else "other"


def bar(percentage: object, width: int = 10) -> str:
    """Draw `▰▰▰▰▰▰▰▱▱▱`; full only at 100, and '' where no percentage is known."""
    if isinstance(percentage, bool) or not isinstance(percentage, int | float):
        return ""
    width = max(1, min(width, 30))
    full = width if percentage >= 100 else min(max(0, int(percentage / 100 * width + 0.5)), width - 1)
    return "▰" * full + "▱" * (width - full)


def shorten(value: object, limit: int = 120) -> str:
    """Return one line of at most `limit` characters."""
    return "" if value is None else cut(line(str(value)), limit)


def middle(value: object, limit: int = 60) -> str:
    """Return one line of at most `limit` characters, without its middle if it is longer."""
    return cut_middle(line(str(value or "")), limit)


def excerpt(value: object, limit: int = 500) -> str:
    """Return the beginning, line breaks kept."""
    return "" if value is None else cut(str(value).strip(), limit)


def last_lines(value: object, limit: int = 500) -> str:
    """Return the lines at the end that fit into the limit together: of a log, and of many traces, they say most."""
    rows = str(value or "").strip().split("\n")
    first, room = len(rows) - 1, limit - len(rows[-1]) - len(ELLIPSIS) - 1
    while first and room > len(rows[first - 1]):
        first -= 1
        room -= len(rows[first]) + 1
    return excerpt("\n".join([ELLIPSIS] * bool(first) + rows[first:]), limit)


def whole_lines(text: str, limit: int = 2500) -> str:
    """Return the lines from the top that fit into the limit together, none of them cut."""
    rows: list[str] = []
    for row in text.split("\n"):
        limit -= len(row) + 1
        if limit < 0:
            break
        rows.append(row)
    shown = "\n".join(rows)
    return Markup(shown) if isinstance(text, Markup) else shown  # noqa: S704 - it was Markup before


@pass_context
def label(context: Context, value: object) -> str:
    """Name a status, type, priority or key in the reader's language."""
    return _language(context).label(str(value)) if value else ""


@pass_context
def figures(context: Context, document: object, without: Iterable[str] = (), limit: int = 8) -> list[dict[str, str]]:
    """List the plain values of a document as `label` and `value`, in the reader's language."""
    if not isinstance(document, Mapping):
        return []
    formats: Localizer = context["formats"]
    rows = [
        {"label": formats.language.label(key), "value": shorten(formats.amount(value), 200)}
        for key, value in document.items()
        if key not in set(without) and isinstance(value, str | int | float) and value != ""
    ]
    return rows[:limit]


@pass_context
def list_and(context: Context, values: Iterable[Any]) -> str:
    """Write `a, b and c`, leaving out what is empty."""
    environment: Any = context.environment
    text = format_list([str(environment.printed(value)) for value in values if value], locale=_language(context).locale)
    return Markup(text) if environment.autoescape else text  # noqa: S704 - each was escaped just now


def _format(method: Callable[..., Any]) -> Callable[..., Any]:
    @pass_context
    def formatted(context: Context, value: Any, *arguments: Any) -> Any:
        if value is None:
            return ""
        return (
            value if isinstance(value, Undefined) else method(context.resolve_or_missing("formats"), value, *arguments)
        )

    return formatted


def _language(context: Context) -> Language:
    formats: Localizer = context["formats"]
    return formats.language


MAX_STEPS = 20
LONGEST_STEP = 3 * 3600.0  # up to here a number of minutes says enough


def timed(formats: Localizer, phases: Iterable[Mapping[str, Any]]) -> list[dict[str, str]]:
    """List each phase's `name`, `duration`, and `usual` one where it was slow; none where fewer than two are known."""
    steps = [phase for phase in phases if _is_known(phase.get("duration"))]
    if not 1 < len(steps) <= MAX_STEPS:
        return []
    usual = [step["usual"] if step.get("slow") and _is_known(step.get("usual")) else None for step in steps]
    times = [step["duration"] for step in steps] + [time for time in usual if time]
    minutes = all(in_minutes(time) and time <= LONGEST_STEP for time in times)

    def lasted(time: float) -> str:
        return formats.num(whole_minutes(time)) if minutes else formats.duration(time)

    rows = [
        {"name": str(step.get("name", "")), "duration": lasted(step["duration"]), "usual": lasted(time) if time else ""}
        for step, time in zip(steps, usual, strict=True)
    ]
    if minutes:
        rows[-1]["duration"] += " min"
    return rows


def _is_known(time: object) -> bool:
    return isinstance(time, int | float) and not isinstance(time, bool) and time >= 0


FILTERS: dict[str, Callable[..., Any]] = {
    "icon": lambda status: SIGNS.get(str(status), OTHER_SIGNS)[0],
    "symbol": lambda status: SIGNS.get(str(status), OTHER_SIGNS)[1],
    "tone": tone, "bar": bar, "label": label, "figures": figures, "list_and": list_and,
    "cut": shorten, "middle": middle, "excerpt": excerpt, "last_lines": last_lines, "whole_lines": whole_lines,
    "bound": bound_in_html, "short_id": short_id,
    **{name: _format(getattr(Localizer, name)) for name in (
        "num", "pct", "duration", "bytes", "rate", "money", "amount", "localtime",
    )},
    "timed": _format(timed),
}  # fmt: skip


# Where texts are mrkdwn, times are Slack's own.
MRKDWN_FILTERS: dict[str, Callable[..., Any]] = {"localtime": _format(slack_time)}


def helpers(escaping: str, hosts: LinkHosts = ANYWHERE) -> dict[str, Callable[..., Any]]:
    """Return `link(url, text)`, `code(text)` and `pre(text)` in the markup of this kind of text."""
    shapes = SHAPES[escaping]

    def shaped(shape: str, **parts: str) -> str:
        if escaping == "text":
            return shapes[shape].format(**parts)
        return Markup(shapes[shape].format(**{name: escape(text) for name, text in parts.items()}))  # noqa: S704

    def link(url: object, text: object) -> str:
        """Link the text, if the address is a safe one on an allowed host."""
        target, shown = safe_url(url, hosts), shorten(text)
        if not target:
            return shown
        linked = shaped("link", url=target, text=inert(shown) if escaping == "mrkdwn" else shown)
        if hosts.shown and escaping != "text":  # in plain text the whole address stands there
            linked += f" ({host_of(target)})"
        return linked

    def code(text: object) -> str:
        """Write an id or a name in a fixed-width font."""
        shown = unfenced(shorten(text, 300))
        return shaped("code", text=shown) if shown else ""

    def pre(text: object, limit: int = 500) -> str:
        """Write lines in a fixed-width font."""
        shown = unfenced(excerpt(text, limit))
        return shaped("pre", text=shown) if shown else ""

    def unfenced(text: str) -> str:
        return text.replace("`", "'") if escaping == "mrkdwn" else text  # nothing else ends Slack's code

    return {"link": link, "code": code, "pre": pre}
