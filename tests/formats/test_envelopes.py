"""Envelopes around documents."""

import json
from base64 import b64encode
from typing import Any

import pytest

from relay.formats.compiling import compile_format
from relay.formats.envelopes import opened
from relay.formats.faults import FormatError
from tests.support.foreign import cloud_event
from tests.support.issuers import pubsub, sns

Document = dict[str, Any]
BODY: Document = {"id": "r-1", "state": "ok"}
GRID = {"id": "9", "eventType": "com.example.runs", "subject": "s", "eventTime": "2026-11-21T05:00:00Z", "data": BODY}
HEADERS = {"ce-specversion": "1.0", "ce-type": "com.example.runs", "ce-id": "9"}
TEXT = b64encode(json.dumps(BODY).encode()).decode()
OPENED = {
    "sns": (["sns"], sns(BODY, 0.0), {}),
    "pubsub": (["pubsub"], pubsub(BODY), {}),
    "structured": (["cloudevents"], cloud_event(data=BODY), {}),
    "structured, as text": (["cloudevents"], cloud_event(data=json.dumps(BODY)), {}),
    "structured, in base64": (["cloudevents"], cloud_event(data_base64=TEXT), {}),
    "binary": (["cloudevents"], BODY, HEADERS),
    "event grid": (["eventgrid"], GRID, {}),
    "none, though there may be one": (["sns", "pubsub", "cloudevents", "eventgrid"], BODY, {}),
    "two": (["sns", "pubsub"], sns(pubsub(BODY), 0.0), {}),
    "one of several": (["sns", "pubsub", "eventgrid"], sns(GRID, 0.0), {}),
}


@pytest.mark.parametrize(("names", "body", "headers"), OPENED.values(), ids=OPENED)
def test_an_envelope_is_opened(names: list[str], body: Document, headers: dict[str, str]) -> None:
    form = compile_format({"unwrap": names, "run": "id", "status": {"of": "state", "Completed": "ok"}})

    assert form.readings(body, headers=headers)[0].document == {
        "operation": {"operationId": "r-1", "status": "Completed"}
    }


CLOSED = {
    "three, of which two are opened": (["sns", "pubsub", "eventgrid"], sns(pubsub(GRID), 0.0)),
    "a text": (["sns"], sns("disk full", 0.0)),
    "a list": (["sns"], sns("[1]", 0.0)),
    "another type": (["sns"], sns(BODY, 0.0) | {"Type": "UnsubscribeConfirmation"}),
    "no base64": (["pubsub"], {"message": {"data": "ä"}}),
    "base64 of bytes": (["pubsub"], {"message": {"data": "/w=="}}),
    "no message": (["pubsub"], {"message": [TEXT]}),
    "without data": (["cloudevents"], cloud_event()),
    "odd data": (["cloudevents"], cloud_event(data=[1], data_base64=7)),
    "grid without data": (["eventgrid"], GRID | {"data": "x"}),
}  # fmt: skip


@pytest.mark.parametrize(("names", "body"), CLOSED.values(), ids=CLOSED)
def test_what_is_none_or_holds_none_is_read_as_it_is(names: list[str], body: Any) -> None:
    form = compile_format({"unwrap": names, "when": {"state": "ok"}, "run": "id",
                           "status": {"of": "state", "Completed": "ok"}})  # fmt: skip

    assert form.readings(body, headers={})[0].ignored


def test_a_list_of_envelopes_is_several_documents_each_with_what_is_on_its_own() -> None:
    form = compile_format({"unwrap": ["eventgrid", "cloudevents"], "run": "$envelope.id", "job": "$envelope.type",
                           "status": {"of": "state", "Completed": "ok"}})  # fmt: skip
    batch = [cloud_event(id=f"{number}", data=BODY) for number in range(3)]
    read, left_out = form.readings([*batch, GRID, "odd"]), form.readings(batch, limit=2)

    runs = [(its.document or {}).get("operation", {}).get("operationId") for its in read]
    assert runs == ["0", "1", "2", "9", None]
    assert [its.beyond for its in left_out] == [0, 0, 1]
    assert len([*opened(batch, {}, ("cloudevents",), 2)]) == 2  # and no more are opened
    assert [its.missing for its in form.readings([])] == ["run"]


@pytest.mark.parametrize("headers", [{}, {name: text.replace("runs", "r%75ns") for name, text in HEADERS.items()}])
def test_what_is_on_the_envelope_is_read_in_both_modes(headers: dict[str, str]) -> None:
    form = compile_format({"unwrap": "cloudevents", "run": "id", "job": "$envelope.type",
                           "status": {"of": "state", "Completed": "ok"}})  # fmt: skip
    read = form.readings(BODY if headers else cloud_event(data=BODY), headers=headers)[0].document or {}

    assert read["operation"]["operationName"] == "com.example.runs"
    assert form.headers == {"ce-specversion", "ce-type"}  # which the quarantine keeps


@pytest.mark.parametrize(("spec", "path"), [
    ({"unwrap": "pub/sub", "run": "id"}, ("unwrap",)), ({"accept": ["zip"], "cases": []}, ("accept",)),
    ({"accept": ["gzip"], "cases": [{"run": "id"}]}, ("cases", 0, "status")), ({"unwrap": [["sns"]]}, ("unwrap",)),
    ({"link_hosts": ["ci.example.com", "https://a"], "run": "id"}, ("link_hosts",)),
])  # fmt: skip
def test_what_is_written_wrongly_is_reported_with_its_place(spec: object, path: tuple[object, ...]) -> None:
    with pytest.raises(FormatError) as caught:
        compile_format(spec)

    assert caught.value.path == path
