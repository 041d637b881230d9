"""What a run that has not begun is called."""

import pytest

from relay.domain.jobs import Job
from relay.policy.missing import Missing, alarm


@pytest.mark.parametrize(
    ("name", "kind", "expectation", "title"),
    [
        ("Sales #", "Load", "", "Sales"),
        ("#", "Load", "", "Load"),
        ("#", "", "2024-*", "2024-*"),
        ("#", "", "", "acme #"),
        ("# #", "", "", "acme # #"),
    ],
)
def test_a_job_of_numbers_alone_has_a_title(name: str, kind: str, expectation: str, title: str) -> None:
    missing = Missing(Job("", "", "acme", kind, name), since=1_705_732_200, after=0, expectation=expectation)

    event = alarm(missing, 1_705_734_000)

    assert event.operation is not None
    assert event.operation.name == title
