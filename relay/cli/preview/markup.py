"""The HTML that the pages of previews share. Plain text goes in through `tag`, which escapes it."""

from collections.abc import Iterable, Mapping
from html import escape
from pathlib import Path

HERE = Path(__file__).parent
SCHEMES = {"light": "Light", "dark": "Dark"}
WIDTHS = {"desktop": "Desktop", "phone": "Phone"}


def tag(name: str, text: str = "", **attributes: str) -> str:
    """An element with this text."""
    return raw(name, escape(text), **attributes)


def raw(name: str, inside: str, **attributes: str) -> str:
    """An element with this HTML in it."""
    pairs = "".join(f' {key.rstrip("_").replace("_", "-")}="{escape(value)}"' for key, value in attributes.items())
    return f"<{name}{pairs}>{inside}</{name}>"


def choice(label: str, name: str, options: Mapping[str, str], chosen: str) -> str:
    """A labelled list of options, one of which is chosen."""
    rows = "".join(
        f'<option value="{escape(value)}"{" selected" if value == chosen else ""}>{escape(text)}</option>'
        for value, text in options.items()
    )
    return f'<label>{escape(label)} <select name="{escape(name)}">{rows}</select></label>'


def page(title: str, body: Iterable[str], *, script: str, nonce: str = "") -> str:
    """A whole page with the style of all of them."""
    at = f' nonce="{nonce}"' if nonce else ""
    return "\n".join([
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        '<meta name="color-scheme" content="light dark">',
        f'<title>{escape(title)}</title>\n<link rel="icon" href="data:,">',
        f"<style{at}>\n{_text('page.css')}</style>\n</head>\n<body>",
        *body,
        f'<script type="module"{at}>\n{_text(script)}</script>\n</body>\n</html>\n',
    ])  # fmt: skip


def _text(name: str) -> str:
    return (HERE / name).read_text("utf-8")
