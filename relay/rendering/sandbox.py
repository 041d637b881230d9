"""Sandbox of the user's templates: Jinja's own, and every loop, call and filter within relay.rendering.bounds.

Templates are their author's code, not the sender's; the sandbox keeps a slip or a borrowed template from reaching
Python, from forgetting to escape and from growing.
"""

from collections.abc import Callable, ItemsView, Iterator, KeysView, ValuesView
from functools import wraps
from typing import Any, cast

from jinja2 import nodes
from jinja2.exceptions import SecurityError
from jinja2.runtime import Context, LoopContext
from jinja2.sandbox import ImmutableSandboxedEnvironment

from relay.rendering import autoescape
from relay.rendering.bounds import (
    TooMuch,
    charge,
    check_arguments,
    check_items,
    check_length,
    check_number,
    step,
    weigh,
)
from relay.rendering.environments import Filters, TemplateEnvironment, Values
from relay.rendering.faults import Absent
from relay.rendering.translations import VALUE

MOST_PATH, MOST_DOTS = 200, 8  # of an attribute that a filter looks for in each item
MOST_MARKUP = 2**16  # characters that tags are looked for in
MOST_DIGITS = 30  # after the point, or before it
STEPS = 10  # of a message's bounds, for each object that is repeated

OF_NUMBERS = ("odd", "even", "divisibleby")

LISTS = (list, tuple, dict, range, KeysView, ItemsView, ValuesView)
ALLOWED_METHODS: dict[type, tuple[str, ...]] = {  # of nothing else any
    str: ("capitalize", "endswith", "find", "isdigit", "lower", "lstrip", "removeprefix", "removesuffix", "rstrip",
          "split", "splitlines", "startswith", "strip", "title", "upper"),
    dict: ("get", "items", "keys", "values"),
}  # fmt: skip


def _replace(text: Any, old: str, new: Any, count: int = -1) -> None:  # noqa: ARG001 - the filter's own names
    check_length(len(str(text)) + str(text).count(old) * len(str(new)))


def _join(values: Any, separator: Any = "", attribute: Any = None) -> None:  # noqa: ARG001
    check_length(weigh(values) + len(values) * len(str(separator)))


def _round(value: Any, precision: int = 0, method: str = "common") -> None:  # noqa: ARG001
    if abs(precision) > MOST_DIGITS:
        raise TooMuch(f"a number has no more than {MOST_DIGITS} digits")


def _sum(iterable: Any, attribute: Any = None, start: Any = 0) -> None:  # noqa: ARG001
    if not isinstance(start, int | float):
        raise SecurityError("only numbers are summed up")


def _parted(value: Any, linecount: int = 0, fill_with: Any = None, slices: int = 0) -> None:  # noqa: ARG001
    check_items(max(linecount, slices))


def _path(path: Any) -> None:
    if isinstance(path, str) and (len(path) > MOST_PATH or path.count(".") > MOST_DOTS):
        raise TooMuch(f"an attribute has at most {MOST_PATH} characters and {MOST_DOTS} dots")


# Filters that go through a text character by character, as through a list; the names in it are attributes of items.
ITERATING = frozenset((
    "batch", "dictsort", "first", "groupby", "join", "last", "list", "map", "max", "min", "reject", "rejectattr",
    "reverse", "select", "selectattr", "slice", "sort", "sum", "unique",
))  # fmt: skip

# What is asked before one of these filters is called, since it could grow, or take long, within a single step.
BEFORE: dict[str, Callable[..., None]] = {
    "replace": _replace,
    "join": _join,
    "round": _round,
    "sum": _sum,
    "batch": _parted,
    "slice": _parted,
    "trim": lambda _value, chars=None: check_arguments("trim", [chars]),
    "striptags": lambda value: check_length(len(str(value)), MOST_MARKUP),
}


def _bounded(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """Return the filter, which works on lists that are not too long, and whose result is counted."""
    before, passed = BEFORE.get(name), int(hasattr(function, "jinja_pass_arg"))

    @wraps(function)
    def call(*arguments: Any, **named: Any) -> Any:
        step()
        arguments = tuple([list(value) if isinstance(value, Iterator) else value for value in arguments])
        for value in (*arguments[passed:], *named.values()):
            check_number(value)
            if isinstance(value, LISTS) or (isinstance(value, str) and name in ITERATING):
                check_items(len(value))
        if name in ITERATING:
            for value in (*arguments[passed + 1 :], *named.values()):
                _path(value)
        if before:
            before(*arguments[passed:], **named)
        return charge(function(*arguments, **named))

    return call


def _tested(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """Return the test, counted; those of numbers ask nothing else, since `%` of a text formats it to any width."""

    @wraps(function)
    def call(*arguments: Any) -> Any:
        step()
        for value in arguments[int(hasattr(function, "jinja_pass_arg")) :]:
            check_number(value)
            if name in OF_NUMBERS and not isinstance(value, int):
                raise SecurityError(f"{name} is for whole numbers")
        return function(*arguments)

    return call


def _range(*numbers: int) -> range:
    numbers_of = range(*numbers)
    check_items(len(numbers_of))
    return numbers_of


def _stepped(characters: int) -> bool:
    step(1, characters)
    return True


class Counting(autoescape.Rewriter):
    """Count each loop, macro, block and file when it is run, with the text that it writes; and each literal."""

    def visit_For(self, node: nodes.For) -> nodes.Node:  # noqa: N802 - the names are Jinja's
        if node.test:  # it is asked for what the loop passes over as well
            node.test = nodes.And(_step(node), node.test, lineno=node.lineno)
        return self._counted(node)

    def _counted(self, node: Any) -> nodes.Node:
        self.generic_visit(node)
        node.body.insert(0, nodes.ExprStmt(_step(node), lineno=node.lineno))
        return cast("nodes.Node", node)

    visit_Template = visit_Block = visit_Macro = visit_CallBlock = visit_FilterBlock = _counted  # noqa: N815

    def _charged(self, node: Any) -> nodes.Node:
        self.generic_visit(node)
        return node if getattr(node, "ctx", "load") != "load" else _filtered(node, "_charged", node)

    visit_List = visit_Tuple = visit_Dict = _charged  # noqa: N815

    def visit_Getitem(self, node: nodes.Getitem) -> nodes.Node:  # noqa: N802
        self.generic_visit(node)
        if not isinstance(node.arg, nodes.Slice):
            return node
        parts = (node.arg.start, node.arg.stop, node.arg.step)
        return _filtered(node.node, "_slice", node, *(part or nodes.Const(None) for part in parts))


def _step(node: nodes.Node) -> nodes.Filter:
    return _filtered(nodes.Const(sum(len(data.data) for data in node.find_all(nodes.TemplateData))), "_step", node)


def _filtered(value: nodes.Node, name: str, at: nodes.Node, *arguments: nodes.Node) -> nodes.Filter:
    return nodes.Filter(value, name, [*arguments], [], None, None, lineno=at.lineno)


def _check_translation(text: str, values: Values) -> None:
    if "%" in VALUE.sub("", text):  # a width would let it grow to any size
        raise SecurityError("a % in a translated text is neither %(name)s nor %%")
    check_length(len(text) + text.count("%(") * max(map(len, values.values()), default=0))


class Sandbox(TemplateEnvironment, ImmutableSandboxedEnvironment):
    """Environment in which documents are data without methods of their own, and operators work on numbers."""

    rewriter = Counting
    unknown = Absent
    range = staticmethod(_range)
    check_translation = staticmethod(_check_translation)
    repeated = staticmethod(lambda count: step(STEPS * count))
    intercepted_binops = frozenset({"+", "-", "*", "/", "//", "%", "**"})

    def bounded(self, filters: Filters) -> Filters:
        counting = {"_step": _stepped, "_charged": charge, "_slice": lambda value, *ends: charge(value[slice(*ends)])}
        return {name: _bounded(name, function) for name, function in filters.items()} | counting

    def bounded_tests(self, tests: Filters) -> Filters:
        return {name: _tested(name, function) for name, function in tests.items()}

    def counted(self, printed: Callable[[Any], str]) -> Callable[[Any], str]:
        return lambda value: printed(charge(value))

    def call(self, context: Context, function: Any, *args: Any, **named: Any) -> Any:
        step()
        if isinstance(getattr(function, "__self__", None), str):
            check_arguments(function.__name__, (*args, *named.values()))
        return charge(super().call(context, function, *args, **named))

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        step()
        if operator == "+":
            left, right = autoescape.mixed(self, [left, right])
        elif operator == "**" or not all(isinstance(value, int | float) for value in (left, right)):
            raise SecurityError(f"{operator} is for numbers that stay small, not for texts or powers")
        check_number(left)
        check_number(right)
        return charge(super().call_binop(context, operator, left, right))

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        for kind, allowed in ALLOWED_METHODS.items():
            if isinstance(obj, kind):
                return attr in allowed
        return isinstance(obj, LoopContext) and super().is_safe_attribute(obj, attr, value)

    def wrap_str_format(self, value: Any) -> None:
        """Jinja would let str.format through in a safe form of its own, which still formats to any width."""

    def getitem(self, obj: Any, argument: Any) -> Any:
        step()
        return super().getitem(obj, argument)

    def getattr(self, obj: Any, attribute: str) -> Any:
        if isinstance(obj, Absent):  # whatever is asked of it, it is the first absence that is told
            return obj
        # A document's own field beats the dict's method of that name: `section.items`.
        if isinstance(obj, dict) and attribute in obj:
            return obj[attribute]
        return super().getattr(obj, attribute)
