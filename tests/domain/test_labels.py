"""Labels of a run: what a document states of them, and what is kept of what it does not state."""

from typing import Any

import pytest

from relay.domain.facts import fill
from relay.domain.jobs import job_of
from relay.domain.labels import MAX_NAME, MAX_TEXT, MOST, labels_in, labels_of, merged
from relay.domain.permissions import Permissions
from tests.support import events

MANY = {f"label {number:02}": "x" for number in range(MOST + 5)}


@pytest.mark.parametrize(
    ("stated", "kept"),
    [
        ({"branch": " release/1.2 ", "run": 7, "share": 0.5, "nightly": True}, {
            "branch": "release/1.2", "run": "7", "share": "0.5", "nightly": "true"}),
        ({"branch": "feature\n one", "empty": " ", "none": None, "list": ["x"], "deep": {"a": "b"}}, {
            "branch": "feature one"}),
        ({"x" * MAX_NAME: "y" * MAX_TEXT, "x" * (MAX_NAME + 1): "y", "": "y", "long": "y" * (MAX_TEXT + 1)}, {
            "x" * MAX_NAME: "y" * MAX_TEXT}),
        ({"much": 10**400, "infinite": float("inf")}, {}),
        (MANY, dict([*MANY.items()][:MOST])),
        (["branch"], {}), ("branch", {}), (None, {}),
    ],
)  # fmt: skip
def test_a_label_is_a_text_by_name_and_no_document_is_refused_for_another(stated: Any, kept: dict[str, str]) -> None:
    assert labels_of(labels_in(stated)) == kept


def test_labels_that_are_not_stated_again_are_kept_and_new_ones_count_first() -> None:
    first, second = labels_in({"branch": "main", "sha": "5f1c"}), labels_in({"sha": "77ab", "event": "push"})

    assert labels_of(merged(second, first)) == {"branch": "main", "sha": "77ab", "event": "push"}
    assert merged("", first) == merged(first, "") == first
    assert len(labels_of(merged(second, labels_in(MANY)))) == MOST
    assert {*labels_of(second)} <= {*labels_of(merged(second, labels_in(MANY)))}


def test_a_token_takes_labels_from_who_may_state_them() -> None:
    failed = events.failed(labels={"branch": "main"})
    borrowed = Permissions("ops", begins=False).read(failed.document, source="ops", received_at=failed.received_at)
    filled = fill(borrowed, {"labels": labels_in({"branch": "release/1"})})

    assert borrowed.operation is not None
    assert borrowed.operation.labels == ""
    assert filled.operation is not None
    assert labels_of(filled.operation.labels) == {"branch": "release/1"}


def test_runs_of_two_branches_are_not_of_one_job_whatever_their_numbers() -> None:
    jobs = [
        job_of(events.failed(operationName="Checks", labels={"branch": branch}))
        for branch in ("main", "fix-17", "fix-18", "")
    ]

    assert [job and job.branch for job in jobs] == ["main", "fix-#", "fix-#", ""]
    assert [job and len(job.key) for job in jobs] == [6, 6, 6, 5]  # as jobs without a branch were always known
