"""The Jinja environments: what templates can do, and how each kind of text escapes what events say.

Templates are their author's code, not the sender's; the sandbox keeps a slip or a borrowed template from
reaching Python and from forgetting to escape, and refuses what would grow at once. It bounds neither time nor memory:
`relay.rendering.isolated` does. Compiling computes nothing, so a file of any content may be compiled anywhere.
"""

from collections.abc import Callable, Mapping
from functools import lru_cache
from types import CodeType
from typing import Any, Literal

from jinja2 import BaseLoader, nodes, pass_context
from jinja2.compiler import CodeGenerator, Frame
from jinja2.exceptions import SecurityError
from jinja2.filters import FILTERS as JINJA_FILTERS
from jinja2.runtime import Context, LoopContext
from jinja2.sandbox import ImmutableSandboxedEnvironment
from markupsafe import Markup

from relay.domain.links import ANYWHERE, LinkHosts
from relay.rendering import autoescape
from relay.rendering.absent import Absent
from relay.rendering.filters import FILTERS, MRKDWN_FILTERS, helpers
from relay.rendering.texts import inert

Escaping = Literal["mrkdwn", "html", "text"]

# Left out are those that format to any width (format, center, indent, wordwrap), reach attributes or
# internals (attr, pprint, xmlattr), switch escaping off (safe) or promise what we say in our own way (truncate).
ALLOWED_FILTERS = (
    "abs", "batch", "capitalize", "count", "d", "default", "dictsort", "first", "float", "groupby", "int", "items",
    "last", "length", "list", "lower", "map", "max", "min", "reject", "rejectattr", "reverse", "round", "select",
    "selectattr", "slice", "sort", "string", "striptags", "sum", "title", "trim", "unique", "upper", "urlencode",
    "wordcount",
)  # fmt: skip
ALLOWED_METHODS: dict[type, tuple[str, ...]] = {  # of nothing else any
    str: ("capitalize", "endswith", "find", "isdigit", "lower", "lstrip", "removeprefix", "removesuffix", "rstrip",
          "split", "splitlines", "startswith", "strip", "title", "upper"),
    dict: ("get", "items", "keys", "values"),
}  # fmt: skip


# What was compiled already, for every environment of this process: they differ in nothing else that code depends on.
Key = tuple[bool, str, str | None, str | None]
COMPILED: dict[Key, CodeType] = {}
MAX_COMPILED = 4096


class LineByLine(CodeGenerator):
    """Also knows the line of each part of an expression that is written over several: Jinja knows that of its first."""

    def visit_Getattr(self, node: nodes.Getattr, frame: Frame, **kwargs: Any) -> None:  # noqa: N802 - the name is Jinja's
        if node.lineno == self._last_line:
            super().visit_Getattr(node, frame, **kwargs)
            return
        self.write("(")  # inside of which a line may end
        self.newline(node)
        super().visit_Getattr(node, frame, **kwargs)
        self.write(")")


class Sandbox(ImmutableSandboxedEnvironment):
    """A closed world: documents are data without methods of their own, operators work on numbers."""

    code_generator_class = LineByLine
    intercepted_binops = frozenset({"*", "**", "%", "+"})
    escaping: Escaping = "text"
    hosts: LinkHosts = ANYWHERE

    def compile(
        self, source: Any, name: str | None = None, filename: str | None = None, *args: Any, **kwargs: Any
    ) -> Any:
        """The code of a template, from `COMPILED` if it is known: most files stay the same from reload to reload."""
        if not isinstance(source, str) or args or kwargs:
            return super().compile(source, name, filename, *args, **kwargs)
        key = (bool(self.autoescape), source, name, filename)
        code = COMPILED.get(key)
        if code is None:
            if len(COMPILED) >= MAX_COMPILED:
                COMPILED.clear()
            code = COMPILED[key] = super().compile(source, name, filename)
        return code

    def tree(self, source: str) -> nodes.Template:
        """A template's nodes, with all that this environment makes of them. TemplateSyntaxError if it is none."""
        tree: nodes.Template = autoescape.Rewriter().visit(self.parse(source))
        return tree

    def _generate(self, source: nodes.Template, *args: Any, **kwargs: Any) -> str:
        tree: nodes.Template = autoescape.Rewriter().visit(source)
        return super()._generate(tree.set_environment(self), *args, **kwargs)  # type: ignore[arg-type]

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        if operator == "+":
            return super().call_binop(context, operator, *autoescape.mixed(self, [left, right]))
        numbers = all(isinstance(value, int | float) for value in (left, right))
        if operator == "**" or not numbers:
            raise SecurityError(f"{operator} is for numbers that stay small, not for texts or powers")
        return super().call_binop(context, operator, left, right)

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        for kind, allowed in ALLOWED_METHODS.items():
            if isinstance(obj, kind):
                return attr in allowed
        return isinstance(obj, LoopContext) and super().is_safe_attribute(obj, attr, value)

    def wrap_str_format(self, value: Any) -> None:
        """Jinja would let str.format through in a safe form of its own, which still formats to any width."""

    def getattr(self, obj: Any, attribute: str) -> Any:
        if isinstance(obj, Absent):  # whatever is asked of it, it is the first absence that is told
            return obj
        # A document's own field beats the dict's method of that name: `section.items`.
        if isinstance(obj, dict) and attribute in obj:
            return obj[attribute]
        return super().getattr(obj, attribute)

    def unquoted(self, text: str) -> str:
        """Slack knows three entities only; the two for quotes can come from nothing but our own escaping."""
        if self.escaping != "mrkdwn" or "&#3" not in text:
            return text
        return text.replace("&#34;", '"').replace("&#39;", "'")


@lru_cache(2048)
def tree_of(source: str) -> nodes.Template:
    """The nodes as their author wrote them, which all environments read alike. For those who only read them, which lint
    does several times. TemplateSyntaxError if it is no template."""
    return environment("text", BaseLoader()).parse(source)


def environment(escaping: Escaping, loader: BaseLoader, hosts: LinkHosts = ANYWHERE) -> Sandbox:
    """The environment for one kind of text. All escape by themselves but `text`, where nothing is active."""
    sandbox = Sandbox(
        loader=loader,
        autoescape=escaping != "text",
        undefined=Absent,
        finalize=_finalize_mrkdwn if escaping == "mrkdwn" else _finalize,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
        optimized=False,  # the optimizer would work out constants: `"x"|replace("x", …)` grows while it is compiled
        extensions=["jinja2.ext.i18n"],
    )
    sandbox.escaping, sandbox.hosts = escaping, hosts
    sandbox.filters = {name: JINJA_FILTERS[name] for name in ALLOWED_FILTERS} | FILTERS | autoescape.FILTERS
    sandbox.filters |= MRKDWN_FILTERS if escaping == "mrkdwn" else {}
    sandbox.globals = {"range": sandbox.globals["range"], **helpers(escaping, hosts), **_gettext_functions()}
    sandbox.newstyle_gettext = True  # type: ignore[attr-defined]
    sandbox.policies["ext.i18n.trimmed"] = True
    return sandbox


@pass_context  # for the same reason: what needs a context is not worked out before there is one
def _finalize(_context: Context, value: Any) -> Any:
    return "" if value is None else value


@pass_context
def _finalize_mrkdwn(_context: Context, value: Any) -> Any:
    """What events say is made inert here; `Markup`, made by helpers and macros, is meant to be active."""
    if isinstance(value, str) and not isinstance(value, Markup):
        return inert(value)
    if isinstance(value, list | tuple | dict):  # a template that prints a whole object
        return inert(str(value))
    return "" if value is None else value


def _gettext_functions() -> dict[str, Callable[..., str]]:
    """gettext and its kin. Jinja's own escape their values, but do not pass them through `finalize`."""

    def translator(method: str, texts: int) -> Callable[..., str]:
        @pass_context
        def translate(context: Context, *arguments: Any, **values: Any) -> str:
            if method in ("ngettext", "npgettext"):
                values.setdefault("num", arguments[texts])
            translated: str = getattr(context["formats"].language.translations, method)(*arguments)
            return _fill(context, translated, values)

        return translate

    functions = {"gettext": 1, "ngettext": 2, "pgettext": 2, "npgettext": 3}
    made = {name: translator(name, texts) for name, texts in functions.items()}
    return {**made, "_": made["gettext"]}


def _fill(context: Context, translated: str, values: Mapping[str, Any]) -> str:
    finalize = context.environment.finalize or _finalize
    text = Markup(translated) if context.eval_ctx.autoescape else translated  # noqa: S704 - translations are templates
    return text % {name: finalize(context, value) for name, value in values.items()}
