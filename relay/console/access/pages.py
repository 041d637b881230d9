"""The few pages before one is in. `Render` makes them look as the others do; by itself each is a plain document."""

from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from aiohttp import web
from jinja2 import Environment, FileSystemLoader, StrictUndefined

HERE = Path(__file__).parent
TEMPLATES = (HERE.parent / "templates", HERE / "templates")
# A template's HTML, for whoever sent the request.
Render = Callable[[web.Request, str, Mapping[str, Any]], str]


def plain(_request: web.Request, template: str, values: Mapping[str, Any]) -> str:
    return _environment().get_template(template).render(values)


@cache
def _environment() -> Environment:
    environment = Environment(
        # Its own frame first: that of the console wants to know what only its pages do.
        loader=FileSystemLoader([*reversed(TEMPLATES)]),
        autoescape=True,
        undefined=StrictUndefined,
        extensions=["jinja2.ext.i18n"],
    )
    environment.install_null_translations(newstyle=True)  # type: ignore[attr-defined]
    return environment


def answer(html: str, status: int = 200, headers: Mapping[str, str] | None = None) -> web.Response:
    return web.Response(text=html, status=status, headers=headers, content_type="text/html", charset="utf-8")
