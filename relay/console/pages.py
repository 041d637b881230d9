"""Facts as pages: the templates, with times in the relay's time zone; and the files that they load."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache, lru_cache
from mimetypes import guess_type
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from aiohttp import web
from aiohttp.typedefs import Handler
from babel.dates import format_datetime, format_timedelta
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from relay.console.access.browser import STATIC
from relay.console.facts import why_of
from relay.console.folding import folded
from relay.console.views.deliveries import ADDRESS
from relay.operating.sentences import sentence_of
from relay.rendering.filters import FILTERS
from relay.rendering.localized_values import Localizer
from relay.rendering.texts import host_of
from relay.rendering.translations import Catalogues

HERE = Path(__file__).parent
STATIC_FILES = HERE / "static"
JUST_NOW = 5  # seconds around this moment
LOCAL = re.compile(r"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d) [A-Z+-]\w+")  # as relay/operating/clocks.py writes it
LOCALE = "en_GB"  # 26 Nov 2026, 13:21: English as it is written in most places, whose clocks have 24 hours
ENGLISH = Catalogues([]).language("en")  # words for statuses, types and priorities as messages have them


def render(template: str, values: Mapping[str, Any]) -> str:
    return _environment().get_template(template).render(_timed(values))


# Names of platforms by a part of their hosts.
MAKERS = {
    "github": "GitHub", "gitlab": "GitLab", "jenkins": "Jenkins", "terraform": "Terraform", "getdbt": "dbt Cloud",
    "databricks": "Databricks", "fivetran": "Fivetran", "airbyte": "Airbyte", "prefect": "Prefect",
    "console.cloud.google": "Google Cloud", "aws.amazon": "AWS", "grafana": "Grafana",
}  # fmt: skip


def maker(url: str) -> str:
    """Return whose page it is: the platform's name, else the host."""
    host = host_of(url)
    return next((name for part, name in MAKERS.items() if part in host), host)


def counted(count: int, singular: str, many: str = "") -> str:
    """Return `1 message` or `2 messages`; `many` where it is not one with an s."""
    return f"{count} {singular if count == 1 else many or f'{singular}s'}"


@cache  # it compiles each template once
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals["counted"] = counted
    environment.filters.update(
        label=lambda word, kind="": ENGLISH.of(kind).label(word),
        symbol=FILTERS["symbol"],
        number=ENGLISH.patterns.decimal,
        percent=ENGLISH.patterns.percent,
        why=why_of,
        given=lambda values: {name: value for name, value in values.items() if value},
        moment=lambda iso: datetime.fromisoformat(iso) if iso else None,
        lasting=Localizer(ENGLISH, ZoneInfo("UTC"), datetime.fromtimestamp(0, UTC)).duration,
        folded=folded,
        maker=maker,
    )
    return environment


def _timed(values: Mapping[str, Any]) -> dict[str, Any]:
    """Add what a template says times with: both go by when the page is made, and by the relay's zone."""
    now, zone = values["now"], ZoneInfo(values["zone"])

    def at(moment: datetime | None) -> Markup:
        """Return the time by the zone's clock."""
        if moment is None:
            return Markup()
        return _time(moment, zone, _formatted(moment.replace(microsecond=0), zone, "medium"))

    def ago(moment: datetime | None) -> Markup:
        """Return how long ago, or in how long."""
        if moment is None:
            return Markup()
        delta = moment - now
        if abs(delta.total_seconds()) < JUST_NOW:
            return _time(moment, zone, "just now")
        text = format_timedelta(delta, add_direction=True, locale=LOCALE, threshold=1.2)
        return _time(moment, zone, text)

    def dated(text: str) -> Markup:
        """Return a text of an operator's terminal with its times as pages write them."""

        def written(time: re.Match[str]) -> str:
            try:
                return str(at(datetime.fromisoformat(time[1]).replace(tzinfo=zone)))
            except (ValueError, OverflowError):  # no time, but what another side has said
                return time[0]

        return Markup(LOCAL.sub(written, str(escape(text))))  # noqa: S704 - it is escaped

    def sentence(line: Mapping[str, Any]) -> Markup:
        """Return a line of an operation's timeline in words, a permalink as a link."""
        spoken = {**line, "status": ENGLISH.label(line["status"])} if line.get("status") else line
        text, receipt = dated(sentence_of(spoken, values["zone"])), line.get("receipt", "")
        if not ADDRESS.fullmatch(receipt):
            return text
        link = Markup('<a href="{}" rel="noreferrer">Open the message</a>').format(receipt)
        return text.replace(escape(receipt), link)

    return {**values, "at": at, "ago": ago, "dated": dated, "sentence": sentence}


def _time(moment: datetime, zone: ZoneInfo, text: str) -> Markup:
    local = moment.astimezone(zone)
    hour = moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0)  # local ones may come twice
    name = _formatted(hour, zone, "zzz")
    iso = moment.astimezone(UTC).isoformat(timespec="seconds")
    whole = f"{local:%Y-%m-%d %H:%M:%S} {name}"
    return Markup(f'<time datetime="{iso}" title="{escape(whole)}">{escape(text)}</time>')  # noqa: S704 - each is escaped


@lru_cache(4096)  # a page has many, and mostly the same when it is loaded again
def _formatted(moment: datetime, zone: ZoneInfo, form: str) -> str:
    return format_datetime(moment.astimezone(zone), form, locale=LOCALE)


def static_routes() -> list[web.RouteDef]:
    """Return a route for each file, served from memory: no deadline ends asyncio's `sendfile` cleanly."""
    files = sorted(file for file in STATIC_FILES.rglob("*") if file.is_file())
    return [web.get(f"{STATIC}{file.relative_to(STATIC_FILES).as_posix()}", _giving(file)) for file in files]


def _giving(file: Path) -> Handler:
    content, content_type = file.read_bytes(), guess_type(file.name)[0] or "application/octet-stream"

    async def give(_request: web.Request) -> web.Response:
        return web.Response(body=content, content_type=content_type)

    return give
