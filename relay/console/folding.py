"""Indented JSON for a page, with its long parts folded. Pure."""

from collections.abc import Collection

from markupsafe import Markup, escape

SHORT = 12  # lines of an object or a list that are always shown


def folded(text: str, unfolded: Collection[str] = ()) -> Markup:
    """Return the text as HTML; of the members at its top these are open. What is no indented JSON stays as it is."""
    lines: list[str] = []
    begun: list[int] = []  # where the objects and lists that are open began
    for line in text.split("\n"):
        lines.append(str(escape(line)) + "\n")
        bare = line.strip()
        if bare.endswith(("{", "[")):
            begun.append(len(lines) - 1)
        elif bare.startswith(("}", "]")) and begun:
            start = begun.pop()
            if begun and len(lines) - start > SHORT:
                name = bare_name(lines[start])
                opened = " open" if len(begun) == 1 and name in unfolded else ""
                summary = f"<details{opened}><summary>{lines[start].rstrip()}"
                lines[start] = f"{summary} <small>⋯ {len(lines) - start - 2}</small></summary>"
                lines[-1] = f"{lines[-1]}</details>"
    return Markup("".join(lines))  # noqa: S704 - each line is escaped


def bare_name(line: str) -> str:
    """Return the name of the member that this line begins; '' for an item of a list."""
    return line.strip().partition("&#34;: ")[0].removeprefix("&#34;") if "&#34;: " in line else ""
