"""Counts of the words that make relay's prose hard to read: `python -m tools.prose [ROOT] [--list]`.

Three figures: docstrings that begin with What, Whether, Who, When and the like; words that leave open who or what is
meant, in 1,000 words of docstrings, comments and documentation; names that say nothing of what they hold. Tests and the
changelog are not counted. Another project's checkout as ROOT gives its figures.
"""

import argparse
import ast
import io
import re
import tokenize
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

HERE = Path(__file__).parents[1]
FIRST = frozenset((
    "what", "whether", "who", "whom", "whose", "whoever", "how", "those", "that", "where", "which", "as", "when", "if",
))  # fmt: skip
RIDDLES = frozenset((
    "anybody", "nobody", "somebody", "everybody", "whoever", "whom", "told", "tell", "tells", "stands", "stand",
    "hears", "heard", "nought",
))  # fmt: skip
EMPTY = frozenset((
    "said", "told", "own", "most", "kept", "begun", "heard", "found", "one", "written", "place", "each", "known",
    "seen", "wanted",
    "asked", "way", "thing", "stuff", "given", "taken", "what", "who", "looked", "noticed", "made", "least",
))  # fmt: skip
LEFT_OUT = frozenset(("tests", "CHANGELOG.md", "node_modules"))

WORD = re.compile(r"[A-Za-z]+(?:-[A-Za-z]+)*")

Place = tuple[str, str]  # file:line, and the text there


def files(root: Path, suffix: str) -> list[Path]:
    return [
        file
        for file in sorted(root.rglob(f"*{suffix}"))
        if not any(part.startswith(".") or part in LEFT_OUT for part in file.relative_to(root).parts)
    ]


def docstrings(root: Path) -> Iterator[Place]:
    for file in files(root, ".py"):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and (
                text := ast.get_docstring(node)
            ):
                yield f"{file.relative_to(root)}:{getattr(node, 'lineno', 1)}", text


def comments(root: Path) -> Iterator[Place]:
    for file in files(root, ".py"):
        for token in tokenize.generate_tokens(io.StringIO(file.read_text("utf-8")).readline):
            if token.type == tokenize.COMMENT:
                yield f"{file.relative_to(root)}:{token.start[0]}", token.string


def pages(root: Path) -> Iterator[Place]:
    """Yield the lines of the documentation, without those of code."""
    for file in files(root, ".md"):
        text = re.sub(r"```.*?```", lambda code: "\n" * code[0].count("\n"), file.read_text("utf-8"), flags=re.DOTALL)
        for number, line in enumerate(text.splitlines(), 1):
            yield f"{file.relative_to(root)}:{number}", line


def vague_docstrings(texts: Sequence[Place]) -> list[Place]:
    """Return the docstrings whose first word is one of `FIRST`, whatever marks are around it."""
    return [(place, text) for place, text in texts if (word := WORD.search(text)) and word[0].lower() in FIRST]


def riddle_words(prose: Iterable[Place]) -> tuple[int, Counter[str]]:
    """Return how many words there are, and how often each of `RIDDLES` is among them."""
    words = Counter(word.lower() for _, text in prose for word in WORD.findall(text))
    return words.total(), Counter({word: count for word, count in words.items() if word in RIDDLES})


def names(root: Path) -> Iterator[Place]:
    """Yield every name that is bound: functions, classes, arguments, variables, attributes."""
    for file in files(root, ".py"):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                name = node.name
            elif isinstance(node, ast.arg):
                name = node.arg
            elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                name = node.id
            elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
                name = node.attr
            else:
                continue
            yield f"{file.relative_to(root)}:{node.lineno}", name


def main() -> None:
    parser = argparse.ArgumentParser("python -m tools.prose", description=__doc__)
    parser.add_argument("root", nargs="?", type=Path, default=HERE, help="a checkout; default: this one")
    parser.add_argument("--list", action="store_true", help="name every place")
    arguments = parser.parse_args()
    root: Path = arguments.root
    texts = [*docstrings(root)]
    begin = vague_docstrings(texts)
    prose = [*texts, *comments(root), *pages(root)]
    words, riddles = riddle_words(prose)
    bound = [*names(root)]
    empty = [(place, name) for place, name in bound if name.strip("_") in EMPTY]
    if arguments.list:
        riddled = [(place, line) for place, text in prose for line in text.splitlines()
                   if not RIDDLES.isdisjoint(WORD.findall(line.lower()))]  # fmt: skip
        print("\n".join(f"{place}: {text.splitlines()[0]}" for place, text in (*begin, *riddled, *empty)))
    print(f"docstrings that begin with {', '.join(sorted(FIRST))}: {len(begin)} of {len(texts)} "
          f"({len(begin) / max(len(texts), 1):.1%})")  # fmt: skip
    print(f"words that leave open who or what, in 1,000: {sum(riddles.values()) / max(words, 1) * 1000:.1f} "
          f"of {words:,} ({', '.join(f'{word} {count}' for word, count in riddles.most_common(6))})")  # fmt: skip
    print(f"names that say nothing: {len(empty)} of {len(bound)} ({len(empty) / max(len(bound), 1):.1%})")


if __name__ == "__main__":
    main()
