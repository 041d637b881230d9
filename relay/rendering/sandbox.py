"""The sandbox of the user's templates: a closed world, and bounds on what one message may take.

Templates are their author's code, not the sender's; the sandbox keeps a slip or a borrowed template from reaching
Python, from forgetting to escape and from growing. They run in a thread, which nobody can end: so every loop, call and
filter is counted here, no single step works on more than `LONGEST` or `MOST_ITEMS`, and what takes more raises.
"""

import time
from collections.abc import Callable, ItemsView, Iterable, Iterator, KeysView, ValuesView
from contextvars import ContextVar
from dataclasses import dataclass
from functools import wraps
from typing import Any, cast

from jinja2 import nodes, pass_context
from jinja2.exceptions import SecurityError
from jinja2.runtime import Context, LoopContext
from jinja2.sandbox import ImmutableSandboxedEnvironment

from relay.rendering import autoescape
from relay.rendering.environments import Filters, TemplateEnvironment, Values
from relay.rendering.faults import Absent
from relay.rendering.translations import VALUE

LONGEST = 2**19  # characters and items of any one value, those within it counted
ITEM = 50  # characters that an item of a list counts as: about the bytes that it takes
MOST_STRIPPED = (
    64  # characters that are stripped: each is compared with each of a text, in one step that nobody can end
)
MOST_ARGUMENT = 1000  # characters of any other argument of a text's method
MOST_PATH, MOST_DOTS = 200, 8  # of an attribute that a filter looks for in each item
MOST_ITEMS = 10_000  # of a list that a filter works on, or of a range
MOST_MARKUP = 2**16  # characters that tags are looked for in
MOST_BITS = 64  # of a number
MOST_DIGITS = 30  # after the point, or before it
CHECKED = 64  # steps between two looks at the clock

OF_NUMBERS = ("odd", "even", "divisibleby")

LISTS = (list, tuple, dict, range, KeysView, ItemsView, ValuesView)
ALLOWED_METHODS: dict[type, tuple[str, ...]] = {  # of nothing else any
    str: ("capitalize", "endswith", "find", "isdigit", "lower", "lstrip", "removeprefix", "removesuffix", "rstrip",
          "split", "splitlines", "startswith", "strip", "title", "upper"),
    dict: ("get", "items", "keys", "values"),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Bounds:
    """What one message may take."""

    seconds: float = 1.0  # of processor time, so that a busy machine costs nobody their wording
    steps: int = 200_000
    characters: int = 2**24  # written, or made on the way


BOUNDS = Bounds()


class TooMuch(SecurityError):
    """The message takes more than it may."""


class Budget:
    """What is left of a message's bounds, in the thread that makes it."""

    def __init__(self, bounds: Bounds) -> None:
        self._bounds = bounds
        self._steps, self._characters = bounds.steps, bounds.characters
        self._until = time.thread_time() + bounds.seconds

    def step(self, count: int = 1, characters: int = 0) -> None:
        """Count steps, and what they write."""
        before = self._steps
        self._steps -= count
        self._characters -= characters
        if self._steps < 0:
            raise TooMuch(f"it took more than {self._bounds.steps:,} steps")
        if self._characters < 0:
            raise TooMuch(f"it wrote more than {self._bounds.characters:,} characters")
        if before // CHECKED != self._steps // CHECKED and time.thread_time() > self._until:
            raise TooMuch(f"it took more than {self._bounds.seconds:g} s of processor time")


BUDGET: ContextVar[Budget | None] = ContextVar("budget", default=None)


def step(count: int = 1, characters: int = 0) -> None:
    """Count steps of the message that is made here, if it is bounded."""
    if budget := BUDGET.get():
        budget.step(count, characters)


def weigh(value: Any) -> int:
    """Return the memory of a value in characters, with all within it: an item that is in it twice counts twice."""
    characters, items, left = 0, 0, [value]
    while left:
        item = left.pop()
        items += 1
        if isinstance(item, str):
            characters += len(item)
        elif isinstance(item, dict):
            left += [*item, *item.values()]
        elif isinstance(item, list | tuple):
            left += item
        if characters + items + len(left) > LONGEST:
            raise TooMuch(f"a value holds more than {LONGEST:,} characters and items")
    return characters + items * ITEM


def charge(value: Any) -> Any:
    """Count a value that a template has made, and return it."""
    if isinstance(value, str | list | tuple | dict):
        step(0, weigh(value))
    elif isinstance(value, int):
        check_number(value)
    elif isinstance(value, Iterator):
        return _counted(value)
    return value


def _counted(items: Iterator[Any]) -> Iterator[Any]:
    for number, item in enumerate(items):
        check_items(number)
        step()
        yield charge(item)


def check_items(count: int) -> None:
    """Refuse more items than a list may have that a single step works on."""
    if count > MOST_ITEMS:
        raise TooMuch(f"a list is longer than {MOST_ITEMS:,}")


def check_number(value: Any) -> None:
    """Refuse an integer on which a single step could take long."""
    if isinstance(value, int) and value.bit_length() > MOST_BITS:
        raise TooMuch(f"a number has more than {MOST_BITS} bits")


def check_arguments(method: str, arguments: Iterable[Any]) -> None:
    """Refuse long arguments of a text's method, whose time is the product of two lengths."""
    most = MOST_STRIPPED if "strip" in method or method == "trim" else MOST_ARGUMENT
    if any(isinstance(argument, str) and len(argument) > most for argument in arguments):
        raise TooMuch(f"{method} takes a text of at most {most} characters")


def check_length(length: int, most: int = LONGEST) -> None:
    """Refuse a text that is longer than one may be."""
    if length > most:
        raise TooMuch(f"a text is longer than {most:,} characters")


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
    """The filter, which works on lists that are not too long, and whose result is counted."""
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
    made = range(*numbers)
    check_items(len(made))
    return made


def _stepped(characters: int) -> bool:
    step(1, characters)
    return True


class Counting(autoescape.Rewriter):
    """Each loop, macro, block and file counts when it is run, with the text that it writes; so does each literal."""

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


class Sandbox(TemplateEnvironment, ImmutableSandboxedEnvironment):
    """A closed world: documents are data without methods of their own, operators work on numbers."""

    rewriter = Counting
    unknown = Absent
    range = staticmethod(_range)
    intercepted_binops = frozenset({"+", "-", "*", "/", "//", "%", "**"})

    def bounded(self, filters: Filters) -> Filters:
        own = {"_step": _stepped, "_charged": charge, "_slice": lambda value, *ends: charge(value[slice(*ends)])}
        return {name: _bounded(name, function) for name, function in filters.items()} | own

    def bounded_tests(self, tests: Filters) -> Filters:
        return {name: _tested(name, function) for name, function in tests.items()}

    @staticmethod
    def finalizer(finalize: Callable[..., Any]) -> Callable[..., Any]:
        @pass_context
        def counted(context: Context, value: Any) -> Any:
            return finalize(context, charge(value))

        return counted

    def interpolate(self, text: str, values: Values) -> str:
        if "%" in VALUE.sub("", text):  # a width would let it grow to any size
            raise SecurityError("a % in a translated text is neither %(name)s nor %%")
        check_length(len(text) + text.count("%(") * max(map(len, values.values()), default=0))
        return super().interpolate(text, values)

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
