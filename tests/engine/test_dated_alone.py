"""Random reports of a sender that states one time alone, in any order: the last state counts, and no report twice."""

from datetime import UTC, datetime, timedelta
from random import Random

import pytest

from relay.domain.events import Event
from relay.domain.parsing import parse
from relay.formats.compiling import compile_format
from relay.formats.mapping import Format
from tests.engine.sending import Sending
from tests.support.targets import mail

BEGIN = datetime(2024, 1, 20, 8, tzinfo=UTC)
STATUSES = {"down": "Failed", "up": "Completed", "goes on": "Running"}
LIVES = 200


def monitor(kind: str) -> Format:
    status = {"of": "state", **{status: word for word, status in STATUSES.items()}}
    return compile_format({"run": "name", "at": "time", "type": {"text": kind}, "status": status})


def report(form: Format, second: int, state: str) -> Event:
    document = {"name": "shop", "time": f"{BEGIN + timedelta(seconds=second)}", "state": state}
    read = form.readings(document)[0].document or {}
    return parse(read, source="monitor", received_at=BEGIN + timedelta(seconds=second + 99), mapped=True)


@pytest.mark.parametrize(("kind", "states"), [("alert", "du"), ("check", "du"), ("check", "dug")])
def test_the_last_state_counts_and_what_comes_again_is_a_repetition(kind: str, states: str) -> None:
    form, words = monitor(kind), [word for word in STATUSES if word[0] in states]
    for seed in range(LIVES):
        random = Random(seed)
        seconds = sorted(random.sample(range(0, 3000, 5), random.randint(2, 7)))
        sent = [(second, random.choice(words)) for second in seconds]
        arrived = sorted(sent, key=lambda row: row[0] + random.choice([0, 0, 0, 900]))
        partition = Sending(rules=lambda _: [mail()])
        first, again = (partition.statuses(*(report(form, *row) for row in arrived)) for _ in range(2))

        assert set(again) <= {"duplicate", "late"}, (seed, arrived, first, again)
        if "g" not in states:
            assert partition.operation().status == STATUSES[sent[-1][1]], (seed, arrived, first)


def test_each_end_after_it_went_on_is_of_another_run() -> None:
    form, partition = monitor("check"), Sending(rules=lambda _: [mail()])
    states = ["down", "up", "down", "goes on", "down"]

    taken = partition.statuses(*(report(form, 60 * minute, state) for minute, state in enumerate(states)))

    assert taken == ["accepted", "accepted", "accepted", "late", "accepted"]
