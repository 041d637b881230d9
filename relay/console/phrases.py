"""Sentences that a page says in the reader's language, and `/api/v1` in English."""

from pydantic import Field

from relay.console.view import Facts

Value = str | int | float


class Phrase(Facts):
    """`text` is the sentence in English. Pages say `of`, which has %(names)s, with `values`.

    That is {{ _(line.of, **line.values) }} in a template.
    """

    text: str
    of: str = Field(exclude=True)
    values: dict[str, Value] = Field(default_factory=dict, exclude=True)


def phrase(of: str, **values: Value) -> Phrase:
    """`of` is marked with `said` where it stands, so that the catalogues have it."""
    return Phrase(text=of % values if values else of.replace("%%", "%"), of=of, values=values)
