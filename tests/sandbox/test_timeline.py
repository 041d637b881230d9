"""A simulated life is a pure function of its plan and the time: it never goes back, and ends as planned."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.sandbox.schema import texts
from relay.sandbox.schema.requests import Play, Retrying
from relay.sandbox.simulation.scenarios import phases_of, plan
from relay.sandbox.simulation.timeline import snapshot, steps
from relay.sandbox.storage.plans import Phase, Plan

TYPES = ("ProcessMiningAnalysis", "DataEnrichment", "ReportGeneration", "SomethingElse")
BEGAN = 1_705_749_600.0


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


@given(plans(), st.lists(st.floats(0, 200_000), min_size=2, max_size=8))
def test_progress_never_goes_back(made: Plan, moments: list[float]) -> None:
    preserved = tuple((BEGAN - 10.0, BEGAN - 5.0) for _ in range(made.first))
    seen = [snapshot(made, BEGAN, BEGAN + moment, preserved).percentage for moment in sorted(moments)]
    assert seen == sorted(seen)
    assert all(0 <= percentage <= 100 for percentage in seen)


@given(plans())
def test_a_snapshot_at_a_step_shows_what_the_step_says(made: Plan) -> None:
    for step in steps(made):
        seen = snapshot(made, BEGAN, BEGAN + step.at)
        assert seen.percentage == pytest.approx(step.percentage, abs=0.2)
        if step.event == "operation.phase.completed":
            assert seen.spans[step.phase][1] == pytest.approx(BEGAN + step.at)


@given(plans())
def test_a_plan_survives_being_written_down(made: Plan) -> None:
    assert Plan.model_validate_json(made.model_dump_json()) == made


def test_a_phase_that_ends_on_a_percentage_but_for_rounding_tells_it_once() -> None:
    for first in (0.1, 0.3, 1 / 3, 0.7):
        phases = (
            Phase(name="a", seconds=first),
            Phase(name="b", seconds=first * 3),
            Phase(name="c", seconds=first * 6),
        )
        made = Plan(phases=phases, delay=0, timeout=100, kind="stall", trouble=1, at=1e-13, pause=1)
        percentages = [step.percentage for step in steps(made) if step.event == "operation.progress"]
        assert percentages == [float(percentage) for percentage in range(5, 100, 5)]


def test_automatic_retries_take_their_time_and_then_give_up() -> None:
    made = plan("ReportGeneration", Play(scenario="failure", duration=100, delay=0), timeout=1000, waits=(10, 20))
    all_steps = steps(made)
    assert all_steps[-1].event == "operation.failed"
    assert all_steps[-1].at == pytest.approx(30 + 3 * 20 + 10 + 20)
    assert snapshot(made, BEGAN, BEGAN + all_steps[-1].at).attempt == 3


def test_a_stall_that_ends_lets_the_work_go_on() -> None:
    made = plan("ReportGeneration", Play(scenario="stall", duration=100, delay=0, stall_for=500), timeout=1000)
    assert snapshot(made, BEGAN, BEGAN + 100).percentage == snapshot(made, BEGAN, BEGAN + 500).percentage
    assert steps(made)[-1].at == pytest.approx(600)


def test_random_is_the_same_for_the_same_seed() -> None:
    made = [plan("DataEnrichment", Play(scenario="random", seed=4), timeout=3600, seed=name) for name in "ab"]
    assert made[0] == made[1]
    kinds = {plan("DataEnrichment", Play(scenario="random"), timeout=3600, seed=f"{n}").kind for n in range(200)}
    assert kinds == {"", "failure", "stall"}


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0, "0 seconds"), (1, "1 second"), (1395, "23 minutes 15 seconds"), (2700, "45 minutes"),
     (7500, "2 hours 5 minutes")],
)  # fmt: skip
def test_spans_are_said_as_documented(seconds: float, said: str) -> None:
    assert texts.span(seconds) == said


def test_estimates_sizes_and_times_are_said_as_documented() -> None:
    assert texts.estimate(2700) == "45-60 minutes"
    assert texts.estimate(0) == "0 seconds"
    assert [texts.size(count) for count in (842, 890_000, 3_200_000)] == ["842 B", "890.0 KB", "3.2 MB"]
    assert texts.iso(1_705_749_300) == "2024-01-20T11:15:00Z"
