"""A simulated life is a pure function of its plan and the time: it never goes back, and ends as planned."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from relay_sandbox.schema.requests import Play, Retrying
from relay_sandbox.simulation.factory import phases_of, plan
from relay_sandbox.simulation.timeline import snapshot, steps
from relay_sandbox.storage.records import Plan

TYPES = ("ProcessMiningAnalysis", "DataEnrichment", "ReportGeneration", "SomethingElse")
BEGAN = 1_705_749_600.0
BUSY = list(HealthCheck)  # a busy machine is no fault


@st.composite
def plans(draw: Any) -> Plan:
    kind = draw(st.sampled_from(TYPES))
    play = Play(
        scenario=draw(st.sampled_from(("success", "failure", "stall", "timeout", "random"))),
        phase=draw(st.none() | st.sampled_from(phases_of(kind))),
        at=draw(st.floats(0, 0.99)),
        duration=draw(st.floats(1, 100_000)),
        delay=draw(st.floats(0, 100)),
        failures=draw(st.none() | st.integers(1, 5)),
        stall_for=draw(st.none() | st.floats(1, 1000)),
    )
    waits = Retrying(max_retries=draw(st.integers(0, 4)), retry_delay=draw(st.floats(1, 600))).waits()
    return plan(
        kind, play, timeout=draw(st.integers(1, 100_000)), waits=waits, speed=draw(st.floats(0.1, 1000)),
        seed=draw(st.text()), first=draw(st.integers(0, len(phases_of(kind)) - 1)),
    )  # fmt: skip


@settings(deadline=None, suppress_health_check=BUSY)
@given(plans())
def test_steps_are_in_order_and_end_once(made: Plan) -> None:
    all_steps = steps(made)
    assert [step.at for step in all_steps] == sorted(step.at for step in all_steps)
    assert [step.percentage for step in all_steps] == sorted(step.percentage for step in all_steps)
    assert all_steps[-1].status in ("Completed", "Failed", "Timeout")
    assert all(step.status == "Running" for step in all_steps[:-1])
    assert all_steps[-1].at <= made.timeout
    ended = sum(step.event == "operation.phase.completed" for step in all_steps)
    assert (ended == len(made.phases) - made.first) == (all_steps[-1].status == "Completed")


@settings(max_examples=30, deadline=None, suppress_health_check=BUSY)
@given(plans())
def test_a_snapshot_at_a_step_shows_what_the_step_says(made: Plan) -> None:
    for step in steps(made):
        seen = snapshot(made, BEGAN, BEGAN + step.at)
        assert seen.percentage == pytest.approx(step.percentage, abs=0.2)
        if step.event == "operation.phase.completed":
            assert seen.spans[step.phase][1] == pytest.approx(BEGAN + step.at)


def test_a_stall_that_ends_lets_the_work_go_on() -> None:
    made = plan("ReportGeneration", Play(scenario="stall", duration=100, delay=0, stall_for=500), timeout=1000)
    assert snapshot(made, BEGAN, BEGAN + 100).percentage == snapshot(made, BEGAN, BEGAN + 500).percentage
    assert steps(made)[-1].at == pytest.approx(600)
