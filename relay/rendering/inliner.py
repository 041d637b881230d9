"""A page's styles put into its elements' style attributes, since most mail programs read them nowhere else."""

from css_inline import CSSInliner

_INLINER = CSSInliner(load_remote_stylesheets=False)


def inline(page: str) -> str:
    """The page, parsed as a browser would and written anew."""
    return _INLINER.inline(page)
