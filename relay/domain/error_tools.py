"""Readers of what went wrong, one for each way in which tools print it: traces, databases, logs, exit codes. Pure.

A reader returns the cause, '' for what it does not know. What one tool prints of another is read by the inner one's,
so the innermost stands first: PySpark's trace has Java's in it.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

PLAIN = 3  # lines up to which a text without any sign of a tool is what somebody wrote
SIGNALS: Mapping[int, str] = {
    126: "its command is not executable", 127: "its command was not found", 130: "it was interrupted",
    134: "it aborted", 137: "it was killed, probably out of memory", 139: "it crashed (segmentation fault)",
    143: "it was told to stop (SIGTERM)",
}  # fmt: skip
KILLED = 137
GRAVE = frozenset({"ERROR", "SEVERE", "FATAL", "CRITICAL", "PANIC"})  # levels of a log
UNSPECIFIC = frozenset({"Exception", "RuntimeError", "Error", "BaseException", "Throwable", "RuntimeException"})

PREFIX = re.compile(r"^(?:psql:\S+ )?(?:error|fatal): +", re.I)
_TRACE = "Traceback (most recent call last)"
_RAISED = re.compile(
    r"^(?P<kind>(?:[A-Za-z_][\w$]*[.:]{1,2})*[A-Z]\w*)(?P<number> \(\d+\))?(?:: (?P<text>.*)|:?)$"
)  # a class, in a package or not, and what it says
_EXIT = re.compile(
    r"\b(?:exit(?:ed)?(?: with)?(?: (?:code|status|value))?|(?:return|exit)[ -]?code|exitcode)[ :=(]*(\d{1,3})\b", re.I
)
_KILLED = re.compile(r"^\W*(?:Killed|.*\b(?:OOMKilled|oom-kill(?:er)?|signal: killed|SIGKILL)\b.*)\W*$", re.I)
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
_DATABASES = tuple(
    re.compile(pattern, re.M)
    for pattern in (
        r"(?P<code>ORA-(?!06512)\d{5}): (?P<text>[^\n]+)",  # 06512 says where
        r"(?P<code>ERROR \d{4} \(\w{5}\))[^:\n]*: (?P<text>[^\n]+)",
        r"(?P<code>SQLSTATE\[\w+\]):? ?(?:\[\d+\] )?(?P<text>[^\n]+)",
        r"(?P<code>Msg \d+), Level \d+[^\n]*\n(?P<text>[^\n]+)",
        r"^(?P<code>).*?\bERROR: +(?P<text>[^\n]+)(?=\n.*?\b(?:DETAIL|HINT|LINE|CONTEXT|STATEMENT|Position)\b)",
    )
)


class Printed(NamedTuple):
    """A text, and its lines without what ends them."""

    text: str
    lines: Sequence[str]


def _one_line(it: Printed) -> str:
    """Return what somebody wrote: a line without any sign of a tool."""
    if len(it.lines) > 1 or any(sign.match(it.text) for sign in (_KILLED, _LEVEL, _STAMP)) or _EXIT.search(it.text):
        return ""
    return _thrown(it) or PREFIX.sub("", it.text)


def _thrown(it: Printed) -> str:
    """Return an exception without its trace: a class in a package, and what it says."""
    found = _RAISED.match(it.lines[0])
    return _raised(it.lines[0], it.lines[1:]) if found and re.search(r"\w[.:]\w", found["kind"]) else ""


def _java(it: Printed) -> str:
    """Return the innermost `Caused by` of Java, Scala and Kotlin, of .NET the innermost `--->`, or what was thrown."""
    if not re.search(r"^\s+at [\w.$<>/]+.*\(|^Caused by: |^\s*---> [\w.]+Exception", it.text, re.M):
        return ""
    for mark in ("---> ", "Caused by: "):
        if caused := [line.strip() for line in it.lines if line.lstrip().startswith(mark)]:
            return _raised(caused[-1].removeprefix(mark))
    bare = [_THREAD.sub("", line) for line in it.lines]
    thrown = [line for line in bare if re.match(r"^(?:[\w$]+\.)+[A-Z][\w$]*(?::|$)", line)]
    return _raised(thrown[-1]) if thrown else ""


def _python(it: Printed) -> str:
    """Return the exception below Python's last trace."""
    start = max((place for place, line in enumerate(it.lines) if _TRACE in line), default=None)
    if start is None:
        return ""
    grouped = re.compile(r"^[\s|+]*[|+][\s|+-]*")
    below = [grouped.sub("", line) for line in it.lines[start + 1 :]]
    places = (place for place, line in enumerate(below) if line[:1].strip() and _RAISED.match(line))
    place = next(places, None)
    return "" if place is None else _raised(below[place], below[place + 1 :])


def _node(it: Printed) -> str:
    """Return the innermost error of Node, above its frames."""
    if not re.search(r"^\s+at .+(?::\d+:\d+\)?|<anonymous>\)?)$", it.text, re.M):
        return ""
    caused = [found[1] for line in it.lines if (found := re.match(r"^\s*\[(?:cause|errors)\]: (.+?)\s*\{?$", line))]
    bare = [line.strip().removeprefix("Uncaught ") for line in it.lines]
    thrown = [line for line in bare if re.match(r"^\w*(?:Error|Exception)(?: \[\w+\])?: ", line)]
    return _raised(re.sub(r"^(\w+) \[\w+\]: ", r"\1: ", (caused or thrown or [""])[-1]))


def _php(it: Printed) -> str:
    found = re.search(
        r"^(?:PHP )?(?:\w+ )?(?:[Ff]atal|Parse) error: +(?:Uncaught )?(.+?)(?: in \S+:\d+)?$", it.text, re.M
    )
    return _raised(found[1]) if found and it.text.find("on line ") >= 0 else ""


def _ruby(it: Printed) -> str:
    found = re.match(r"^\S+\.rb:\d+:in [`'][^']*': (?P<text>.+?) \((?P<kind>[\w:]+)\)$", it.lines[0])
    return f"{found['kind']}: {found['text']}" if found else ""


def _go(it: Printed) -> str:
    found = re.search(r"^(?:panic|fatal error): (.+)$", it.text, re.M)
    return "panic: " + found[1].removesuffix(" [recovered]") if found and "goroutine " in it.text else ""


def _rust(it: Printed) -> str:
    found = re.search(r"^thread '[^']*'.* panicked at (?:'(.+)', \S+|\S+:\d+:\d+:\n(.+))", it.text, re.M)
    return f"panic: {found[1] or found[2]}" if found else ""


def _terraform(it: Printed) -> str:
    found = re.search(r"^\s*[│|] *Error: (.+)$", it.text, re.M)
    return found[1] if found else ""


def _dbt(it: Printed) -> str:
    bare = [_STAMP.sub("", line).strip() for line in it.lines]
    for place, line in enumerate(bare):
        found = re.match(r"^((?:Database|Compilation|Runtime|Dependency|Parsing) Error|Failure) in (\w+ \S+)", line)
        if found:
            says = next((under for under in bare[place + 1 :] if under and not under.startswith("LINE")), "")
            return f"{found[1]} in {found[2]}: {says}".rstrip(": ")
    return ""


def _abap(it: Printed) -> str:
    found = re.search(r"^\s*(?:Runtime Errors|Laufzeitfehler)\s+(\w+)", it.text, re.M)
    says = re.search(r"^\s*(?:Short [Tt]ext|Kurztext)[ :]*\n?[ ]*(.+)$", it.text, re.M)
    return f"{found[1]}: {says[1]}" if found and says else found[1] if found else ""


def _database(it: Printed) -> str:
    """Return what a database answered: Oracle, MySQL, by SQLSTATE, SQL Server, PostgreSQL."""
    found = next((found for pattern in _DATABASES if (found := pattern.search(it.text))), None)
    return ": ".join(filter(None, (found["code"], found["text"]))) if found else ""


def _r(it: Printed) -> str:
    found = re.search(r"^Error(?: in .+?)? : ?(.+)$", it.text, re.M)
    return found[1] if found else ""


def _pytest(it: Printed) -> str:
    failed = [line for line in it.lines if re.match(r"^(?:FAILED|ERROR) \S+::\S+", line)]
    more = f" (and {len(failed) - 1} more)" if len(failed) > 1 else ""
    return failed[0].partition(" ")[2] + more if failed else ""


def _structured(it: Printed) -> str:
    """Return the last error of a log in JSON or logfmt."""
    found = ""
    for line in it.lines:
        level = re.search(r"""\b"?(?:level|severity|lvl)"?[=:]\s*"?(\w+)""", line)
        if level and level[1].upper() in GRAVE:
            said = re.search(r"""\b"?(?:msg|message|error|err)"?[=:]\s*(?:"((?:[^"\\]|\\.)*)"|(\S+))""", line)
            found = (said[1] or said[2] or "").replace('\\"', '"') if said else found
    return found


def _marked(it: Printed) -> str:
    """Return the last line of a log that says itself that it is an error."""
    found = ""
    for line in it.lines:
        bare = _STAMP.sub("", line, count=1).replace("##[error]", "Error: ", 1)
        level, said = _LEVEL.match(bare), _SAID.match(bare)
        if level and level["level"] in GRAVE:
            bare = level["text"]
        elif said:
            bare = bare if said[1] else said[2]  # a program says which it is
        elif not bare.startswith("Error from server"):
            continue
        if not _NOISE.match(bare) and not _EXIT.fullmatch(bare.strip(" .")):
            found = _raised(bare)
    return found


def _exit(it: Printed) -> str:
    """Return what an exit code or a signal means, where a text says nothing else."""
    killed, codes = any(map(_KILLED.match, it.lines)), [int(code) for code in _EXIT.findall(it.text)]
    others = (line for line in it.lines if not _NOISE.match(line) and not _EXIT.search(line))
    if not killed and (not codes or any(others)):
        return ""
    if killed and KILLED not in codes:
        return SIGNALS[KILLED].capitalize()
    known = [code for code in codes if code in SIGNALS]
    return f"Exit code {known[-1]}: {SIGNALS[known[-1]]}" if known else it.lines[-1].strip()


READERS: tuple[Callable[[Printed], str], ...] = (
    _one_line, _java, _python, _node, _php, _ruby, _go, _rust, _terraform, _dbt, _abap, _database, _thrown, _r, _pytest,
    _structured, _marked, _exit,
)  # fmt: skip


def last_line(it: Printed) -> str:
    """Return the last line of a log that says something; a few lines without any sign of a tool are one text."""
    kept = [bare for line in it.lines if (bare := _STAMP.sub("", line, count=1)).strip()]
    sensible = [line for line in kept if not _NOISE.match(line.strip()) and not _FRAME.match(line)]
    items = [line for line in sensible if _ITEM.match(line)]
    if items and len(items) < len(sensible):  # a list says in its heading what it is of
        heading = [line for line in sensible if not _ITEM.match(line)]
        said = [line for line in heading if not line.endswith(":")]
        return said[-1].strip() if said else f"{heading[-1].strip()} {_ITEM.sub('', items[0])}"
    if sensible and len(kept) <= PLAIN:
        return " ".join(sensible)
    last = (sensible or kept or [""])[-1]
    level = _LEVEL.match(last)
    return (level["text"] if level else last).strip()


def _raised(line: str, below: Iterable[str] = ()) -> str:
    """Return an exception as people read it: the last part of its class, and what it says.

    A class that says nothing is left out; a message that begins, or goes on, on the next line is read there.
    """
    found = _RAISED.match(line.strip())
    if not found:
        return line.strip()
    kind = re.split(r"[.]|::|\$", found["kind"])[-1] + (found["number"] or "")
    said = (found["text"] or "").strip()
    if not said or said.endswith(":"):
        said = f"{said} {next((one.strip() for one in below if one.strip()), '')}".strip()
    if (inner := _RAISED.match(said)) and "." in inner["kind"]:  # an exception as the message of another one
        return _raised(said)
    return kind if not said else said if kind in UNSPECIFIC else f"{kind}: {said}"
