"""Attack a relay that is started for it: `python -m campaign [PART …] [--scale 0.01] [--seed 7]`.

It leaves with 1 when a promise is broken, and with the same seed it does the same again.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from secrets import randbelow

from campaign import connections, documents, fuzz, signatures
from campaign.report import Report, table
from campaign.target import Target, target
from relay.cli.serve import run_loop


@dataclass(frozen=True)
class Part:
    """`full` is how much of it a whole campaign does, unless `seconds` are over before."""

    run: Callable[[Target, int, int], Awaitable[Report]]
    full: int
    seconds: float
    about: str


PARTS: Mapping[str, Part] = {
    "fuzz": Part(fuzz.run, fuzz.FULL, 260.0, "mutated requests at every public address"),
    "signatures": Part(signatures.run, signatures.FULL, 100.0, "forged requests in every scheme, among genuine ones"),
    "connections": Part(connections.run, connections.FULL, 45.0, "crowds of connections, while signed events come"),
    "documents": Part(documents.run, documents.FULL, 70.0, "hostile documents in messages, mails, logs and metrics"),
}


async def campaign(names: Sequence[str], scale: float, seed: int, directory: Path) -> list[Report]:
    reports = []
    async with target(directory) as attacked:
        for name in names:
            start = time.monotonic()
            print(f"{name}: {PARTS[name].about} …", file=sys.stderr, flush=True)
            attacked.until = start + PARTS[name].seconds
            report = await PARTS[name].run(attacked, max(1, round(PARTS[name].full * scale)), seed)
            if time.monotonic() > attacked.until:
                report.figures["cut short after its seconds"] = f"{PARTS[name].seconds:.0f}"
            report.figures["seconds"] = f"{time.monotonic() - start:.1f}"
            reports.append(report)
    return reports


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser("python -m campaign", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)}; all by default")
    parser.add_argument("--scale", type=float, default=1.0, help="how much of a whole campaign, such as 0.01")
    parser.add_argument(
        "--seed", type=int, default=randbelow(10**6), help="the dice of an earlier run, as it printed them"
    )
    chosen = parser.parse_args(arguments)
    if unknown := [name for name in chosen.parts if name not in PARTS]:
        parser.error(f"no part is called {unknown[0]}; there are {', '.join(PARTS)}")
    names = [name for name in PARTS if name in (chosen.parts or PARTS)]
    print(f"seed {chosen.seed}", file=sys.stderr)
    reports: list[Report] = []

    async def run(directory: Path) -> None:
        reports.extend(await campaign(names, chosen.scale, chosen.seed, directory))

    with tempfile.TemporaryDirectory(prefix="relay-") as directory:
        run_loop(run(Path(directory)))
    print("\n".join(table(reports)))
    return 0 if reports and all(report.kept for report in reports) else 1


if __name__ == "__main__":
    sys.exit(main())
