"""`job`: whether a run is as usual, as templates see it: every field is there, whatever is known. Pure."""

from typing import Any

# Of a job of which nothing is known.
EMPTY: dict[str, Any] = {
    "ends": 0, "successes": 0, "usual": None, "verdict": "", "ratio": None, "late_by": None, "expected_end": "",
    "streak": 0, "streak_since": "", "runs_since_failure": 0, "last_success": "", "same_error": 0,
    "recovered_after": 0, "phases": [], "slowest": None,
}  # fmt: skip
