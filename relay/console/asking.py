"""What a page, a form and a program's call are asked, read into the models of `site.py`; and what was wrong with it."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, get_origin
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from aiohttp import web
from multidict import MultiDict, MultiMapping
from pydantic import BaseModel, ValidationError

from relay.console.access.browser import read_fields
from relay.console.view import Action, View
from relay.receiving import request_body
from relay.receiving.problems import HttpProblem

LARGEST, BODY_TIMEOUT = 1024 * 1024, 10.0  # bytes of what a program posts, and seconds for them
LONGEST_ADDRESS = 6000  # characters; whoever serves us takes 8190, and browsers more
ABOUT_THE_FORM = ("csrf", "back")


def question_of(view: View, request: web.Request) -> BaseModel:
    """Raises ValidationError."""
    return view.question.model_validate({**_filled_in(request.query), **request.match_info})


async def fields_of(request: web.Request) -> tuple[str, dict[str, Any]]:
    """Where the form leads back to, as it says; and what was filled in. Raises HttpProblem."""
    posted = await read_fields(request)
    fields = {name: value for name, value in _filled_in(posted).items() if name not in ABOUT_THE_FORM}
    return posted.get("back", ""), fields


def form_of(action: Action, fields: Mapping[str, Any]) -> BaseModel:
    """A field that may have several values has a list also of one. Raises ValidationError."""
    lists = {name for name, field in action.form.model_fields.items() if get_origin(field.annotation) is list}
    return action.form.model_validate(
        {name: [value] if name in lists and not isinstance(value, list) else value for name, value in fields.items()}
    )


async def called_with(action: Action, request: web.Request) -> BaseModel:
    """The JSON that a program posts. Raises HttpProblem and ValidationError."""
    body = await request_body.read(request, max_size=LARGEST, seconds=BODY_TIMEOUT)
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        raise HttpProblem(400, "expected a JSON object") from None
    return action.form.model_validate(document)


def faults(error: ValidationError) -> str:
    return "; ".join(
        f"{'.'.join(map(str, fault['loc']))}: {fault['msg'].removeprefix('Value error, ')}"
        for fault in error.errors(include_url=False, include_input=False)
    )


def refilled(back: str, fields: Mapping[str, Any], questions: Mapping[str, type[BaseModel]]) -> str:
    """The page, asked with what was filled in. As it was, where that is more than an address may hold, or the page
    refuses it as well. `questions` are those of pages, by their paths.
    """
    page = urlsplit(back)
    texts: dict[str, Sequence[Any]] = {
        name: value if isinstance(value, list) else [value] for name, value in fields.items()
    }
    pairs = [pair for pair in parse_qsl(page.query) if pair[0] not in texts]
    pairs += [(name, text) for name, several in texts.items() for text in several if isinstance(text, str)]
    address = urlunsplit(page._replace(query=urlencode(pairs)))
    question = questions.get(page.path)
    if question is None or len(address) > LONGEST_ADDRESS:
        return back
    try:
        question.model_validate(_filled_in(MultiDict(pairs)))
    except ValidationError:
        return back
    return address


def _filled_in(values: MultiMapping[str]) -> dict[str, Any]:
    """A name that stands several times has a list of values."""
    filled = {name: [value for value in values.getall(name) if value != ""] for name in values}
    return {name: several if len(several) > 1 else several[0] for name, several in filled.items() if several}
