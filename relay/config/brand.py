"""Whose messages these are: what a configuration may say of its sender's looks."""

from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from relay.configfile.validation import Section, spelled
from relay.domain.display import HEX, OF_SHAPES, WHITE, contrast, full, seen_on
from relay.domain.links import PORT


def _printable(text: str) -> str:
    if not text.isprintable():
        raise ValueError("expected text of one line")
    return text


def _visible(colour: str) -> str:
    if colour and contrast(colour, WHITE) < OF_SHAPES:
        near = seen_on(WHITE, colour)
        raise ValueError(f"a button of {colour} is hardly seen on white; expected a darker one, for instance {near}")
    return full(colour) if colour else ""


Printable = AfterValidator(_printable)
HttpsUrl = Annotated[
    str,
    Field(max_length=500),
    # In ASCII, as a browser's address bar copies it: nothing in it can be unseen, or turn the writing round.
    spelled(rf"(https://[\w.-]+{PORT}(/[!#-&(-;=?-\[\]-~]*)?)?", "an address such as https://www.example.com/logo.png"),
]


class Brand(Section):
    """What mails show of their sender. The reader's mail program loads the logo, so it lies in public."""

    name: Annotated[str, Field(max_length=60), Printable] = ""
    logo: HttpsUrl = ""
    url: HttpsUrl = ""
    color: Annotated[
        str, spelled(rf"({HEX})?", "a colour such as #0B5CAD, in quotes: # begins a comment"), AfterValidator(_visible)
    ] = ""
    footer: Annotated[str, Field(max_length=300), Printable] = ""
    subject_prefix: Annotated[str, Field(max_length=30), Printable] = ""

    @model_validator(mode="after")
    def _named(self) -> Self:
        if self.logo and not self.name:
            raise ValueError("a logo needs the `name` beside it: it is read where pictures are not shown")
        return self
