"""The Jinja environments, one for each kind of text: what templates can do, and how they escape what events say.

Templates are their author's code, not the sender's; the sandbox keeps a slip or a borrowed template from reaching
Python, from forgetting to escape and from growing. Compiling computes nothing, so a file of any content may be compiled
anywhere. The texts of one object are one template, each in a scope of its own.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from jinja2 import BaseLoader, Template, nodes
from jinja2.exceptions import SecurityError
from jinja2.filters import FILTERS as JINJA_FILTERS
from jinja2.runtime import Context as JinjaContext
from jinja2.runtime import LoopContext
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.tests import TESTS as JINJA_TESTS
from jinja2.utils import missing

from relay.domain.links import ANYWHERE, LinkHosts
from relay.errors import TemplateError
from relay.rendering import autoescape, macros
from relay.rendering.autoescape import Escaping
from relay.rendering.compiled import Key, code_of
from relay.rendering.context import Context
from relay.rendering.faults import MAX_WRITTEN, Absent, concat, fault, too_long
from relay.rendering.filters import ALLOWED_FILTERS, ALLOWED_TESTS, FILTERS, MRKDWN_FILTERS, helpers

END = "\x1e"  # of each of several texts: no document has it, once it is clean
ALLOWED_METHODS: Mapping[type, Sequence[str]] = {  # of nothing else any
    str: ("capitalize", "endswith", "find", "isdigit", "lower", "lstrip", "removeprefix", "removesuffix", "rstrip",
          "split", "splitlines", "startswith", "strip", "title", "upper"),
    dict: ("get", "items", "keys", "values"),
}  # fmt: skip


class TemplateEnvironment(ImmutableSandboxedEnvironment):
    """Environment in which documents are data without methods of their own, and operators work on numbers.

    `printed` makes a value harmless in this kind of text.
    """

    code_generator_class = macros.Code
    context_class = macros.MessageContext
    template_class = macros.MessageFile
    concat = staticmethod(concat)
    intercepted_binops = frozenset({"+", "*", "**", "%"})

    def __init__(self, escaping: Escaping, loader: BaseLoader, hosts: LinkHosts = ANYWHERE) -> None:
        """Build it for one kind of text. All escape by themselves but `text`, where nothing is active."""
        super().__init__(
            loader=loader,
            autoescape=escaping != "text",
            undefined=Absent,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
            optimized=False,  # the optimizer would work out constants while a file is compiled
            extensions=["jinja2.ext.i18n"],
        )
        self.escaping, self.hosts = escaping, hosts
        self.printed = autoescape.PRINTED[escaping]
        filters = {name: JINJA_FILTERS[name] for name in ALLOWED_FILTERS} | FILTERS | autoescape.filters_of(self)
        self.filters = filters | (MRKDWN_FILTERS if escaping == "mrkdwn" else {})
        self.tests = {name: JINJA_TESTS[name] for name in ALLOWED_TESTS}
        functions = {**helpers(escaping, hosts), **autoescape.gettext_functions()}
        self.globals = {"range": self.globals["range"], **functions}
        self.newstyle_gettext = True
        self.policies["ext.i18n.trimmed"] = True

    def compile(
        self, source: Any, name: str | None = None, filename: str | None = None, *args: Any, **kwargs: Any
    ) -> Any:
        """Return the code of a template; most files stay the same from reload to reload."""
        compile_ = super().compile
        if not isinstance(source, str) or args or kwargs:
            return compile_(source, name, filename, *args, **kwargs)
        file = filename or name or ""
        return code_of(Key(bool(self.autoescape), file, source), lambda: compile_(source, file, file))

    def another(self, source: str, file: Path) -> Template:
        """Compile another form of a file."""
        return self.template_class.from_code(self, self.compile(source, str(file), str(file)), self.make_globals(None))

    def together(self, statements: Sequence[str], texts: Sequence[str], file: Path) -> Template:
        """Compile statements and unconnected texts of a file as one template. Raises TemplateSyntaxError."""

        def tree() -> nodes.Template:
            parsed = [self._parse(source, str(file), str(file)) for source in (*statements, *texts)]
            body = [node for module in parsed[: len(statements)] for node in module.body]
            # What several ask for is looked up once, before the first of them.
            named = Counter(name for module in parsed[len(statements) :] for name in {*_loaded(module)})
            body += [nodes.ExprStmt(nodes.Name(name, "load", lineno=1), lineno=1) for name in named if named[name] > 1]
            for module in parsed[len(statements) :]:
                line = module.body[0].lineno if module.body else 1
                end = nodes.Output([nodes.TemplateData(END, lineno=line)], lineno=line)
                body += [nodes.Scope(module.body, lineno=line), end]
            return nodes.Template(body, lineno=1)

        key = Key(bool(self.autoescape), str(file), repr((*statements, *texts)))
        code = code_of(key, lambda: self.compile(tree(), str(file), str(file)))
        return self.template_class.from_code(self, code, self.make_globals(None))

    def _generate(self, source: nodes.Template, *args: Any, **kwargs: Any) -> str:
        tree: nodes.Template = autoescape.Rewriter().visit(source)
        return super()._generate(tree.set_environment(self), *args, **kwargs)  # type: ignore[arg-type]

    def filler(self, template: Template, limit: int) -> Callable[[Context], str]:
        """Return what fills in a template, without the white space around it. TemplateError names file and line."""
        return lambda values: self.tidy(self.run(template, values)[0], template.filename, limit)

    def run(self, template: Template, values: Context) -> tuple[str, Mapping[str, Any]]:
        """Return what a template writes, and the names that it sets. TemplateError names file and line."""
        macros.MESSAGE.set(values)
        context = macros.MessageContext(self, {}, template.name, template.blocks)  # what it knows is in `values`
        try:
            try:
                text = concat(template.root_render_func(context))
                values.spend(len(text))
                return text, context.vars
            except Exception:  # noqa: BLE001 - templates are code
                self.handle_exception()
        except Exception as error:
            raise fault(error, template) from error

    def exported(self, template: Template, values: Context) -> Mapping[str, Any]:
        """Return the macros and names of a file. TemplateError names file and line."""
        names = self.run(template, values)[1]
        return {name: value for name, value in names.items() if not name.startswith("_")}

    def tidy(self, text: str, file: str | None, limit: int) -> str:
        """Return a text without white space around it and at the end of lines. TemplateError if it is too long."""
        if len(text) > limit:
            raise TemplateError(f"{file}: the text grows beyond {limit} characters")
        text = text.strip()
        if "\n" in text:
            text = "\n".join(map(str.rstrip, text.split("\n")))
        if self.escaping == "mrkdwn" and "&#3" in text:  # Slack knows three entities only; no one else writes these
            text = text.replace("&#34;", '"').replace("&#39;", "'")
        return text

    def macro(
        self, function: Callable[..., str], names: tuple[str, ...], varargs: bool, shared: bool
    ) -> Callable[..., str]:
        """Return what calls a compiled macro."""
        return macros.macro(function, names, varargs=varargs, shared=shared, escaped=bool(self.autoescape))

    def call(
        self, context: JinjaContext, function: Any, *args: Any, _loop_vars: object = None, _block_vars: object = None,
        **named: Any,
    ) -> Any:  # fmt: skip
        if getattr(function, "jinja_pass_arg", None) is None:
            return function(*args, **named)
        return function(context, *args, **named)  # what relay calls takes nothing else

    def call_binop(self, context: JinjaContext, operator: str, left: Any, right: Any) -> Any:
        if operator == "+":
            left, right = autoescape.mixed(self, [left, right])
        elif operator == "**" or not all(isinstance(value, int | float) for value in (left, right)):
            raise SecurityError(f"{operator} is for numbers that stay small, not for texts or powers")
        result = super().call_binop(context, operator, left, right)
        if isinstance(result, str | list | tuple) and len(result) > MAX_WRITTEN:
            raise too_long()
        return result

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        for kind, allowed in ALLOWED_METHODS.items():
            if isinstance(obj, kind):
                return attr in allowed
        return isinstance(obj, LoopContext) and super().is_safe_attribute(obj, attr, value)

    def wrap_str_format(self, value: Any) -> None:
        """Jinja would let str.format through in a safe form of its own, which still formats to any width."""

    def getattr(self, obj: Any, attribute: str) -> Any:
        if obj.__class__ is dict:  # a document's own field beats the dict's method of that name: `section.items`
            value = obj.get(attribute, missing)
            if value is not missing:
                return value
            if attribute not in ALLOWED_METHODS[dict]:
                return self.undefined(obj=obj, name=attribute)
        elif isinstance(obj, Absent):  # whatever is asked of it, it is the first absence that is told
            return obj
        return super().getattr(obj, attribute)


def _loaded(tree: nodes.Template) -> Iterator[str]:
    """Yield the names that a template asks for, and none that it sets itself."""
    names = [*tree.find_all(nodes.Name)]
    bound = {name.name for name in names if name.ctx != "load"}
    yield from (name.name for name in names if name.name not in bound)


@lru_cache(2048)
def tree_of(source: str) -> nodes.Template:
    """Return the nodes as their author wrote them, to be read only. TemplateSyntaxError if it is no template."""
    return TemplateEnvironment("text", BaseLoader()).parse(source)
