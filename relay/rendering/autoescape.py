"""Autoescaping: what events say is made inert before it becomes a part of markup.

Jinja escapes a text that is joined to markup, but does not make it inert; these do both, wherever two texts are put
together. Texts among themselves stay texts: they are made inert where they are printed.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any, Literal

from jinja2 import nodes, pass_context
from jinja2.exceptions import TemplateSyntaxError
from jinja2.filters import FILTERS as JINJA_FILTERS
from jinja2.filters import make_attrgetter
from jinja2.runtime import Context
from jinja2.visitor import NodeTransformer
from markupsafe import Markup, escape

from relay.rendering.faults import MAX_WRITTEN, concat, too_long
from relay.rendering.texts import inert

Escaping = Literal["mrkdwn", "html", "text"]

# Without Markup's own `__new__`, which looks for `__html__` first.
marked: Callable[[str], Markup] = partial(str.__new__, Markup)

_ESCAPED = re.compile("[&<>'\"]")
_ACTIVE = re.compile("[&<>'\"*_~`:]")  # what is escaped or made inert; most texts hold none of it


def mixed(environment: Any, values: Iterable[Any]) -> list[Any]:
    """Return the values, all of them made harmless if any is markup, as the whole will be then."""
    items = list(values)
    if environment.autoescape and any(isinstance(value, Markup) for value in items):
        return [marked(environment.printed(value)) for value in items]
    return items


def filters_of(environment: Any) -> dict[str, Callable[..., Any]]:
    """Return filters that put texts together."""
    printed, escaping = environment.printed, environment.autoescape

    def join(values: Iterable[Any], separator: Any = "", attribute: str | int | None = None) -> str:
        """Join the values; None is empty."""
        if attribute is not None:
            values = map(make_attrgetter(environment, attribute), values)
        items = ["" if value is None else value for value in values]
        if escaping and (type(separator) is Markup or any(type(item) is Markup for item in items)):
            return marked(concat([*map(printed, items)], printed(separator)))
        return concat([*map(str, items)], str(separator))

    def replace(text: Any, old: str, new: Any, count: int = -1) -> str:
        """Replace `old` by `new`."""
        text, new = mixed(environment, [text if isinstance(text, Markup) else str(text), new])
        new = new if isinstance(new, Markup) else str(new)
        if len(text) + text.count(old) * len(new) > MAX_WRITTEN:
            raise too_long()
        replaced: str = text.replace(old, new, count)
        return replaced

    def escaped(value: Any) -> str:
        """Return what is printed anyway, for authors who are used to writing it."""
        return marked(printed(value)) if escaping else str(value)

    return {"join": join, "replace": replace, "e": escaped, "escape": escaped, "select": select}


@pass_context
def select(context: Context, values: Iterable[Any], *tests: Any, **named: Any) -> Iterable[Any]:
    """Return what is not empty, or what passes a test."""
    if tests or named:
        selected: Iterable[Any] = JINJA_FILTERS["select"](context, values, *tests, **named)
        return selected
    return [value for value in values if value]


class Rewriter(NodeTransformer):
    """Rewrite `a ~ b` as `[a, b]|join`, and refuse the one tag that would switch escaping off."""

    def visit_Concat(self, node: nodes.Concat) -> nodes.Node:  # noqa: N802 - the name is Jinja's
        self.generic_visit(node)
        both = nodes.List(node.nodes, lineno=node.lineno)
        return nodes.Filter(both, "join", [], [], None, None, lineno=node.lineno)

    def visit_ScopedEvalContextModifier(self, node: nodes.ScopedEvalContextModifier) -> nodes.Node:  # noqa: N802
        raise TemplateSyntaxError("autoescape cannot be changed: what events say stays text", node.lineno)


def _text(value: Any) -> str:
    return value if type(value) is str else "" if value is None else str(value)


def _mrkdwn(value: Any) -> str:
    if type(value) is Markup or (type(value) is str and not _ACTIVE.search(value)):
        return value
    if isinstance(value, str | list | tuple | dict):  # the last ones: a template that prints a whole object
        return escape(inert(str(value)))
    return "" if value is None else escape(value)


def _html(value: Any) -> str:
    if type(value) is Markup or (type(value) is str and not _ESCAPED.search(value)):
        return value
    return "" if value is None else escape(value)


PRINTED: Mapping[Escaping, Callable[[Any], str]] = {"text": _text, "mrkdwn": _mrkdwn, "html": _html}
"""Makes a value harmless in this kind of text. `Markup`, made by helpers and macros, is meant to be active."""


def gettext_functions() -> dict[str, Callable[..., str]]:
    """Return gettext and its kin. Jinja's own escape their values, but do not pass them through `finalize`."""

    def translator(method: str, texts: int) -> Callable[..., str]:
        @pass_context
        def translate(context: Context, *arguments: Any, **values: Any) -> str:
            if method in ("ngettext", "npgettext"):
                values.setdefault("num", arguments[texts])
            translated: str = getattr(context.resolve_or_missing("formats").language.translations, method)(*arguments)
            environment: Any = context.environment
            text = translated % {name: environment.printed(value) for name, value in values.items()}
            return marked(text) if context.eval_ctx.autoescape else text

        return translate

    functions = {"gettext": 1, "ngettext": 2, "pgettext": 2, "npgettext": 3}
    translators = {name: translator(name, texts) for name, texts in functions.items()}
    return {**translators, "_": translators["gettext"]}
