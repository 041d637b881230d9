"""Sentences that a page says in the reader's language, and `/api/v1` in English."""

from pydantic import Field

from relay.console.view import Facts

Value = str | int | float


class Phrase(Facts):
    """`text` is the sentence in English. Pages say `of`, which has %(names)s and perhaps {address}, with `values`.

    `phrase` of macros.html does that.
    """

    text: str
    of: str = Field(exclude=True)
    values: dict[str, Value] = Field(default_factory=dict, exclude=True)
    address: str = Field(default="", exclude=True)


def phrase(of: str, address: str = "", **values: Value) -> Phrase:
    """`of` is marked with `said` where it stands, or is a sentence of relay/reasons.py: catalogues have both."""
    text = (of % values).replace("{address}", address)
    return Phrase(text=text, of=of, values=values, address=address)
