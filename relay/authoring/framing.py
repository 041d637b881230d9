"""A message's document as a frame of a page shows it."""

from pathlib import Path

HERE = Path(__file__).parent
FOR_THE_DARK = "(prefers-color-scheme: dark)"
EITHER = 'content="light dark"'  # of the meta elements that say which schemes a document knows


def in_scheme(document: str, scheme: str) -> str:
    """The document as readers of this scheme see it, whatever the scheme of the page around it."""
    holds = "all" if scheme == "dark" else "not all"
    return document.replace(FOR_THE_DARK, holds).replace(EITHER, f'content="{scheme}"')


def framed(document: str, *, nonce: str = "") -> str:
    """The document as it is inside of a frame: it tells its height; a Slack message without the page around it."""
    at = f' nonce="{nonce}"' if nonce else ""
    head, _, tail = document.rpartition("</body>")
    alone = f"<style>{_text('frame.css')}</style>" if 'id="messages"' in document else ""
    return f"{head}{alone}<script{at}>{_text('frame.js')}</script></body>{tail}"


def scripted(document: str, nonce: str) -> str:
    """A page of Slack messages in a frame that lets no script run but this page's own. What it shows it has as data,
    with no `<` in it.
    """
    return framed(document.replace("<script>", f'<script nonce="{nonce}">'), nonce=nonce)


def _text(name: str) -> str:
    return (HERE / name).read_text("utf-8")
