"""Print what a message costs before it is sent: made by relay.rendering.direct, and by Jinja in the sandbox beside it.

The two take turns, and the least of all rounds counts. Some seconds on a machine that does nothing else.
"""

import argparse
from collections.abc import Sequence

from benchmarks.micro.rendering import STEPS, Step, ways
from benchmarks.micro.timing import least


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser("python -m benchmarks.micro", description=__doc__)
    parser.add_argument("--rounds", type=int, default=30, help="how often each is measured (30)")
    parser.add_argument("--calls", type=int, default=10, help="how often each is called in a round (10)")
    parser.add_argument("--only", default="", help="the steps whose name holds this text")
    given = parser.parse_args(arguments)

    def row(step: Step) -> str:
        own, jinja = least(ways(step), given.rounds, given.calls)
        return f"| {step.name} | {own:,.0f} | {jinja:,.0f} | {jinja / own:.1f} |"

    print("| µs of CPU | relay's own functions | Jinja in the sandbox | ratio |\n|---|---|---|---|")
    for step in STEPS:
        if given.only in step.name:
            print(row(step), flush=True)


if __name__ == "__main__":
    main()
