"""What is left of the documents of a source that speaks of what others have begun."""

from typing import Any

import pytest

from relay.domain.permissions import redacted, without_recipients
from tests.support.events import body, seed


def test_recipients_are_left_out_wherever_they_stand() -> None:
    wishes = {"email": ["a@example.com"]}
    document = {"notifications": wishes, "data": {"operation": {"operationId": "1", "notifications": wishes}}, "x": [1]}

    assert without_recipients(document) == {"data": {"operation": {"operationId": "1"}}, "x": [1]}


def test_how_far_it_is_and_what_became_of_it_is_left() -> None:
    document = body(percentage=67)

    left = redacted(document, about_batch=False)

    gone = {"operationType", "operationName", "priority"}
    assert left["operation"] == {key: value for key, value in document["operation"].items() if key not in gone}


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("GET https://evil.test/x, then www.evil.test failed", "GET … then … failed"),
        ("see login.evil.test/a and mailto:cfo@example.com", "see … and …"),
        ("WWW.evil.test (evil.test/x) a=HTTPS://evil.test", "… … …"),
        ("data/v1.csv and/or a/b, 1.5/2.0 GB", "data/v1.csv and/or a/b, 1.5/2.0 GB"),
        ("at 12:30 in v1.2/3.4 of db:5432: 3.5 GB", "at 12:30 in v1.2/3.4 of db:5432: 3.5 GB"),
    ],
)
def test_addresses_are_left_out_of_a_text(text: str, left: str) -> None:
    assert redacted({"error": {"message": text}}, about_batch=False) == {"error": {"message": left}}


@pytest.mark.parametrize(
    ("error", "left"),
    [
        ({"code": "https://evil.test", "at": 1}, {"at": 1}),
        ({"https://evil.test": "x"}, {"…": "x"}),
        ({"helpUrl": "/relative", "links": [1], "curl": {}, "href": "x", "code": "X"}, {"code": "X"}),
        ({"rows": ["https://evil.test", "kept", {"url": "x"}]}, {"rows": ["kept", {}]}),
    ],
)
def test_a_field_that_is_an_address_is_left_out(error: dict[str, Any], left: dict[str, Any]) -> None:
    assert redacted({"error": error}, about_batch=False) == {"error": left}


def test_nobody_is_called_because_of_it_and_nobody_spared() -> None:
    fields = ("owner", "initiatedBy", "createdBy", "startedBy", "requestedBy", "cancelledBy")
    document = {"operation": dict.fromkeys(fields, "U024BE7LH"), "cancellation": {"cancelledBy": "U024BE7LH"}}

    assert redacted(document, about_batch=False) == {"operation": {}, "cancellation": {}}


def test_a_batch_is_named_by_its_callbacks_for_no_webhook_tells_of_it() -> None:
    batch = seed("submit-batch.response")

    left = redacted(batch, about_batch=True)

    assert left["batchName"] == batch["batchName"]
    assert [row["operationKey"] for row in left["operations"]] == [row["operationKey"] for row in batch["operations"]]
    assert "trackingUrl" not in left
