"""Queries, forms and posted JSON as the models of `site.py`; and flash messages: the outcome of a form."""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from hashlib import blake2b
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from aiohttp import web
from multidict import MultiDict, MultiMapping
from pydantic import BaseModel, ValidationError

from relay.console.access import IDENTITY
from relay.console.access.browser import PAGES, alike, read_fields
from relay.console.facts import LONGEST_ADDRESS, Form, Question
from relay.console.view import Action, View
from relay.receiving import request_body
from relay.receiving.problems import HttpProblem

LARGEST, BODY_TIMEOUT = 1024 * 1024, 10.0  # bytes of what a program posts, and seconds for them
ABOUT_THE_FORM = ("csrf", "back")


def question_of(view: View, request: web.Request) -> Question:
    """Raises ValidationError."""
    return view.question.model_validate(_filled_in(request.query))


async def fields_of(request: web.Request) -> tuple[str, dict[str, Any]]:
    """Return where the form leads back to, as it says; and what was filled in. Raises HttpProblem."""
    posted = await read_fields(request)
    fields = {name: value for name, value in _filled_in(posted).items() if name not in ABOUT_THE_FORM}
    return posted.get("back", ""), fields


async def called_with(action: Action, request: web.Request) -> Form:
    """Return the JSON that a program posts. Raises HttpProblem and ValidationError."""
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
    """Return the page's address with the form's values; unchanged if that is too long, or refused by the page."""
    page = urlsplit(back)
    texts = {name: value if isinstance(value, list) else [value] for name, value in fields.items()}
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
    """A repeated name has a list of values."""
    filled = {name: [value for value in values.getall(name) if value != ""] for name in values}
    return {name: several if len(several) > 1 else several[0] for name, several in filled.items() if several}


FLASH = "relay_done"
MOST_SAID = 600  # characters: with its signature it must be one cookie
FLASH_SECONDS = 30


def put_flash(request: web.Request, response: web.Response, text: str, *, refused: bool) -> None:
    """Let the next page of this session say it."""
    content = json.dumps({"text": text[:MOST_SAID], "refused": refused}, ensure_ascii=False).encode("utf-8", "replace")
    value = urlsafe_b64encode(content).decode()
    response.set_cookie(
        FLASH,
        f"{_signature(request, value)}.{value}",
        path=PAGES,
        max_age=FLASH_SECONDS,
        httponly=True,
        samesite="Strict",
        secure=request.secure,
    )


def flash_of(request: web.Request) -> Mapping[str, Any] | None:
    """Return `text` and `refused`; None where there is nothing to say."""
    signature, _, value = request.cookies.get(FLASH, "").partition(".")
    if not value or not alike(signature, _signature(request, value)):
        return None
    content: Mapping[str, Any] = json.loads(urlsafe_b64decode(value))
    return content


def _signature(request: web.Request, value: str) -> str:
    """Return '' without a login."""
    identity = request.get(IDENTITY)
    key = identity.csrf.encode()[:64] if identity else b""
    return blake2b(value.encode("utf-8", "replace"), key=key, digest_size=18).hexdigest() if identity else ""
