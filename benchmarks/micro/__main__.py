"""Run the modules beside this one that are named, or all of them: each prints what it measured."""

import argparse
from importlib import import_module
from pathlib import Path

MODULES = sorted(path.stem for path in Path(__file__).parent.glob("[!_]*.py"))


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.micro", description=__doc__)
    parser.add_argument("modules", nargs="*", metavar="MODULE", help=f"of {', '.join(MODULES)}", default=MODULES)
    for name in parser.parse_args().modules:
        if name not in MODULES:
            parser.error(f"there is no {name}; there are {', '.join(MODULES)}")
        import_module(f"benchmarks.micro.{name}").main()


if __name__ == "__main__":
    main()
