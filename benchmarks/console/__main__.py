"""Measure the console where much is kept: how long each page takes, and what open pages cost those who send events.

A Redis is filled with 100,000 operations and 1,000,000 deliveries (in two minutes; `--kept FILE` keeps it for the next
time), and `relay serve` serves its console over it. Each page is asked for by one and by two at a time. Then events
come as fast as they are taken, in turns with nobody looking and with four pages open. Nothing else should run
meanwhile; what did is in the report.
"""

import argparse
import sys
import tempfile
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from benchmarks.console import ingest, report
from benchmarks.console.asking import Browser, Times, best, timed
from benchmarks.console.filling import SMALL, Size
from benchmarks.console.questions import questions
from benchmarks.console.served import Served, filled, served
from benchmarks.speed import load
from benchmarks.speed.machine import described

RESULTS = Path(__file__).parents[1] / "results"
Name = tuple[str, str]  # of a question: its page, and its text


def pages(given: argparse.Namespace, size: Size, relay: Served, taken: dict[Name, list[Times]], number: int) -> None:
    """Each question in one more round."""
    with closing(Browser(relay)) as browser:
        every = questions(browser.facts, size)
    for question in every:
        if not given.only or any(word in f"{question.view} {question.text}" for word in given.only):
            times = timed(relay, question, given.requests)
            taken.setdefault((question.view, question.text), []).append(times)
            print(f"  {number + 1}/{given.rounds}  {report.brief(times)}", flush=True)


def measured(given: argparse.Namespace, size: Size) -> report.Report:
    """Of each question the best of all rounds, and all turns of ingest."""
    taken: dict[Name, list[Times]] = {}
    pairs: list[tuple[ingest.Turn, ingest.Turn]] = []
    rest = 0.0, 0.0
    with filled(size, given.kept) as server, tempfile.TemporaryDirectory(prefix="relay-bench-") as directory:
        for number in range(given.rounds):
            place = Path(directory) / f"{number}"
            place.mkdir()
            with served(server, place) as relay:
                pages(given, size, relay, taken, number)
        if given.turns and load.found():
            with served(server, Path(directory)) as relay:
                rest = ingest.at_rest(relay, size, 5 * given.seconds)
                pairs = ingest.turns(relay, size, Path(directory), given.turns, given.seconds)
    return report.Report([best(rounds) for rounds in taken.values()], pairs, rest)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser("python -m benchmarks.console", description=__doc__)
    parser.add_argument("--requests", type=int, default=200, help="of each question, by one and again by two (200)")
    parser.add_argument("--rounds", type=int, default=3, help="of all questions, of which the best is printed (3)")
    parser.add_argument("--turns", type=int, default=10, help="of ingest with and without open pages (10)")
    parser.add_argument("--seconds", type=int, default=6, help="that a turn takes (6)")
    parser.add_argument("--only", nargs="+", default=(), metavar="WORD", help="questions that have one of these")
    parser.add_argument("--small", action="store_true", help="fill in next to nothing: to see that it works")
    parser.add_argument("--kept", type=Path, metavar="FILE", help="where what is filled in is kept, or is already")
    parser.add_argument("--into", type=Path, default=RESULTS, help="folder for the report (benchmarks/results)")
    given = parser.parse_args(arguments)
    machine = described()  # before anything runs
    machine["command"] = " ".join(["python -m benchmarks.console", *(sys.argv[1:] if arguments is None else arguments)])
    figures = measured(given, SMALL if given.small else Size())
    print(report.write(given.into, machine, figures).read_text("utf-8"))
    return bool(report.slow(figures.pages)) and not given.small


if __name__ == "__main__":
    sys.exit(main())
