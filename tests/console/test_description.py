"""What `/openapi.json` says of the console's JSON: valid, and of every page and action."""

from pydantic import BaseModel, Field

from relay.console.access.identity import NAME
from relay.console.api import described
from relay.console.facts import Facts, Form, Question
from relay.console.site import ACTIONS, ANSWERS, COMMANDS, VIEWS
from relay.console.view import Action, View
from relay.receiving import openapi
from tests.support.schemas import check_openapi


class Asked(Question):
    id: str = Field(min_length=1)
    most: int = 50


class Part(BaseModel):
    text: str


class Answered(Facts):
    parts: list[Part]


class Told(Form):
    ids: list[str]


async def _nothing(*_: object) -> Answered:
    return Answered(parts=[])


def test_describes_every_page_and_action_that_is_served() -> None:
    views, actions = (*VIEWS, *ANSWERS), (*ACTIONS, *COMMANDS)
    described_ = openapi.document({"/healthz"}, {"/console"}, besides=[*described(views, actions, "/api/v1")])
    check_openapi(described_)
    assert described_["paths"].keys() - {"/healthz", "/console"} == {
        f"/api/v1{listed.path}" for listed in (*views, *actions)
    }


def test_names_the_cookie_by_which_sessions_are_known() -> None:
    assert openapi.SECURITY["session"]["name"] == NAME


def test_says_what_is_asked_and_answered() -> None:
    view = View("/letters/{id}", _nothing, Asked, Answered, "letters.html", "A letter")
    action = Action("/letters", _nothing, Told, "Post it")  # type: ignore[arg-type]
    whole = openapi.document({"/healthz"}, {"/console"}, besides=[*described([view], [action], "/api/v1")])
    check_openapi(whole)
    get, post = whole["paths"]["/api/v1/letters/{id}"]["get"], whole["paths"]["/api/v1/letters"]["post"]
    assert [(given["name"], given["in"], given["required"]) for given in get["parameters"]] == [
        ("id", "path", True),
        ("most", "query", False),
    ]
    content = get["responses"]["200"]["content"], post["requestBody"]["content"]
    assert [each["application/json"]["schema"]["$ref"].rpartition("/")[2] for each in content] == ["Answered", "Told"]
    assert {"Answered", "Part", "Told", "Outcome"} <= whole["components"]["schemas"].keys()
