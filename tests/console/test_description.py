"""What `/openapi.json` says of the console's JSON: valid, and of every page and action."""

from pydantic import BaseModel, Field

from relay.console.description import described
from relay.console.site import ACTIONS, ANSWERS, COMMANDS, VIEWS
from relay.console.view import Action, Facts, Form, Question, View
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
    besides = described(views, actions, "/api/v1")
    assert besides.paths.keys() == {f"/api/v1{listed.path}" for listed in (*views, *actions)}
    check_openapi(openapi.document({"/healthz"}, {"/console"}, besides=besides))


def test_names_the_cookie_by_which_sessions_are_known() -> None:
    session = described(VIEWS, ACTIONS, "/api/v1").security["session"]
    assert session["name"] == "relay-console"
    assert "`__Host-relay-console`" in session["description"]


def test_says_what_is_asked_and_answered() -> None:
    view = View("/letters/{id}", _nothing, Asked, Answered, "letters.html", "A letter")
    action = Action("/letters", _nothing, Told, "Post it")  # type: ignore[arg-type]
    besides = described([view], [action], "/api/v1")
    check_openapi(openapi.document({"/healthz"}, {"/console"}, besides=besides))
    path = besides.paths["/api/v1/letters/{id}"]
    assert [(given["name"], given["in"], given["required"]) for given in path["get"]["parameters"]] == [
        ("id", "path", True),
        ("most", "query", False),
    ]
    assert path["get"]["responses"]["200"]["content"]["application/json"]["schema"] == {
        "$ref": "#/components/schemas/Answered"
    }
    assert {"Answered", "Part", "Told", "Done"} <= besides.schemas.keys()
    posted = besides.paths["/api/v1/letters"]["post"]["requestBody"]["content"]["application/json"]
    assert posted["schema"] == {"$ref": "#/components/schemas/Told"}
