"""A page's styles put into its elements' style attributes, since most mail programs read them nowhere else."""

from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from css_inline import CSSInliner


def inline(page: str) -> str:
    """The page, parsed as a browser would and written anew."""
    return _inliner().inline(page)


@cache
def _inliner() -> "CSSInliner":
    """Imported where it is first needed: relays that send no mail do without its 1.5 MB."""
    from css_inline import CSSInliner  # noqa: PLC0415

    return CSSInliner(load_remote_stylesheets=False)
