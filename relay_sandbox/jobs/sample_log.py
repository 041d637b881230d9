"""An event log for whoever has none at hand. Pure."""

import csv
import io
from datetime import UTC, datetime, timedelta
from random import Random

from relay_sandbox.schema import texts

COLUMNS = ("case_id", "activity", "timestamp")


def sample(cases: int = 200, seed: int = 7) -> str:
    """A small log of loan applications, the same each time."""
    chance = Random(seed)  # noqa: S311 - it only has to vary
    out = io.StringIO()
    write = csv.writer(out, lineterminator="\n")
    write.writerow(COLUMNS)
    for number in range(1, cases + 1):
        at = datetime(2024, 1, 1, 8, tzinfo=UTC) + timedelta(minutes=chance.randrange(60 * 24 * 28))
        review = ["Review Application"] * chance.choice((1, 1, 1, 2))
        decision = chance.choices(("Approve", "Reject", "Manager Approval"), (60, 25, 15))[0]
        end = ["Approve", "Pay Out"] if decision == "Manager Approval" else ["Pay Out"] if decision == "Approve" else []
        for activity in ("Register", "Check Documents", *review, decision, *end):
            write.writerow((f"case-{number:04}", activity, texts.iso(at.timestamp())))
            at += timedelta(minutes=chance.randrange(5, 60 * 30))
    return out.getvalue()
