"""relay's structure in figures: `python -m tools.structure`.

A room is a module or a folder directly under `relay/`. Its floor is the longest way down from it, so an arrow up is a
circle.
"""

import argparse
import ast
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

ROOT = Path(__file__).parents[1]
Arrows = Mapping[str, set[str]]


def module_name(file: Path, root: Path) -> str:
    parts = file.relative_to(root).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(root: Path) -> dict[str, set[str]]:
    """Every module under `relay/` and the modules of relay that it imports, at the top or inside a function."""
    files = {module_name(file, root): file for file in sorted((root / "relay").rglob("*.py"))}
    return {name: set(_imported(file, files.keys())) - {name} for name, file in files.items()}


def _imported(file: Path, modules: Iterable[str]) -> Iterator[str]:
    known_modules = frozenset(modules)
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            inside = [f"{node.module}.{alias.name}" for alias in node.names]
            names = [name if name in known_modules else node.module for name in inside]
        else:
            continue
        yield from (name for name in names if name in known_modules)


def room_of(module: str) -> str:
    return module.split(".")[1] if "." in module else "relay"


def rooms(arrows: Arrows) -> dict[str, set[str]]:
    """Return the same between rooms, without the import of relay's version."""
    joined: dict[str, set[str]] = {room_of(module): set() for module in arrows if module != "relay"}
    for module, imported in arrows.items():
        if module != "relay":
            joined[room_of(module)] |= {room_of(other) for other in imported} - {room_of(module), "relay"}
    return joined


def circles(arrows: Arrows) -> list[set[str]]:
    """The groups of which each reaches every other."""
    reach = {name: _reachable(name, arrows) for name in arrows}
    groups = [{other for other in reach[name] if name in reach[other]} for name in arrows]
    return [group for index, group in enumerate(groups) if len(group) > 1 and group not in groups[:index]]


def _reachable(start: str, arrows: Arrows) -> set[str]:
    reached: set[str] = set()
    open_ends = [start]
    while open_ends:
        for name in arrows[open_ends.pop()] - reached:
            reached.add(name)
            open_ends.append(name)
    return reached


def floors(arrows: Arrows) -> dict[str, int]:
    """Return the longest way down from each; only where there is no circle."""
    heights: dict[str, int] = {}

    def height(name: str) -> int:
        if name not in heights:
            heights[name] = max((height(other) + 1 for other in arrows[name]), default=0)
        return heights[name]

    return {name: height(name) for name in arrows}


def main(root: Path) -> int:
    """Print the table; 1 where the structure has a circle."""
    modules = imports(root)
    between = rooms(modules)
    lines = sorted(len(file.read_text("utf-8").splitlines()) for file in (root / "relay").rglob("*.py"))
    rings = [*circles(modules), *circles(between)]
    figures = {
        "modules": len(modules),
        "lines of a module, median and most": f"{lines[len(lines) // 2]} / {lines[-1]}",
        "rooms": len(between),
        "floors": "–" if circles(between) else max(floors(between).values()) + 1,
        "arrows between rooms": sum(map(len, between.values())),
        "circles": "; ".join(", ".join(sorted(ring)) for ring in rings) or 0,
    }
    print("| what | figure |\n|---|---|")
    print("\n".join(f"| {label} | {figure} |" for label, figure in figures.items()))
    return 1 if rings else 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("root", nargs="?", type=Path, default=ROOT, help="a checkout; default: this one")
    arguments = parser.parse_args()
    sys.exit(main(arguments.root))
