"""The JSON API of the console as OpenAPI: the same tables and models that answer."""

from collections.abc import Iterator, Sequence

from pydantic import BaseModel, ConfigDict

from relay.console.view import Action, View
from relay.receiving.openapi import Address

REFUSED = (400, 401, 403, 404, 422, 503)
ACCESS = ("console", "session")


class Done(BaseModel):
    """What came of an action, in English; its values stand beside it."""

    model_config = ConfigDict(extra="allow")

    done: bool
    text: str


def described(views: Sequence[View], actions: Sequence[Action], base: str) -> Iterator[Address]:
    """Yield the addresses below `base`."""
    for view in views:
        path, question = base + view.path, view.question
        yield Address("get", path, view.title, view.facts, (200, *REFUSED), question=question, security=ACCESS)
    for action in actions:
        path, form = base + action.path, action.form
        yield Address("post", path, action.summary, Done, (200, 409, *REFUSED), body=form, security=ACCESS)
