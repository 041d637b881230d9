"""Indented JSON for a page, with its long parts folded. Pure."""

from markupsafe import Markup, escape

SHORT = 12  # lines of an object or a list that are always shown
NEVER = 2  # levels that are not folded: the document, and its members


def folded(text: str) -> Markup:
    """Return the text as HTML. What is no indented JSON stays as it is."""
    lines: list[str] = []
    starts: list[int] = []  # where the objects and lists that are open began
    for line in text.split("\n"):
        lines.append(f"{escape(line)}\n")
        if line.endswith(("{", "[")):
            starts.append(len(lines) - 1)
        elif line.lstrip().startswith(("}", "]")) and starts:
            start = starts.pop()
            inner = len(lines) - start - 2
            if len(starts) >= NEVER and inner > SHORT:
                lines[start] = f"<details><summary>{lines[start].rstrip()} <small>⋯ {inner}</small></summary>"
                lines[-1] += "</details>"
    return Markup("".join(lines))  # noqa: S704 - each line is escaped
