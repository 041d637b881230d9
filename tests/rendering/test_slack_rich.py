"""The richer blocks of Slack: phases as a plan, the operations of a batch as a table."""

import pytest

from relay.rendering import Renderer
from relay.rendering.samples import FIXTURES
from tests.support import samples, slacks
from tests.support.slack_reading import NBSP
from tests.support.slacks import rendered


@pytest.mark.parametrize(("name", "states"), [
    ("operation.progress", "complete complete in_progress pending"),
    ("operation.stalled.flat", "complete complete in_progress pending"),
    ("operation.failed", "complete complete error pending"),
    ("operation.timeout", "complete complete error pending"),
    ("operation.completed", "complete complete complete complete"),
])  # fmt: skip
def test_the_phases_are_a_plan(renderer: Renderer, name: str, states: str) -> None:
    content = slacks.message(renderer, name, "live", "de")

    plan = next(block for block in content["rich"] if block["type"] == "plan")
    assert plan["title"] == "Phasen"
    assert [task["status"] for task in plan["tasks"]] == states.split()
    assert plan["tasks"][0]["title"] == f"Data Loading & Validation · 7{NBSP}min"
    assert not any(block["type"] == "plan" for block in content["blocks"])


def test_a_batch_ends_with_a_table_of_all_its_operations(renderer: Renderer) -> None:
    content = slacks.message(renderer, "batch.finished", "reply", "de")

    table = next(block for block in content["rich"] if block["type"] == "table")
    rows = [[cell["text"] for cell in row] for row in table["rows"]]
    assert rows[0] == ["Operation", "Status", "Dauer", "Abhängig von"]
    assert len(rows) == 21
    assert rows[1] == ["AP invoices DE", "❌ Fehlgeschlagen", "–", "–"]  # what failed comes first
    assert rows[-1] == ["Group consolidation", "⏹️ Abgebrochen", "–", "AP reconciliation"]
    assert "rich" not in slacks.message(renderer, "batch.finished", "live")


def test_a_message_without_phases_has_no_richer_form(renderer: Renderer) -> None:
    event = samples.event_of(FIXTURES["minimal"](samples.bodies()["operation.progress"]))

    assert "rich" not in rendered(renderer, event, "live")
