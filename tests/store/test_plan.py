"""What the scripts get of a target, field by field: they and what is stored know this form alone."""

import json
from typing import Any

import pytest

from relay.domain.deliveries import Digest, Each, Gate, Live, Presentation, Target, Window
from relay.domain.limits import Limit, Limits
from relay.store.plan import accept_arguments
from tests.support import events

QUIET = Window(100.0, 200.5)
OUTCOME = Presentation(new_message=True, thread_reply=True, broadcast=True, batch_reply=True)
LIMITS = Limits((Limit("post:#team", 1.0, 3),), (Limit("edit", 1.5, 10, 2),))
LIMITS_JSON = '{"new":[["post:#team",1000.0,3,0]],"edit":[["edit",1500.0,10,2]]}'
NONE_JSON = '{"new":[],"edit":[]}'
BARE = {
    "destination": "team", "channel": "slack", "address": "#team", "live": False, "gates": [], "post_after": 0.0,
    "min_interval": 0.0, "root": True, "reply": False, "batch_reply": False, "limits": NONE_JSON,
}  # fmt: skip


def plan_of(target: Target, **operation: Any) -> dict[str, Any]:
    """The one target of a plan, without what is made from the event: its id and its lanes."""
    plan = json.loads(accept_arguments(events.failed(**operation), [target])[5])
    [planned] = plan["targets"]
    assert planned.pop("id") and planned.pop("lane")
    return dict(planned)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, {}),
        ({"hold_reason": "not_mailed"}, {"held": "not_mailed"}),
        ({"presentation": OUTCOME}, {"reply": True, "batch_reply": True, "loud": True}),
        ({"presentation": Presentation(new_message=False)}, {"root": False}),
        ({"limits": LIMITS}, {"limits": LIMITS_JSON}),
        ({"limits": Limits(new_message_cap=(20, 600.0))}, {"limits": NONE_JSON[:-1] + ',"cap":[20,600000.0]}'}),
        ({"how": Each((Gate(10, 60),), QUIET)}, {"gates": [[10, 60000]], "quiet": [100000, 200500]}),
        ({"how": Each(bypass_quiet_hours=True)}, {"passes": True}),
        ({"how": Live()}, {"live": True}),
        (
            {"how": Live((Gate(5),), QUIET, bypass_quiet_hours=True, post_after=60.0, min_interval=15.0)},
            {"live": True, "gates": [[5, 0.0]], "quiet": [100000, 200500], "passes": True, "post_after": 60000.0,
             "min_interval": 15000.0},
        ),
        ({"how": Live(update_only=True)}, {"live": True, "beside": True}),
        ({"how": Digest("Europe/Berlin", (QUIET,))}, {"windows": [[100000, 200500]], "zone": "Europe/Berlin"}),
    ],
)  # fmt: skip
def test_a_target_reaches_the_scripts_in_the_form_they_read(changes: dict[str, Any], expected: dict[str, Any]) -> None:
    assert plan_of(Target("team", "slack", "#team", **changes)) == BARE | expected


def test_a_member_of_a_batch_names_the_lane_of_its_batch() -> None:
    planned = plan_of(Target("team", "slack", "#team"), batchId="batch-1")

    assert planned.pop("batch_lane")
    assert planned == BARE
