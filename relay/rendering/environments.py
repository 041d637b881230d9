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
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path
from types import CodeType
from typing import Any, TypeVar, cast

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
Codes = tuple[CodeType, ...]
COMPILED: dict[tuple[str, bool, str, tuple[str, ...]], Codes] = {}


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
        return self._compiled(filename or name or "", (source,))[0]

    def templates(self, sources: Sequence[str], file: Path) -> list[Template]:
        """Compile the texts of one file together. Jinja's TemplateSyntaxError if one is no template."""
        codes = self._compiled(str(file), (*sources,))
        return [Template.from_code(self, code, self.make_globals(None)) for code in codes]

    def _compiled(self, file: str, sources: tuple[str, ...]) -> Codes:
        key = type(self).__name__, bool(self.autoescape), file, sources
        if codes := COMPILED.get(key):
            return codes
        bucket = self.disk and self.disk.get_bucket(self, f"{file}|{key[1]}", file, repr(sources))
        stored: Any = bucket and bucket.code  # a tuple is marshalled as its members are
        if isinstance(stored, tuple) and len(stored) == len(sources):
            codes = stored
        else:
            compile_ = super().compile
            codes = tuple([compile_(source, file, file) for source in sources])
            if self.disk and bucket:
                bucket.code = cast("CodeType", codes)
                self.disk.set_bucket(bucket)
        if len(COMPILED) >= MAX_COMPILED:
            COMPILED.clear()
        COMPILED[key] = codes
        return codes

    def _generate(self, source: nodes.Template, *args: Any, **kwargs: Any) -> str:
        tree: nodes.Template = self.rewriter().visit(source)
        return super()._generate(tree.set_environment(self), *args, **kwargs)  # type: ignore[arg-type]

    def filler(self, template: Template, limit: int) -> Callable[[Values], str]:
        """Return what fills in a template, without the white space around it. TemplateError names file and line."""

        write, escaping, file = self.writer(template), self.escaping, template.filename

        def fill(values: Values) -> str:
            try:
                text = "".join(write(values))
            except Exception as error:
                raise fault(error, template) from error
            return unquoted(trimmed(check_size(text, file, limit)), escaping)

        return fill

    def writer(self, template: Template) -> Callable[[Values], Iterable[str]]:
        """Return what writes a template, piece by piece."""
        return template.generate

    def variable(self, template: Template, name: str, values: Values) -> Any:
        """Return what a template sets this name to."""
        context = template.new_context(dict(values))
        for _ in template.root_render_func(context):
            pass
        return context.vars[name]

    def bounded(self, filters: Filters) -> Filters:
        """Return the filters, within what this environment allows them."""
        return filters

    def bounded_tests(self, tests: Filters) -> Filters:
        """Return the tests, within what this environment allows them."""
        return tests

    def counted(self, printed: Callable[[Any], str]) -> Callable[[Any], str]:
        """Return what prints a value, within what this environment allows."""
        return printed


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
