"""The Jinja environments: what templates can do, and how each kind of text escapes what events say.

relay's own files are for `relay.rendering.built_in`, a user's for `relay.rendering.sandbox`; the messages are the same.
Compiling computes nothing, so a file of any content may be compiled anywhere. Compiled code is kept in this process for
every environment, and on disk from one start to the next. The texts of one object are one template, each in a scope of
its own.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import CodeType
from typing import Any, TypeVar

import jinja2
from jinja2 import BaseLoader, Template, nodes
from jinja2.filters import FILTERS as JINJA_FILTERS
from jinja2.tests import TESTS as JINJA_TESTS

from relay.domain.links import ANYWHERE, LinkHosts
from relay.errors import TemplateError
from relay.rendering import autoescape
from relay.rendering.autoescape import Escaping
from relay.rendering.bounds import BUDGET
from relay.rendering.bytecode import DiskCache
from relay.rendering.faults import fault
from relay.rendering.filters import ALLOWED_FILTERS, ALLOWED_TESTS, FILTERS, MRKDWN_FILTERS, helpers

MAX_COMPILED = 4096  # files


Values = Mapping[str, Any]
"""Texts by their numbers, and lists by their names."""
Filters = dict[str, Callable[..., Any]]
Made = TypeVar("Made", bound="TemplateEnvironment")
COMPILED: dict[tuple[str, bool, str, str], CodeType] = {}
ANOTHER, ALONE = -1, -2  # numbers of a file's other form, and of one of its texts
END = "\x1e"  # of each of several texts: no document has it, once it is clean


class TemplateEnvironment(jinja2.Environment):
    """Base of both environments. `printed` makes a value harmless in this kind of text, and `output` prints it; the
    sandbox alone has a `check_translation`, which raises, and counts the objects that are `repeated`."""

    code_generator_class = autoescape.Code
    rewriter: type[autoescape.Rewriter] = autoescape.Rewriter
    unknown: type[jinja2.Undefined]
    range: Callable[..., range] = range
    escaping: Escaping = "text"
    hosts: LinkHosts = ANYWHERE
    disk: DiskCache | None = None
    printed: Callable[[Any], str]
    output: Callable[[Any], str]
    check_translation: Callable[[str, Values], None] | None = None
    repeated: Callable[[int], None] | None = None

    def compile(
        self, source: Any, name: str | None = None, filename: str | None = None, *args: Any, **kwargs: Any
    ) -> Any:
        """Return the code of a template; most files stay the same from reload to reload."""
        if not isinstance(source, str) or args or kwargs:
            return super().compile(source, name, filename, *args, **kwargs)
        return self._compiled(filename or name or "", source, lambda: source)

    def another(self, source: str, file: Path) -> Template:
        """Compile another form of a file."""
        code = self._compiled(str(file), source, lambda: source, ANOTHER)
        return Template.from_code(self, code, self.make_globals(None))

    def together(self, statements: Sequence[str], texts: Sequence[str], file: Path, number: int) -> Template:
        """Compile statements and unconnected texts as the file's `number`-th template. Raises TemplateSyntaxError."""

        def tree() -> nodes.Template:
            parsed = [self._parse(source, str(file), str(file)) for source in (*statements, *texts)]
            body = [node for one in parsed[: len(statements)] for node in one.body]
            # What several ask for is looked up once, before the first of them.
            named = Counter(name for one in parsed[len(statements) :] for name in {*_loaded(one)})
            body += [nodes.ExprStmt(nodes.Name(name, "load", lineno=1), lineno=1) for name in named if named[name] > 1]
            for one in parsed[len(statements) :]:
                line = one.body[0].lineno if one.body else 1
                end = nodes.Output([nodes.TemplateData(END, lineno=line)], lineno=line)
                body += [nodes.Scope(one.body, lineno=line), end]
            return nodes.Template(body, lineno=1)

        code = self._compiled(str(file), repr((*statements, *texts)), tree, number)
        return Template.from_code(self, code, self.make_globals(None))

    def _compiled(self, file: str, sources: str, tree: Callable[[], str | nodes.Template], number: int = 0) -> CodeType:
        key = type(self).__name__, bool(self.autoescape), file, sources
        if known := COMPILED.get(key):
            return known
        began = time.thread_time()
        bucket = self.disk and self.disk.get_bucket(self, f"{file}|{key[1]}|{number}", file, sources)
        stored: Any = bucket and bucket.code
        code: CodeType = stored if isinstance(stored, CodeType) else super().compile(tree(), file, file)
        if self.disk and bucket and code is not stored:
            bucket.code = code
            self.disk.set_bucket(bucket)
        if len(COMPILED) >= MAX_COMPILED:
            COMPILED.clear()
        COMPILED[key] = code
        if budget := BUDGET.get():
            budget.allow(time.thread_time() - began)
        return code

    def _generate(self, source: nodes.Template, *args: Any, **kwargs: Any) -> str:
        tree: nodes.Template = self.rewriter().visit(source)
        return super()._generate(tree.set_environment(self), *args, **kwargs)  # type: ignore[arg-type]

    def filler(self, template: Template, limit: int) -> Callable[[Values], str]:
        """Return what fills in a template, without the white space around it. TemplateError names file and line."""
        return lambda values: self.tidy(self.run(template, values)[0], template.filename, limit)

    def run(self, template: Template, values: Values) -> tuple[str, Mapping[str, Any]]:
        """Return what a template writes, and the names that it sets. TemplateError names file and line."""
        context = template.new_context(dict(values))
        try:
            try:
                return "".join(template.root_render_func(context)), context.vars
            except Exception:  # noqa: BLE001 - templates are code
                self.handle_exception()
        except Exception as error:
            raise fault(error, template) from error

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

    def bounded(self, filters: Filters) -> Filters:
        """Return the filters, within what this environment allows them."""
        return filters

    def bounded_tests(self, tests: Filters) -> Filters:
        """Return the tests, within what this environment allows them."""
        return tests

    def counted(self, printed: Callable[[Any], str]) -> Callable[[Any], str]:
        """Return what prints a value, within what this environment allows."""
        return printed


def _loaded(tree: nodes.Template) -> Iterator[str]:
    """Yield the names that a template asks for, and none that it sets itself."""
    names = [*tree.find_all(nodes.Name)]
    own = {name.name for name in names if name.ctx != "load"}
    yield from (name.name for name in names if name.name not in own)


def environment(
    kind: type[Made], escaping: Escaping, loader: BaseLoader, hosts: LinkHosts = ANYWHERE, data_dir: Path | None = None
) -> Made:
    """Build the environment for one kind of text. All escape by themselves but `text`, where nothing is active."""
    made = kind(
        loader=loader,
        autoescape=escaping != "text",
        undefined=kind.unknown,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
        optimized=False,  # the optimizer would work out constants: `"x"|replace("x", …)` grows while it is compiled
        extensions=["jinja2.ext.i18n"],
    )
    made.escaping, made.hosts = escaping, hosts
    made.disk = DiskCache(data_dir, kind.__name__.lower()) if data_dir else None
    made.printed = autoescape.PRINTED[escaping]
    made.output = made.counted(made.printed)
    filters = {name: JINJA_FILTERS[name] for name in ALLOWED_FILTERS} | FILTERS | autoescape.FILTERS
    made.filters = made.bounded(filters | (MRKDWN_FILTERS if escaping == "mrkdwn" else {}))
    tests: Filters = {name: JINJA_TESTS[name] for name in ALLOWED_TESTS}  # type: ignore[misc]
    made.tests = made.bounded_tests(tests)  # type: ignore[assignment]
    made.globals = {"range": made.range, **helpers(escaping, hosts), **autoescape.gettext_functions()}
    made.newstyle_gettext = True  # type: ignore[attr-defined]
    made.policies["ext.i18n.trimmed"] = True
    return made
