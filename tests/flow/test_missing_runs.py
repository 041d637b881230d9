"""What a run that has not begun looks like in Slack: one message of its own, made true when a run begins."""

import pytest

from relay.domain.jobs import Job
from relay.policy.missing import Missing, alarm, recovery
from tests.support.flow import Flow

JOB = Job("", "tenant-1", "project-1", "ReportGeneration", "Sales #")
DAY = 86_400.0


def missing(flow: Flow, priority: str, days: int = 0) -> Missing:
    """Half an hour ago it should have begun."""
    since = flow.clock() - 1800 + days * DAY
    return Missing(JOB, since, since - DAY, flow.clock(), priority)


@pytest.mark.parametrize(("priority", "called"), [("Normal", ""), ("High", ""), ("Critical", "<!subteam^S0DATATEAM> ")])
async def test_it_is_told_in_a_message_of_its_own_and_made_true(flow: Flow, priority: str, called: str) -> None:
    late = missing(flow, priority)
    await flow.intake.ingest(alarm(late, flow.clock()))
    await flow.intake.ingest(alarm(late, flow.clock()))
    await flow.wait(2)
    (message,) = flow.roots()
    assert message.text.startswith(f"{called}Not begun: Sales – no run has begun, one was expected ")
    assert "View run" not in str(message.blocks)

    await flow.intake.ingest(recovery(late, flow.clock(), flow.clock()))
    await flow.wait(90)
    (message,) = flow.roots()
    assert message.text.startswith("Running: Sales – A run has begun, ")
    assert (await flow.ledger()).imbalance == 0
