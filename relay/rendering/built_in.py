"""The environment of relay's own files: as Jinja compiles them, without the sandbox.

Each file is compiled and run once: its macros serve every message, whose values they find in `MESSAGE`. So a message
costs the macros that it calls, and nothing before them.
"""

from collections.abc import Callable, Iterable, Mapping
from contextvars import ContextVar
from functools import lru_cache
from typing import Any

from jinja2 import BaseLoader, ChainableUndefined, StrictUndefined, Template, nodes
from jinja2.compiler import Frame, MacroRef
from jinja2.runtime import Context
from jinja2.utils import missing
from markupsafe import Markup

from relay.rendering.autoescape import Code, marked
from relay.rendering.environments import Filters, TemplateEnvironment, Values, environment
from relay.rendering.faults import fault

# The values of the message that is made here: in this thread, or this task.
MESSAGE: ContextVar[Any] = ContextVar("message")


class BuiltInCode(Code):
    """Code whose macros are functions."""

    def macro_def(self, macro_ref: MacroRef, frame: Frame) -> None:
        if macro_ref.accesses_kwargs or macro_ref.accesses_caller:
            super().macro_def(macro_ref, frame)
            return
        names = tuple(argument.name for argument in macro_ref.node.args)
        self.write(f"environment.macro(macro, {names!r}, {macro_ref.accesses_varargs!r})")


class Unknown(ChainableUndefined, StrictUndefined):
    """An absent name; relay's own files look first where something can be absent."""

    __slots__ = ()


_unknown = lru_cache(256)(lambda name: Unknown(name=name))


class MessageContext(Context):
    """Names of the message that is being made, for macros that are compiled once and serve all messages."""

    def resolve_or_missing(self, key: str) -> Any:
        try:
            return MESSAGE.get()[key]
        except LookupError:
            return self.vars.get(key, self.parent.get(key, missing))

    def call(
        self, function: Any, *args: Any, _loop_vars: object = None, _block_vars: object = None, **named: Any
    ) -> Any:
        if getattr(function, "jinja_pass_arg", None) is None:
            return function(*args, **named)
        return function(self, *args, **named)  # what relay calls takes nothing else


class BuiltIn(TemplateEnvironment):
    """Environment of relay's own files: without the sandbox, and each template has one context for good."""

    code_generator_class = BuiltInCode
    context_class = MessageContext
    unknown = Unknown

    def run(self, template: Template, values: Values) -> tuple[str, Mapping[str, Any]]:
        MESSAGE.set(values)
        context = MessageContext(self, {}, template.name, template.blocks)  # what it knows is in `values`
        try:
            return "".join(template.root_render_func(context)), context.vars
        except Exception as error:
            raise fault(error, template) from error

    def getattr(self, obj: Any, attribute: str) -> Any:
        if obj.__class__ is not dict:
            return super().getattr(obj, attribute)
        value = obj.get(attribute, missing)
        return _unknown(attribute) if value is missing else value

    def bounded(self, filters: Filters) -> Filters:
        """Return the filters unbounded, and two that all of relay's files use in a quicker form."""
        printed = self.printed

        def join(values: Iterable[Any], separator: str = "") -> str:
            items = ["" if value is None else value for value in values]
            if self.autoescape and any(type(item) is Markup for item in items):
                return marked(printed(separator).join(map(printed, items)))
            return separator.join(map(str, items))

        def select(values: Iterable[Any]) -> list[Any]:
            return [value for value in values if value]

        return filters | {"join": join, "select": select}

    def macro(self, function: Callable[..., str], names: tuple[str, ...], varargs: bool) -> Callable[..., str]:
        """Return what calls a compiled macro, which takes every argument by its place."""
        count, mark = len(names), marked if self.autoescape else str
        blank = (*[missing] * count, *[()] * varargs)

        def call(*arguments: Any, **named: Any) -> str:
            if not arguments and not named:  # most: their text is the same wherever it stands in a message
                texts: dict[Any, str] = MESSAGE.get().texts
                if function not in texts:
                    texts[function] = mark(function(*blank))
                return texts[function]
            if len(arguments) < count:
                arguments += tuple([named.pop(name, missing) for name in names[len(arguments) :]])
            if named:
                raise TypeError(f"no such argument: {', '.join(named)}")
            return mark(function(*arguments[:count], arguments[count:]) if varargs else function(*arguments))

        return call


@lru_cache(2048)
def tree_of(source: str) -> nodes.Template:
    """Return the nodes as their author wrote them, to be read only. TemplateSyntaxError if it is no template."""
    return environment(BuiltIn, "text", BaseLoader()).parse(source)
