"""Readers of what went wrong, one for each way in which tools print it: traces, databases, logs, exit codes. Pure.

A reader returns the cause, '' for what it does not know. What one tool prints of another is read by the inner one's,
so the innermost stands first: PySpark's trace has Java's in it. All read line by line, and a pattern sees one line:
what may be long is searched by plain words.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

PLAIN = 3  # lines up to which a text without any sign of a tool is what somebody wrote
SIGNALS: Mapping[int, str] = {
    126: "Command not executable (126)", 127: "Command not found (127)", 130: "Interrupted (130: SIGINT)",
    134: "Aborted (134: SIGABRT)", 137: "Killed (137: out of memory or kill -9)",
    139: "Crashed (139: segmentation fault)", 143: "Stopped (143: SIGTERM)",
}  # fmt: skip
KILLED = 137
BY_SIGNAL = 128  # and more: what was printed before is no cause
GRAVE = frozenset({"ERROR", "SEVERE", "FATAL", "CRITICAL", "PANIC"})  # levels of a log
UNSPECIFIC = frozenset({"Exception", "RuntimeError", "Error", "BaseException", "Throwable", "RuntimeException"})
HEADINGS = ("* What went wrong:", "Short text of error message:", "Kurztext der Fehlermeldung:")  # Gradle, SAP
# What npm says beside the error: `npm ERR! code E404`.
ASIDE_IN_NPM = ("code ", "errno ", "syscall ", "path ", "dest ", "cwd ", "signal ", "command ", "A complete log",
                "This is probably not", "Exit status", "Lifecycle ")  # fmt: skip
IN_NPM = ("npm ERR! ", "npm error ")

PREFIX = re.compile(r"^(?:psql:\S+ )?(?:error|fatal): +", re.I)
_TRACE = "Traceback (most recent call last)"
_RAISED = re.compile(
    r"^(?P<kind>(?:[A-Za-z_][\w$]*[.:]{1,2})*[A-Z]\w*)(?P<number> \(\d+\))?(?:: (?P<text>.*)|:?)$"
)  # a class, in a package or not, and what it says
_IN_PACKAGE = re.compile(r"(?:[\w$]+\.)+[A-Z][\w$]*(?::|$)")
_EXIT = re.compile(
    r"\b(?:exit(?:ed)?(?: with)?(?: (?:code|status|value))?|(?:return|exit)[ -]?code|exitcode)[ :=(]*(\d{1,3})\b", re.I
)
_KILLED = ("oomkilled", "oom-kill", "signal: killed", "sigkill")
_JOB_KILLED = re.compile(r": line \d+: +\d+ Killed\b")
_STAMP = re.compile(
    r"^\W*(?:\d{4}[-/]\d\d[-/]\d\d[T, ]*|\d\d/\w{3}/\d{4}[: ])?\d{1,2}:\d\d:\d\d(?:[.,]\d+)?"
    r"(?:Z|[ ]?(?:[+-]\d\d:?\d\d|[A-Z]{3,4}\b))?\]?[\s|-]*"
)
_ASIDE = r"(?:\[[^\]]*\]|\{[^}]*\}|\([^)]*\)|<[^>]*>)"  # a thread, a process, a place in the code
_LEVEL = re.compile(
    rf"^\s*(?:{_ASIDE}\s*){{0,3}}[\[<(]?(?P<level>TRACE|DEBUG|INFO|NOTICE|WARN(?:ING)?|{'|'.join(sorted(GRAVE))})\b[\])>]?"
    rf"(?:\s*{_ASIDE}){{0,3}}(?:\s+[\w.$/-]+(?::\d+)?(?=:\s|\s+-))?\s*[:|-]*\s*(?P<text>.*)$"
)
_SAID = re.compile(r"^(\S+: )?(?:error|fatal|failed|failure|exception)(?:\[\w+\])?: (.+)$", re.I)
_FRAME = re.compile(r"^\s+(?:at |File \"|\^+|~+|\.\.\. \d+ (?:more|common))|^\s*goroutine \d+|^\S+\.go:\d+")
_NOISE = re.compile(
    r"^\W*$|^[-=_*#~]{3,}|^g?make(?:\[\d+\])?: \*\*\* \[|^npm (?:ERR!|error)\s*(?:A complete log|code |errno |$)"
    r"|^.*returned a non-zero code: \d+$"
    r"|^(?:##\[\w+\]|Error: )?Process completed with exit code|^(?:exit|exited|command terminated)\b.{0,40}\d+\W*$"
    r"|^(?:For more information|See .* for |Use --|Try --|Run with|note: run with|hint:|Suppressed:)"
    r"|^(?:The above exception|During handling|Traceback|Stack trace|Caused by:?\s*$|\.\.\. \d+ more)",
    re.I,
)
_ITEM = re.compile(r"^\s*(?:[-*•]|\d+[.)]) +")
_THREAD = re.compile(r"^(?:Exception in thread \"[^\"]*\" |Unhandled exception\. ?)")
_AT_A_LINE = re.compile(r"at .+(?::\d+:\d+\)?|<anonymous>\)?)$")
_NODE_CAUSE = re.compile(r"\[(?:cause|errors)\]: (.+?)\s*\{?$")
_NODE_ERROR = re.compile(r"(\w*(?:Error|Exception))(?: \[\w+\])?: ")
_PHP = re.compile(r"(?:PHP )?(?:\w+ )?(?:[Ff]atal|Parse) error: +(?:Uncaught )?(.+?)(?: in \S+:\d+)?$")
_RUBY = re.compile(r"^\S+\.rb:\d+:in [`'][^']*': (?P<text>.+?) \((?P<kind>[\w:]+)\)$")
_DBT = re.compile(r"((?:Database|Compilation|Runtime|Dependency|Parsing) Error|Failure) in (\w+ \S+)")
_ABAP = re.compile(r"(?:Runtime Errors|Laufzeitfehler)\s+(\w+)")
_ABAP_TEXT = re.compile(r"(?:Short [Tt]ext|Kurztext)[ :]*(.*)$")
_ORACLE = re.compile(r"ORA-(?!06512|02063)\d{5}: .+")  # these two say where
_CODED = (
    re.compile(r"(?P<code>ERROR \d{4} \(\w{5}\))[^:\n]{0,80}: (?P<text>.+)"),
    re.compile(r"(?P<code>SQLSTATE\[\w+\]):? ?(?:\[\d+\] )?(?P<text>.+)"),
)
_OF_SQL = re.compile(r"\b(?:DETAIL|HINT|LINE|CONTEXT|STATEMENT|Position)\b")
_R = re.compile(r"Error(?: in .+?)? : ?(.+)$")
_PYTEST = re.compile(r"(?:FAILED|ERROR) (\S+::\S+)")
_COMPILER = re.compile(r"[^\s:]+:\d+(?::\d+)?: (?:fatal )?error: ")
_TITLE = re.compile(r"<(?:title|h1)\b[^<>]*>([^<]+)", re.I)
_LOGGED = re.compile(r"""\b"?(?:level|severity|lvl)"?[=:]\s*"?(\w+)""")
_LOGGED_TEXT = re.compile(r"""\b"?(?:msg|message|error|err)"?[=:]\s*(?:"((?:[^"\\]|\\.)*)"|(\S+))""")


class Printed(NamedTuple):
    """A text without blank lines, its lines without what ends them, and those without what begins them either."""

    text: str
    lines: Sequence[str]
    bare: Sequence[str]

    @classmethod
    def of(cls, lines: Sequence[str]) -> "Printed":
        return cls("\n".join(lines), lines, [line.strip() for line in lines])

    def after(self, mark: str) -> str:
        """Return the line below the first one that begins with this; '' for none."""
        return next((below for line, below in pairwise(self.bare) if line.startswith(mark)), "")


def _one_line(it: Printed) -> str:
    """Return what somebody wrote: a line without any sign of a tool."""
    if len(it.lines) > 1 or _is_killed(it.text) or any(sign.match(it.text) for sign in (_LEVEL, _STAMP)):
        return ""
    if _EXIT.search(it.text) or _is_page(it.text):
        return ""
    return _thrown(it) or PREFIX.sub("", it.text)


def _thrown(it: Printed) -> str:
    """Return an exception without its trace: a class in a package, and what it says."""
    match = _RAISED.match(it.lines[0])
    return _raised(it.lines[0], it.lines[1:]) if match and re.search(r"\w[.:]\w", match["kind"]) else ""


def _java(it: Printed) -> str:
    """Return the innermost `Caused by` of Java, Scala and Kotlin, of .NET the innermost `--->`, or what was thrown."""
    for mark in ("---> ", "Caused by: "):
        caused = [line.removeprefix(mark) for line in it.bare if line.startswith(mark)]
        if caused and (mark != "---> " or "Exception" in caused[-1].partition(" ")[0]):
            return _raised(caused[-1])
    bare = [_THREAD.sub("", line).removeprefix(": ") for line in it.bare]  # Py4J's begins with a colon
    thrown = [line for line in bare if _IN_PACKAGE.match(line)]
    framed = any(line.startswith(": ") or (line.startswith("at ") and "(" in line) for line in it.bare)
    return _raised(thrown[-1]) if thrown and framed else ""


def _python(it: Printed) -> str:
    """Return the exception below Python's last trace."""
    start = max((index for index, line in enumerate(it.lines) if _TRACE in line), default=None)
    if start is None:
        return ""
    grouped = it.bare[start][0] in "|+"
    below = [line.lstrip(" |+-") if grouped else line for line in it.lines[start + 1 :]]
    places = (index for index, line in enumerate(below) if line[:1].strip() and _RAISED.match(line))
    index = next(places, None)
    return "" if index is None else _raised(below[index], below[index + 1 :])


def _node(it: Printed) -> str:
    """Return the innermost error of Node, above its frames."""
    if not any(line.startswith("at ") and _AT_A_LINE.match(line) for line in it.bare):
        return ""
    caused = [match[1] for line in it.bare if line[:1] == "[" and (match := _NODE_CAUSE.match(line))]
    thrown = [line for raw in it.bare if _NODE_ERROR.match(line := raw.removeprefix("Uncaught "))]
    innermost = (caused or thrown or [""])[-1]
    kind = _NODE_ERROR.match(innermost)  # which may name a code behind the class
    return _raised(f"{kind[1]}: {innermost[kind.end() :]}" if kind else innermost)


def _php(it: Printed) -> str:
    match = next((match for line in it.lines if (match := _PHP.match(line))), None)
    return _raised(match[1]) if match and "on line " in it.text else ""


def _ruby(it: Printed) -> str:
    match = _RUBY.match(it.lines[0])
    return f"{match['kind']}: {match['text']}" if match else ""


def _go(it: Printed) -> str:
    marks = ("panic: ", "fatal error: ")
    message = next((line.partition(": ")[2] for line in it.lines if line.startswith(marks)), "")
    return "panic: " + message.removesuffix(" [recovered]") if message and "goroutine " in it.text else ""


def _rust(it: Printed) -> str:
    for line, below in pairwise([*it.lines, ""]):
        message = line.partition(" panicked at ")[2] if line.startswith("thread '") else ""
        if message:
            return "panic: " + (message[1:].rpartition("', ")[0] if message[0] == "'" else below)
    return ""


def _terraform(it: Printed) -> str:
    boxed = (line.lstrip("│| ") for line in it.bare if line[0] in "│|")
    return next((line.removeprefix("Error: ") for line in boxed if line.startswith("Error: ")), "")


def _dbt(it: Printed) -> str:
    if "Error in " not in it.text and "Failure in " not in it.text:
        return ""
    bare = [_STAMP.sub("", line).strip() for line in it.lines]
    for number, line in enumerate(bare):
        if match := _DBT.match(line):
            says = next((under for under in bare[number + 1 :] if under and not under.startswith("LINE")), "")
            return f"{match[1]} in {match[2]}: {says}".rstrip(": ")
    return ""


def _headed(it: Printed) -> str:
    """Return the line below the heading of what went wrong, with what Gradle says of it in the next."""
    message = next((below for heading in HEADINGS if (below := it.after(heading))), "")
    more = it.after(message) if message else ""
    return f"{message.rstrip('.')}: {more[2:]}" if more.startswith("> ") else message


def _abap(it: Printed) -> str:
    match = next((match for line in it.bare if (match := _ABAP.match(line))), None)
    message = next(
        (says[1] or below for line, below in pairwise([*it.bare, ""]) if (says := _ABAP_TEXT.match(line))), ""
    )
    return f"{match[1]}: {message}".rstrip(": ") if match else ""


def _database(it: Printed) -> str:
    """Return what a database answered: Oracle's innermost, MySQL, by SQLSTATE, SQL Server, PostgreSQL."""
    if oracle := _ORACLE.findall(it.text):
        return str(oracle[-1])
    coded = next((match for pattern in _CODED if (match := pattern.search(it.text))), None)
    if coded:
        return f"{coded['code']}: {coded['text']}"
    for line, below in pairwise(it.bare):
        code, level, _ = line.partition(", Level ")
        if level and code.startswith("Msg "):
            return f"{code}: {below}"
        message = line.partition("ERROR: ")[2]
        if message and _OF_SQL.search(below):
            return message.strip()
    return ""


def _r(it: Printed) -> str:
    return next((match[1] for line in it.lines if line.startswith("Error") and (match := _R.match(line))), "")


def _pytest(it: Printed) -> str:
    failed = {match[1]: line for line in reversed(it.lines) if (match := _PYTEST.match(line))}
    more = f" (and {len(failed) - 1} more)" if len(failed) > 1 else ""
    return [*failed.values()][-1].partition(" ")[2] + more if failed else ""


def _npm(it: Printed) -> str:
    """Return the first line of npm that names something."""
    messages = (line for line in it.bare if line.startswith(IN_NPM) and not line[9:].lstrip().startswith(ASIDE_IN_NPM))
    return next(messages, "")


def _compiler(it: Printed) -> str:
    return next((line for line in it.bare if _COMPILER.match(line)), "")


def _page(it: Printed) -> str:
    """Return the title of a page that came in the place of an answer, behind what stands before the page."""
    title = _TITLE.search(it.text) if _is_page(it.text) else None
    before = it.text.partition("<")[0].strip(" :\n")
    return ": ".join(filter(None, (before, title[1].strip()))) if title and "\n" not in before else ""


def _structured(it: Printed) -> str:
    """Return the last error of a log in JSON or logfmt."""
    cause = ""
    for line in it.lines if any(word in it.text for word in ("level", "severity", "lvl")) else ():
        level = _LOGGED.search(line)
        if level and level[1].upper() in GRAVE:
            message = _LOGGED_TEXT.search(line)
            cause = (message[1] or message[2] or "").replace('\\"', '"') if message else cause
    return cause


def _marked(it: Printed) -> str:
    """Return the last line of a log that says itself that it is an error."""
    cause = ""
    for line in it.lines:
        bare = _STAMP.sub("", line, count=1).replace("##[error]", "Error: ", 1)
        level, marked = _LEVEL.match(bare), _SAID.match(bare)
        if level and level["level"] in GRAVE:
            bare = level["text"]
        elif marked:
            bare = bare if marked[1] else marked[2]  # a program says which it is
        elif not bare.startswith("Error from server"):
            continue
        if not _NOISE.match(bare) and not _EXIT.fullmatch(bare.strip(" .")):
            cause = _raised(bare)
    return cause


def _exit(it: Printed) -> str:
    """Return what an exit code or a signal means, where a text says nothing else."""
    codes = [int(code) for code in _EXIT.findall(it.text)]
    last = [int(code) for code in _EXIT.findall(it.lines[-1])]
    code = next((code for code in reversed(codes) if code in SIGNALS), 0)
    if any(map(_is_killed, it.lines)):
        return SIGNALS[code if code > BY_SIGNAL else KILLED]
    others = (line for line in it.lines if not _NOISE.match(line) and not _EXIT.search(line))
    if not codes or (any(others) and not (code > BY_SIGNAL and code in last)):
        return ""
    return SIGNALS.get(code) or it.bare[-1]


def _is_killed(line: str) -> bool:
    """Return whether the line says so: the kernel's, that of a shell about its job, that of a container."""
    lower = line.strip(" .!\t").lower()
    return lower == "killed" or any(sign in lower for sign in _KILLED) or bool(_JOB_KILLED.search(line))


def _is_page(text: str) -> bool:
    return "<html" in (lower := text.lower()) or "<!doctype html" in lower


READERS: tuple[Callable[[Printed], str], ...] = (
    _one_line, _java, _python, _node, _php, _ruby, _go, _rust, _terraform, _dbt, _headed, _abap, _page, _database,
    _thrown, _r, _pytest, _compiler, _structured, _npm, _marked, _exit,
)  # fmt: skip


def last_line(it: Printed) -> str:
    """Return the last line of a log that says something; a few lines without any sign of a tool are one text."""
    printed = [bare for line in it.lines if (bare := _STAMP.sub("", line, count=1)).strip()]
    sensible = [line for line in printed if not _NOISE.match(line.strip()) and not _FRAME.match(line)]
    items = [line for line in sensible if _ITEM.match(line)]
    if items and len(items) < len(sensible):  # a list says in its heading what it is of
        heading = [line for line in sensible if not _ITEM.match(line)]
        statements = [line for line in heading if not line.endswith(":")]
        return statements[-1].strip() if statements else f"{heading[-1].strip()} {_ITEM.sub('', items[0])}"
    if sensible and len(printed) <= PLAIN:
        return " ".join(sensible)
    last = (sensible or printed or [""])[-1]
    level = _LEVEL.match(last)
    return (level["text"] if level else last).strip()


def _raised(line: str, below: Iterable[str] = ()) -> str:
    """Return an exception as people read it: the last part of its class, and what it says.

    A class that says nothing is left out; a message that begins, or goes on, on the next line is read there.
    """
    match = _RAISED.match(line.strip())
    if not match:
        return line.strip()
    kind = re.split(r"[.]|::|\$", match["kind"])[-1] + (match["number"] or "")
    message = (match["text"] or "").strip()
    if not message or message.endswith(":"):
        message = f"{message} {next((next_line.strip() for next_line in below if next_line.strip()), '')}".strip()
    if (inner := _RAISED.match(message)) and "." in inner["kind"]:  # an exception as the message of another one
        return _raised(message)
    return kind if not message else message if kind in UNSPECIFIC else f"{kind}: {message}"
