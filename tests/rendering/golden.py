"""Golden files in tests/golden. RELAY_UPDATE_GOLDEN=1 writes what is said now: read the difference."""

import os
from pathlib import Path

GOLDEN = Path(__file__).parents[1] / "golden"


def agreed(name: str, said: str) -> None:
    """It is said as it stands in the file `name`."""
    file = GOLDEN / name
    if os.environ.get("RELAY_UPDATE_GOLDEN"):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(said, "utf-8")
    assert said == file.read_text("utf-8")
