"""Whether whoever reads an output is a person at a terminal with colours."""

import os
from typing import TextIO


def plain(stream: TextIO) -> bool:
    """Whether text alone is wanted there: it is no terminal, or one without colours (https://no-color.org)."""
    return not stream.isatty() or bool(os.environ.get("NO_COLOR")) or os.environ.get("TERM") in ("dumb", "unknown")
