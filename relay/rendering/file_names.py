"""What the name of a template says it is for: `operation.completed.reply@analysts@type=ReportGeneration`.

A type is whatever a platform sends. Names are compared, never made into a path; what is no letter, digit, `-`, `_` or
`.` is written in a file's name as an address would have it: `Data%20load`.
"""

import re
import unicodedata
from typing import NamedTuple, get_args
from urllib.parse import quote, unquote

from relay.domain.deliveries import Form

KINDS: tuple[Form, ...] = get_args(Form)
TYPE = "type="
_SPECIAL = re.compile(r"[^\w.-]")


class FileName(NamedTuple):
    """The parts of a file's name without its ending."""

    message: str
    kind: str = ""
    destination: str = ""
    operation_type: str = ""


def parsed(stem: str) -> FileName:
    """What the file is for. Of a name that is written otherwise, `written` makes another one."""
    message, *marks = stem.split("@")
    kind = next((kind for kind in KINDS if message.endswith(f".{kind}")), "")
    types = [unquote(mark.removeprefix(TYPE)) for mark in marks if mark.startswith(TYPE)]
    destinations = [mark for mark in marks if not mark.startswith(TYPE)]
    return FileName(message.removesuffix(f".{kind}") if kind else message, kind,
                    "@".join(destinations), "@".join(types))  # fmt: skip


def written(name: FileName) -> str:
    """The file's name without its ending."""
    kind = f".{name.kind}" if name.kind else ""
    return f"{name.message}{kind}{mark(name.destination, name.operation_type)}"


def mark(destination: str, operation_type: str = "") -> str:
    """What follows the message's name: `@analysts@type=ReportGeneration`."""
    at = f"@{destination}" if destination else ""
    return f"{at}@{TYPE}{_spelled(operation_type)}" if operation_type else at


def marks(destination: str, operation_type: str) -> tuple[str, ...]:
    """The marks of the files that could serve, the closest first: a destination's go before a type's."""
    typed = ((destination, operation_type), (destination, ""), ("", operation_type), ("", ""))
    return tuple(dict.fromkeys(mark(*pair) for pair in typed))


def _spelled(operation_type: str) -> str:
    plain = unicodedata.normalize("NFC", operation_type)
    return _SPECIAL.sub(lambda match: quote(match[0], safe=""), plain)
