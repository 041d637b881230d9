"""The Jinja environments: what templates can do, and how each kind of text escapes what events say.

relay's own files are for `relay.rendering.built_in`, a user's for `relay.rendering.sandbox`; the messages are the same.
Compiling computes nothing, so a file of any content may be compiled anywhere.
"""

import contextlib
import hashlib
import os
import stat
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from types import CodeType
from typing import Any, TypeVar, cast

import jinja2
from jinja2 import BaseLoader, Template, nodes
from jinja2.bccache import Bucket, FileSystemBytecodeCache
from jinja2.compiler import CodeGenerator, Frame
from jinja2.filters import FILTERS as JINJA_FILTERS
from jinja2.tests import TESTS as JINJA_TESTS

from relay.domain.links import ANYWHERE, LinkHosts
from relay.errors import TemplateError
from relay.rendering import autoescape
from relay.rendering.autoescape import Escaping
from relay.rendering.faults import fault
from relay.rendering.filters import FILTERS, MRKDWN_FILTERS, helpers

Values = Mapping[str, Any]
Filters = dict[str, Callable[..., Any]]
Made = TypeVar("Made", bound="TemplateEnvironment")

# Left out are those that format to any width (format, center, indent, wordwrap), reach attributes or
# internals (attr, pprint, xmlattr), switch escaping off (safe) or promise what we say in our own way (truncate).
ALLOWED_FILTERS = (
    "abs", "batch", "capitalize", "count", "d", "default", "dictsort", "first", "float", "groupby", "int", "items",
    "last", "length", "list", "lower", "map", "max", "min", "reject", "rejectattr", "reverse", "round", "select",
    "selectattr", "slice", "sort", "string", "striptags", "sum", "title", "trim", "unique", "upper", "urlencode",
    "wordcount",
)  # fmt: skip


# Left out are those that reach the environment or internals (filter, test, sameas, escaped, callable).
ALLOWED_TESTS = (
    "boolean", "defined", "divisibleby", "eq", "equalto", "==", "even", "false", "float", "ge", ">=", "gt", ">",
    "greaterthan", "in", "integer", "iterable", "le", "<=", "lessthan", "lower", "lt", "<", "mapping", "ne", "!=",
    "none", "number", "odd", "sequence", "string", "true", "undefined", "upper",
)  # fmt: skip


MAX_COMPILED = 4096  # files
PRIVATE = 0o700
COMPILERS = ("autoescape", "built_in", "environments", "sandbox")  # modules that decide what code a source becomes

Codes = tuple[CodeType, ...]
Key = tuple[str, bool, str, tuple[str, ...]]
COMPILED: dict[Key, Codes] = {}


@cache
def _version() -> str:
    """A digest of what compiles. After an update, nothing that an older relay or another Jinja compiled is loaded."""
    made_by = [Path(__file__).with_name(f"{name}.py").read_bytes() for name in COMPILERS]
    return hashlib.sha256(b"".join([jinja2.__version__.encode(), *made_by])).hexdigest()[:12]


class DiskCache(FileSystemBytecodeCache):
    """The directory of one kind of environment under `data_dir`. Where there is none that is relay's alone, it is done
    without: nothing here raises."""

    def __init__(self, data_dir: Path, kind: str) -> None:
        self._version = _version()
        self._data_dir = data_dir
        self._directory = data_dir / "compiled" / kind
        super().__init__(str(self._directory), f"{self._version}-%s.cache")

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
                    if not file.name.startswith(self._version):
                        file.unlink(missing_ok=True)
                super().dump_bytecode(bucket)

    def _is_private(self) -> bool:
        entries = [directory.lstat() for directory in (self._directory.parent, self._directory)]
        return all(
            stat.S_ISDIR(entry.st_mode) and entry.st_uid == os.geteuid() and not stat.S_IMODE(entry.st_mode) & 0o077
            for entry in entries
        )


def compiled(
    environment: Any, cache: DiskCache | None, file: str, sources: tuple[str, ...], make: Callable[[str], CodeType]
) -> Codes:
    """The code of these sources, which are the texts of one file; what is not known is made."""
    key = type(environment).__name__, bool(environment.autoescape), file, sources
    codes: Any = COMPILED.get(key)
    if codes is None:
        bucket = cache and cache.get_bucket(environment, f"{file}|{key[1]}", file, repr(sources))
        codes = bucket and bucket.code  # a tuple is marshalled as its members are
        if not isinstance(codes, tuple) or len(codes) != len(sources):
            codes = tuple(map(make, sources))
            if cache and bucket:
                bucket.code = cast("CodeType", codes)
                cache.set_bucket(bucket)
        if len(COMPILED) >= MAX_COMPILED:
            COMPILED.clear()
        COMPILED[key] = codes
    return cast("Codes", codes)


class LineByLine(CodeGenerator):
    """Also knows the line of each part of an expression that is written over several: Jinja knows that of its first."""

    def visit_Getattr(self, node: nodes.Getattr, frame: Frame, **kwargs: Any) -> None:  # noqa: N802 - the name is Jinja's
        if node.lineno == self._last_line:
            super().visit_Getattr(node, frame, **kwargs)
            return
        self.write("(")  # inside of which a line may end
        self.newline(node)
        super().visit_Getattr(node, frame, **kwargs)
        self.write(")")


class TemplateEnvironment(jinja2.Environment):
    """What the environments have in common."""

    code_generator_class = LineByLine
    rewriter: type[autoescape.Rewriter] = autoescape.Rewriter
    unknown: type[jinja2.Undefined]
    range: Callable[..., range] = range
    escaping: Escaping = "text"
    hosts: LinkHosts = ANYWHERE
    disk: DiskCache | None = None
    printed: Callable[[Any], str]
    """What is printed of a value: harmless in this kind of text."""

    def compile(
        self, source: Any, name: str | None = None, filename: str | None = None, *args: Any, **kwargs: Any
    ) -> Any:
        """The code of a template; most files stay the same from reload to reload."""
        if not isinstance(source, str) or args or kwargs:
            return super().compile(source, name, filename, *args, **kwargs)
        return self._compiled(filename or name or "", (source,))[0]

    def templates(self, sources: Sequence[str], file: Path) -> list[Template]:
        """The texts of one file, compiled together. Jinja's TemplateSyntaxError if one is no template."""
        made = self._compiled(str(file), (*sources,))
        return [Template.from_code(self, code, self.make_globals(None)) for code in made]

    def _compiled(self, file: str, sources: tuple[str, ...]) -> Codes:
        def make(source: str) -> CodeType:
            return super(TemplateEnvironment, self).compile(source, file, file)

        return compiled(self, self.disk, file, sources, make)

    def _generate(self, source: nodes.Template, *args: Any, **kwargs: Any) -> str:
        tree: nodes.Template = self.rewriter().visit(source)
        return super()._generate(tree.set_environment(self), *args, **kwargs)  # type: ignore[arg-type]

    def filler(self, template: Template, limit: int) -> Callable[[Values], str]:
        """What fills in a template, and gives the text without the white space around it. TemplateError names file and
        line."""

        def fill(values: Values) -> str:
            pieces: list[str] = []
            room = limit
            try:
                for piece in template.generate(**values):
                    pieces.append(piece)
                    room -= len(piece)
                    if room < 0:
                        break
            except Exception as error:
                raise fault(error, template) from error
            if room < 0:
                raise TemplateError(f"{template.filename}: the text grows beyond {limit} characters")
            return self.unquoted(trimmed("".join(pieces)))

        return fill

    def variable(self, template: Template, name: str, values: Values) -> Any:
        """What a template sets this name to."""
        context = template.new_context(dict(values))
        for _ in template.root_render_func(context):
            pass
        return context.vars[name]

    def interpolate(self, text: str, values: Values) -> str:
        """A translation with its values, which are escaped."""
        return text % values

    def bounded(self, filters: Filters) -> Filters:
        """The filters, within what this environment allows them."""
        return filters

    def bounded_tests(self, tests: Filters) -> Filters:
        """Return the tests, within what this environment allows them."""
        return tests

    @staticmethod
    def finalizer(finalize: Callable[..., Any]) -> Callable[..., Any]:
        """What is done with each value that is printed."""
        return finalize

    def unquoted(self, text: str) -> str:
        """Slack knows three entities only; the two for quotes can come from nothing but our own escaping."""
        if self.escaping != "mrkdwn" or "&#3" not in text:
            return text
        return text.replace("&#34;", '"').replace("&#39;", "'")


def environment(
    kind: type[Made], escaping: Escaping, loader: BaseLoader, hosts: LinkHosts = ANYWHERE, data_dir: Path | None = None
) -> Made:
    """The environment for one kind of text. All escape by themselves but `text`, where nothing is active."""
    made = kind(
        loader=loader,
        autoescape=escaping != "text",
        undefined=kind.unknown,
        finalize=kind.finalizer(autoescape.finalize_mrkdwn if escaping == "mrkdwn" else autoescape.finalize),
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
        optimized=False,  # the optimizer would work out constants: `"x"|replace("x", …)` grows while it is compiled
        extensions=["jinja2.ext.i18n"],
    )
    made.escaping, made.hosts = escaping, hosts
    made.disk = DiskCache(data_dir, kind.__name__.lower()) if data_dir else None
    made.printed = autoescape.PRINTED[escaping]
    filters = {name: JINJA_FILTERS[name] for name in ALLOWED_FILTERS} | FILTERS | autoescape.FILTERS
    made.filters = made.bounded(filters | (MRKDWN_FILTERS if escaping == "mrkdwn" else {}))
    tests: Filters = {name: JINJA_TESTS[name] for name in ALLOWED_TESTS}  # type: ignore[misc]
    made.tests = made.bounded_tests(tests)  # type: ignore[assignment]
    made.globals = {"range": made.range, **helpers(escaping, hosts), **autoescape.gettext_functions()}
    made.newstyle_gettext = True  # type: ignore[attr-defined]
    made.policies["ext.i18n.trimmed"] = True
    return made


def trimmed(text: str) -> str:
    """Without white space around it, and none at the end of any line."""
    text = text.strip()
    return "\n".join(map(str.rstrip, text.split("\n"))) if "\n" in text else text
