"""Measure relay beside its peers, and write a page with charts: `make bench`, or `make bench ARGS="ingest burst"`.

All parts take less than ten minutes on two cores. A peer that cannot be had is named and left out. Nothing else should
run meanwhile; what did is in the report.
"""

import argparse
import math
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from benchmarks.speed import burst, full, idle, ingest, latency, readings, storm
from benchmarks.speed.findings import Bounds, Findings
from benchmarks.speed.machine import described, install
from benchmarks.speed.report import write

# Each with the seconds that it may take on two cores where nothing else runs: ten minutes together. One without them is
# measured only where it is named.
PARTS: Mapping[str, tuple[Callable[[Bounds], Findings], float]] = {
    "ingest": (ingest.measure, 190),
    "readings": (readings.measure, 30),
    "latency": (latency.measure, 130),
    "burst": (burst.measure, 110),
    "storm": (storm.measure, 25),
    "idle": (idle.measure, 60),
    "full": (full.measure, 0),
}
RESULTS = Path(__file__).parents[1] / "results"


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser("python -m benchmarks.speed", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"{', '.join(PARTS)}; all but full by default")
    parser.add_argument("--rounds", type=int, help="how often each subject has its turn (2, where there is time)")
    parser.add_argument(
        "--scale", type=float, default=1.0, help="length of each turn: 0.1 only shows that it works (1)"
    )
    parser.add_argument("--only", nargs="+", default=(), metavar="WORD", help="subjects whose name has one of these")
    parser.add_argument(
        "--beside", type=Path, metavar="DIR", help="another checkout, whose relay takes turns with this one's"
    )
    parser.add_argument("--into", type=Path, default=RESULTS, help="folder for the report (benchmarks/results)")
    parsed = parser.parse_args(arguments)
    if unknown := {*parsed.parts} - {*PARTS}:
        parser.error(f"no part is called {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
    missing = install()
    machine = described()
    findings: list[Findings] = []
    with tempfile.TemporaryDirectory(prefix="relay-bench-") as directory:
        for name in parsed.parts or [name for name, (_, seconds) in PARTS.items() if seconds]:
            began = time.monotonic()
            print(name, flush=True)
            measure, seconds = PARTS[name]
            ends = math.inf if parsed.rounds else began + seconds
            bounds = Bounds(Path(directory), parsed.rounds or 2, ends, parsed.scale, parsed.only, parsed.beside)
            findings.append(measure(bounds))
            print(f"  {time.monotonic() - began:.0f} s", flush=True)
            page = write(parsed.into, machine, findings)  # after each part: what is measured is not lost
    print(page.read_text("utf-8"))
    if missing:
        print(f"could not be installed: {', '.join(missing)}", file=sys.stderr)
    return any(part.faults for part in findings)


if __name__ == "__main__":
    sys.exit(main())
