"""Macros as functions, and the context in which templates find the values of the message that is made.

relay's shared macros are run once and serve every message: they find its values in `MESSAGE`. So a message costs the
macros that it calls, and nothing before them.
"""

from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

from jinja2 import Template
from jinja2.compiler import CodeGenerator, Frame, MacroRef
from jinja2.runtime import Context
from jinja2.utils import missing

from relay.rendering.autoescape import marked

# The values of the message that is made here: in this thread, or this task.
MESSAGE: ContextVar[Any] = ContextVar("message")


class Code(CodeGenerator):
    """Code that prints by one call, `environment.printed`, and whose macros are functions. Nothing is worked out while
    a template is compiled."""

    def _make_finalize(self) -> CodeGenerator._FinalizeInfo:
        return self._FinalizeInfo(None, None)

    def _output_child_pre(self, *_args: Any) -> None:
        self.write("environment.printed(")

    def _output_child_post(self, *_args: Any) -> None:
        self.write(")")

    def macro_def(self, macro_ref: MacroRef, frame: Frame) -> None:
        if macro_ref.accesses_kwargs or macro_ref.accesses_caller:
            super().macro_def(macro_ref, frame)
            return
        names = tuple(argument.name for argument in macro_ref.node.args)
        shared = (self.name or "").endswith(".j2")
        self.write(f"environment.macro(macro, {names!r}, {macro_ref.accesses_varargs!r}, {shared!r})")


class MessageContext(Context):
    """Names of a template, before those of the message that is being made."""

    def resolve_or_missing(self, key: str) -> Any:
        if self.vars and key in self.vars:
            return self.vars[key]
        if self.parent and key in self.parent:
            return self.parent[key]
        try:
            return MESSAGE.get()[key]
        except LookupError:
            return missing


class MessageFile(Template):
    """A template that is run anew for each message that imports it."""

    def _get_default_module(self, _ctx: Context | None = None) -> Any:
        return self.make_module()


def macro(
    function: Callable[..., str], names: tuple[str, ...], *, varargs: bool, shared: bool, escaped: bool
) -> Callable[..., str]:
    """Return what calls a compiled macro, which takes every argument by its place.

    shared  of a file of macros: without arguments its text is the same wherever it stands in a message
    """
    count, mark = len(names), marked if escaped else str
    blank = (*[missing] * count, *[()] * varargs)

    def call(*arguments: Any, **named: Any) -> str:
        if not arguments and not named:
            if not shared:
                return mark(function(*blank))
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
