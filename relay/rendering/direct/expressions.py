"""A Jinja expression as the source of a Python expression. What relay's own templates do not use is refused."""

from jinja2 import nodes

from relay.rendering.direct.names import GETTEXT, HELPERS, NotDirect, Scope
from relay.rendering.filters import FILTERS
from relay.rendering.sandbox import ALLOWED_METHODS

COMPARED = {"eq": "==", "ne": "!=", "gt": ">", "gteq": ">=", "lt": "<", "lteq": "<=", "in": "in", "notin": "not in"}
TESTED = {"none": "{} is None", "false": "{} is False", "true": "{} is True"}
PLAIN_FILTERS = (
    "abs",
    "attribute",
    "default",
    "first",
    "int",
    "join",
    "length",
    "list",
    "max",
    "min",
    "select",
    "trim",
)  # Jinja's, as in `runtime`


def written(node: nodes.Node, scope: Scope) -> str:
    """The source of a Python expression with the same value."""
    if isinstance(node, nodes.Const):
        return repr(node.value)
    if isinstance(node, nodes.Name):
        return scope.read(node.name)
    if isinstance(node, nodes.List | nodes.Tuple):
        items = "".join(f"{written(item, scope)}, " for item in node.items)
        return f"[{items}]" if isinstance(node, nodes.List) else f"({items})"
    if isinstance(node, nodes.Getattr):
        return _field(node, scope)
    if isinstance(node, nodes.Getitem):
        return f"{written(node.node, scope)}[{_index(node.arg, scope)}]"
    if isinstance(node, nodes.Filter):
        return _filter(node, scope)
    if isinstance(node, nodes.Test):
        return _test(node, scope)
    if isinstance(node, nodes.Call):
        return _call(node, scope)
    return _operation(node, scope)


def own_text(node: nodes.Node, scope: Scope) -> str:
    """The source of what gives text of the templates' own, in need of no escaping: a macro's, or a translation's.
    '' for anything else."""
    if not isinstance(node, nodes.Call):
        return ""
    if isinstance(node.node, nodes.Name):
        if node.node.name in GETTEXT:
            return _translation(node, scope)
        return f"m_{node.node.name}(v{_arguments(node, scope, 'l_')})" if node.node.name in scope.macros else ""
    module = _module(node.node, scope)
    return f"{module}(v{_arguments(node, scope, 'l_')})" if module else ""


def _operation(node: nodes.Node, scope: Scope) -> str:
    if isinstance(node, nodes.And | nodes.Or):
        word = "and" if isinstance(node, nodes.And) else "or"
        return f"({written(node.left, scope)} {word} {written(node.right, scope)})"
    if isinstance(node, nodes.Not | nodes.Neg):
        return f"({'not ' if isinstance(node, nodes.Not) else '-'}{written(node.node, scope)})"
    if isinstance(node, nodes.Add):
        return f"plus({written(node.left, scope)}, {written(node.right, scope)})"
    if isinstance(node, nodes.Sub | nodes.Div):
        return f"({written(node.left, scope)} {node.operator} {written(node.right, scope)})"
    if isinstance(node, nodes.Compare):
        rest = "".join(f" {COMPARED[operand.op]} {written(operand.expr, scope)}" for operand in node.ops)
        return f"({written(node.expr, scope)}{rest})"
    if isinstance(node, nodes.CondExpr) and node.expr2 is not None:
        parts = (written(part, scope) for part in (node.expr1, node.test, node.expr2))
        return "({} if {} else {})".format(*parts)
    raise NotDirect(type(node).__name__)


def _field(node: nodes.Getattr, scope: Scope) -> str:
    if isinstance(node.node, nodes.Name) and node.node.name == "loop":
        if node.attr != "last" or "loop" not in scope.local:
            raise NotDirect(f"loop.{node.attr}")
        return "l_loop"
    return f"{written(node.node, scope)}[{node.attr!r}]"


def _index(node: nodes.Node, scope: Scope) -> str:
    if not isinstance(node, nodes.Slice):
        return written(node, scope)
    if node.step is not None:
        raise NotDirect("a slice with steps")
    return ":".join(written(part, scope) if part else "" for part in (node.start, node.stop))


def _filter(node: nodes.Filter, scope: Scope) -> str:
    if node.node is None or node.dyn_args or node.dyn_kwargs:
        raise NotDirect(f"|{node.name}")
    arguments = _arguments(node, scope)
    if node.name == "default" and isinstance(node.node, nodes.Getattr) and len(node.args) == 1:
        return f"{written(node.node.node, scope)}.get({node.node.attr!r}{arguments})"
    value = written(node.node, scope)
    if node.name in FILTERS:
        first = "v, " if hasattr(FILTERS[node.name], "jinja_pass_arg") and node.name != "list_and" else ""
    elif node.name in PLAIN_FILTERS and (node.name in ("default", "join") or not arguments):
        first = ""
    else:
        raise NotDirect(f"|{node.name}")
    if node.name == "list_and":
        first = "v, "
    return f"f_{node.name}({first}{value}{arguments})"


def _test(node: nodes.Test, scope: Scope) -> str:
    if node.name in TESTED:
        return f"({TESTED[node.name].format(written(node.node, scope))})"
    if node.name == "defined" and isinstance(node.node, nodes.Getattr):
        return f"({node.node.attr!r} in {written(node.node.node, scope)})"
    if node.name == "defined" and isinstance(node.node, nodes.Name) and node.node.name in scope.local:
        return f"({written(node.node, scope)} is not ABSENT)"
    raise NotDirect(f"is {node.name}")


def _call(node: nodes.Call, scope: Scope) -> str:
    if node.dyn_args or node.dyn_kwargs:
        raise NotDirect("a call with arguments from a list")
    if text := own_text(node, scope):
        return f"markup({text})"
    if isinstance(node.node, nodes.Name) and node.node.name in HELPERS:
        return f"g_{node.node.name}({_arguments(node, scope).removeprefix(', ')})"
    if isinstance(node.node, nodes.Getattr) and node.node.attr in ALLOWED_METHODS[str] and not node.kwargs:
        return f"{written(node.node.node, scope)}.{node.node.attr}({_arguments(node, scope).removeprefix(', ')})"
    raise NotDirect("a call of something else than a macro")


def _translation(node: nodes.Call, scope: Scope) -> str:
    """`_("…")` and `{% trans %}`: the text in the reader's language, the values in it escaped."""
    method = GETTEXT[node.node.name] if isinstance(node.node, nodes.Name) else ""
    texts = ", ".join(written(argument, scope) for argument in node.args)
    values = ", ".join(f"{pair.key!r}: e({written(pair.value, scope)})" for pair in node.kwargs)
    # Filled in even where there is no value: that makes `%%` a `%`.
    return f"translated(v, {method!r}, {texts}) % {{{values}}}"


def _module(node: nodes.Node, scope: Scope) -> str:
    """The function that `say.NAME` or `parts.NAME` is; '' for anything else."""
    if isinstance(node, nodes.Getattr) and isinstance(node.node, nodes.Name) and node.node.name in scope.modules:
        if node.attr not in scope.modules[node.node.name]:
            raise NotDirect(f"{node.node.name}.{node.attr}")
        return f"{node.node.name}_{node.attr}"
    return ""


def _arguments(node: nodes.Call | nodes.Filter, scope: Scope, prefix: str = "") -> str:
    """`, a, b=c`; `prefix` is that of parameters' names. An absent field is handed on, as long as nobody uses it."""

    def argument(value: nodes.Expr) -> str:
        if isinstance(node, nodes.Call) and isinstance(value, nodes.Getattr) and isinstance(value.node, nodes.Name):
            return f"{written(value.node, scope)}.get({value.attr!r}, ABSENT)"
        return written(value, scope)

    listed = [f", {argument(value)}" for value in node.args]
    named = [f", {prefix}{pair.key}={argument(pair.value)}" for pair in node.kwargs]
    return "".join(listed + named)
