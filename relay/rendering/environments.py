"""The Jinja environments: what templates can do, and how each kind of text escapes what events say.

relay's own files are for `relay.rendering.built_in`, a user's for `relay.rendering.sandbox`; the messages are the same.
Compiling computes nothing, so a file of any content may be compiled anywhere. Compiled code is kept in this process for
every environment, and on disk from one start to the next: in two directories, since what was compiled without the
sandbox's checks is never loaded by it. Writing there is running code as relay, so both are for relay's user alone.
"""

import contextlib
import hashlib
import os
import stat
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from types import CodeType
from typing import Any, TypeVar

import jinja2
from jinja2 import BaseLoader, Template, nodes
from jinja2.bccache import Bucket, FileSystemBytecodeCache
from jinja2.filters import FILTERS as JINJA_FILTERS
from jinja2.tests import TESTS as JINJA_TESTS

from relay.domain.links import ANYWHERE, LinkHosts
from relay.rendering import autoescape
from relay.rendering.autoescape import Escaping, check_size, trimmed, unquoted
from relay.rendering.faults import fault
from relay.rendering.filters import ALLOWED_FILTERS, ALLOWED_TESTS, FILTERS, MRKDWN_FILTERS, helpers

MAX_COMPILED = 4096  # files
PRIVATE = 0o700
COMPILERS = ("autoescape", "built_in", "environments", "sandbox")  # modules that decide what code a source becomes

Values = Mapping[str, Any]
Filters = dict[str, Callable[..., Any]]
Made = TypeVar("Made", bound="TemplateEnvironment")
COMPILED: dict[tuple[str, bool, str, str], CodeType] = {}
END = "\x1e"  # of each of several texts: no document has it, once it is clean


@cache
def _version() -> str:
    """Return a digest of what compiles: after an update nothing is loaded that another relay or Jinja compiled."""
    made_by = [Path(__file__).with_name(f"{name}.py").read_bytes() for name in COMPILERS]
    return hashlib.sha256(b"".join([jinja2.__version__.encode(), *made_by])).hexdigest()[:12]


class DiskCache(FileSystemBytecodeCache):
    """Directory of one kind of environment under `data_dir`; unused where it is not relay's alone. Raises nothing."""

    def __init__(self, data_dir: Path, kind: str) -> None:
        self._data_dir = data_dir
        self._directory = data_dir / "compiled" / kind
        super().__init__(str(self._directory), f"{_version()}-%s.cache")

    def load_bytecode(self, bucket: Bucket) -> None:
        with contextlib.suppress(Exception):  # a file that was cut short: it is compiled anew, and written
            if self._is_private():
                super().load_bytecode(bucket)

    def dump_bytecode(self, bucket: Bucket) -> None:
        with contextlib.suppress(OSError):  # read-only, full, or gone
            if not self._data_dir.is_dir():
                return
            self._directory.parent.mkdir(PRIVATE, exist_ok=True)
            self._directory.mkdir(PRIVATE, exist_ok=True)
            if self._is_private():
                for file in self._directory.iterdir():
                    if not file.name.startswith(_version()):
                        file.unlink(missing_ok=True)
                super().dump_bytecode(bucket)

    def _is_private(self) -> bool:
        entries = [directory.lstat() for directory in (self._directory.parent, self._directory)]
        return all(
            stat.S_ISDIR(entry.st_mode) and entry.st_uid == os.geteuid() and not stat.S_IMODE(entry.st_mode) & 0o077
            for entry in entries
        )


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

    def together(self, statements: Sequence[str], texts: Sequence[str], file: Path, number: int) -> Template:
        """Compile statements, and texts that know nothing of each other, as one template, the file's `number`-th.

        Jinja's TemplateSyntaxError if one is faulty.
        """

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
        bucket = self.disk and self.disk.get_bucket(self, f"{file}|{key[1]}|{number}", file, sources)
        stored: Any = bucket and bucket.code
        code: CodeType = stored if isinstance(stored, CodeType) else super().compile(tree(), file, file)
        if self.disk and bucket and code is not stored:
            bucket.code = code
            self.disk.set_bucket(bucket)
        if len(COMPILED) >= MAX_COMPILED:
            COMPILED.clear()
        COMPILED[key] = code
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
        """Return a text as it is shown. TemplateError if it is longer than this."""
        return unquoted(trimmed(check_size(text, file, limit)), self.escaping)

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
