"""What pages say in the reader's language, where it stands in the code."""


def said(text: str) -> str:
    """Marks a text that a page says in the reader's language: the catalogues have to have it."""
    return text


NO_PAGE = said("This page of the list is not there; begin with its first page.")
