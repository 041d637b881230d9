"""The statements of a Jinja template as the source of Python functions: one for each macro, one for the text itself."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

from jinja2 import nodes

from relay.rendering.direct.expressions import own_text, written
from relay.rendering.direct.names import NotDirect, Scope


class Writer:
    """Writes functions of a message's values `v`. `data` is applied to the template's own text."""

    def __init__(
        self,
        macros: Collection[str],
        modules: Mapping[str, Collection[str]],
        *,
        data: Callable[[str], str] = str,
    ) -> None:
        self._macros = macros
        self._modules = modules
        self._data = data
        self._blocks = 0

    def macro(self, node: nodes.Macro) -> str:
        """`def m_NAME(v, …)`: gives the macro's text."""
        names = [argument.name for argument in node.args]
        scope = self._scope({*names})
        if any(name.name == "varargs" for body in node.body for name in body.find_all(nodes.Name)):
            scope.local.add("varargs")
        required = len(names) - len(node.defaults)
        signature = [f"l_{name}" for name in names[:required]] + [f"l_{name}=MISSING" for name in names[required:]]
        signature += ["*l_varargs"] if "varargs" in scope.local else []
        defaults = [
            f"    if l_{name} is MISSING:\n        l_{name} = {written(value, scope)}"
            for name, value in zip(names[required:], node.defaults, strict=True)
        ]
        lines = [*defaults, *self._body(node.body, scope)]
        return self._function(f"m_{node.name}", ", ".join(["v", *signature]), scope, lines, "''.join(o)")

    def text(self, name: str, body: Sequence[nodes.Node]) -> str:
        """`def NAME(v)`: gives the text."""
        scope = self._scope(set())
        lines = self._body([node for node in body if not isinstance(node, nodes.Macro)], scope)
        return self._function(name, "v", scope, lines, "''.join(o)")

    def value(self, name: str, expression: nodes.Node) -> str:
        """`def NAME(v)`: gives the expression's value."""
        scope = self._scope(set())
        value = written(expression, scope)
        return self._function(name, "v", scope, [], value)

    def _scope(self, local: set[str]) -> Scope:
        return Scope(self._macros, self._modules, local)

    def _function(self, name: str, signature: str, scope: Scope, lines: Iterable[str], result: str) -> str:
        read = [f"    c_{value} = v[{value!r}]" for value in scope.message]
        return "\n".join([f"def {name}({signature}):", *read, "    o = []", *lines, f"    return {result}", ""])

    def _body(self, body: Iterable[nodes.Node], scope: Scope, out: str = "o", depth: int = 1) -> list[str]:
        margin = "    " * depth
        return [margin + row for node in body for row in self._statement(node, scope, out)] or [f"{margin}pass"]

    def _statement(self, node: nodes.Node, scope: Scope, out: str) -> Iterator[str]:
        if isinstance(node, nodes.Output):
            yield f"{out} += ({''.join(f'{piece}, ' for piece in self._pieces(node, scope))})"
        elif isinstance(node, nodes.If):
            yield f"if {written(node.test, scope)}:"
            yield from self._body(node.body, scope, out)
            for branch in node.elif_:
                yield f"elif {written(branch.test, scope)}:"
                yield from self._body(branch.body, scope, out)
            if node.else_:
                yield "else:"
                yield from self._body(node.else_, scope, out)
        elif isinstance(node, nodes.Assign):
            value = written(node.node, scope)
            yield f"{self._target(node.target, scope)} = {value}"
        elif isinstance(node, nodes.AssignBlock) and node.filter is None:
            self._blocks += 1
            block = f"o{self._blocks}"
            yield f"{block} = []"
            yield from (row[4:] for row in self._body(node.body, scope, block))
            yield f"{self._target(node.target, scope)} = markup(''.join({block}))"
        elif isinstance(node, nodes.For):
            yield from self._loop(node, scope, out)
        else:
            raise NotDirect(type(node).__name__)

    def _pieces(self, node: nodes.Output, scope: Scope) -> Iterator[str]:
        for part in node.nodes:
            if isinstance(part, nodes.TemplateData):
                yield repr(self._data(part.data))
            elif text := own_text(part, scope):
                yield text
            else:
                yield f"e({written(part, scope)})"

    def _loop(self, node: nodes.For, scope: Scope, out: str) -> Iterator[str]:
        if node.else_ or node.recursive:
            raise NotDirect("a loop with `else` or `recursive`")
        sequence, outside = written(node.iter, scope), set(scope.local)
        target = self._target(node.target, scope)
        condition = f" if {written(node.test, scope)}" if node.test else ""
        scope.local.add("loop")
        yield f"for l_loop, {target} in ends([{target} for {target} in {sequence}{condition}]):"
        yield from self._body(node.body, scope, out)
        if any(name.name in outside for name in node.find_all(nodes.Name) if name.ctx == "store"):
            raise NotDirect("a name that means another thing inside of the loop")
        scope.local = outside

    def _target(self, node: nodes.Node, scope: Scope) -> str:
        names = node.items if isinstance(node, nodes.Tuple) else [node]
        for name in names:
            if not isinstance(name, nodes.Name):
                raise NotDirect("a target that is no name")
            scope.local.add(name.name)
        return ", ".join(f"l_{name.name}" for name in names if isinstance(name, nodes.Name))
