"""Values of a foreign document: a path, a text with paths in it, the first of several, a table. Compiled once. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from relay.configfile.words import suggest
from relay.domain.links import encode
from relay.formats.faults import FormatError, at
from relay.formats.paths import Read, Roots, names_in, path, text_of, word_of

_TEMPLATE = re.compile(r"\{([^{}]+)\}")


@dataclass(frozen=True, slots=True)
class Value:
    """A compiled value. Beside what reads it, what it reads, for those who check it or are to be shown it."""

    read: Read
    written: str  # the path, or the text with paths; of several all; '' for a fixed text
    paths: tuple[str, ...] = ()  # without converters
    texts: tuple[str, ...] = ()  # that it gives, with the {paths} in them
    terms: tuple["Value", ...] = ()  # the first that says something counts

    def found(self, roots: Roots) -> tuple[str, Any]:
        """Return the path that says something, and what; of several that say nothing all, and None."""
        if not self.terms:
            return self.written, self.read(roots)
        term = next((term for term in self.terms if says(term.read(roots))), None)
        return term.found(roots) if term else (self.written, None)

    def names(self, of: str) -> set[str]:
        """Return the names that its paths begin with below this root."""
        return {names[0].strip('"') for root, names in map(names_in, self.paths) if root == of and names}


def value(spec: object, *, link: bool = False) -> Value:
    """Compile a path, a text with paths in it, {text: fixed}, a table, or a list of these. Raises FormatError.

    In the text of a `link` each path is filled in percent-encoded, but for one that it begins with: that is a URL.
    """
    if isinstance(spec, str):
        return _template(spec, link) if "{" in spec else Value(path(spec), spec, paths_in(spec))
    if isinstance(spec, list) and spec:
        return _first([at(number, lambda term: value(term, link=link), term) for number, term in enumerate(spec)])
    if isinstance(spec, dict) and spec.keys() == {"text"} and isinstance(spec["text"], str):
        fixed = spec["text"]
        return Value(lambda _roots: fixed, "", texts=(fixed,))
    if isinstance(spec, dict) and "of" in spec and "text" not in spec:
        return table(spec).value()
    raise FormatError('expected a path, a "text with {path}", {text: fixed}, a table with `of`, or a list of these')


def paths_in(route: str) -> tuple[str, ...]:
    """Return the paths that it reads: its own, and that of `| unless PATH`."""
    main, *converters = (part.strip() for part in route.split("|"))
    return main, *(its.removeprefix("unless ").strip() for its in converters if its.startswith("unless "))


def says(extracted: Any) -> bool:
    return extracted is not None and (type(extracted) is not str or text_of(extracted) is not None)


def _first(terms: list[Value]) -> Value:
    reads = [term.read for term in terms]

    def read(roots: Roots) -> Any:
        for alternative in reads:
            if says(extracted := alternative(roots)):
                return extracted
        return None

    paths, texts = (tuple(text for term in terms for text in getattr(term, name)) for name in ("paths", "texts"))
    return Value(read, ", ".join(term.written for term in terms), paths, texts, tuple(terms))


def _template(spec: str, link: bool) -> Value:
    """Fill in all paths of a text; one that says nothing makes it say nothing."""
    first, *rest = _TEMPLATE.split(spec)
    reads = [path(inner) for inner in rest[::2]]
    if not reads or any(sign in part for part in (first, *rest[1::2]) for sign in "{}"):
        raise FormatError(f"{spec} has a brace without its other half")
    form = "{}".join((first, *rest[1::2]))
    encoded = range(0 if first else 1, len(reads) if link else 0)

    def fill(roots: Roots) -> str | None:
        texts = [text_of(part) or word_of(part) for part in (read(roots) for read in reads)]  # also true and false
        for number in encoded:
            texts[number] = encode(texts[number] or "")
        return form.format(*texts) if all(texts) else None

    return Value(fill, spec, tuple(inner_path for inner in rest[::2] for inner_path in paths_in(inner)), (spec,))


@dataclass(frozen=True, slots=True)
class Table:
    """Our word for each of theirs. `unknown` tells a word that no row has, apart from a value that is not there."""

    of: Value
    words: Mapping[str, str]  # theirs, in small letters → ours
    patterns: tuple[tuple[str, str, str], ...]  # beginning, end, ours: of a word with * at one end
    otherwise: str | None

    def __call__(self, roots: Roots) -> str | None:
        extracted = self.of.read(roots)
        if type(extracted) is str and (ours := self.words.get(extracted)) is not None:  # most write it as the row does
            return ours
        return self.look_up(word_of(extracted))

    def look_up(self, word: str | None) -> str | None:
        if word is None:
            return self.otherwise
        if (ours := self.words.get(word)) is not None:
            return ours
        for beginning, end, ours in self.patterns:
            if word.startswith(beginning) and word.endswith(end):
                return ours
        return self.otherwise

    def value(self) -> Value:
        return Value(self, self.of.written, self.of.paths, (*self.words.values(), self.otherwise or ""), (self.of,))

    def unknown(self, roots: Roots) -> str | None:
        """Return the word that no row has, if there is one."""
        word = word_of(self.of.read(roots))
        return word if word is not None and self.look_up(word) is None else None


def table(spec: Mapping[str, Any], ours: tuple[str, ...] = ()) -> Table:
    """Compile {of: value, ours: theirs or [theirs], …, else: ours}; `ours` limits the words. Raises FormatError."""
    words: dict[str, str] = {}
    patterns = []
    for word, theirs in spec.items():
        if word in ("of", "else"):
            continue
        if ours and word not in ours:
            raise FormatError(f"unknown word; {suggest(word, ours)}", (word,))
        for term in theirs if isinstance(theirs, list) else [theirs]:
            if not isinstance(term, str) or (not term.strip("* ") and term != "*") or "*" in term[1:-1]:
                raise FormatError("expected a word, or several, with * at one end at most", (word,))
            if term.count("*") > 1 or (term != "*" and text_of(term) is None):
                raise FormatError(
                    f"{term} fits no word; none and null are nothing, and one * may stand at an end", (word,)
                )
            key = term.strip().lower()
            if "*" in key:
                patterns.append((key.partition("*")[0], key.partition("*")[2], word))
            elif words.setdefault(key, word) != word:
                raise FormatError(f"{term} stands in the row {words[key]} as well", (word,))
    otherwise = spec.get("else")
    if ours and otherwise is not None and otherwise not in ours:
        raise FormatError(f"unknown word {otherwise}; {suggest(str(otherwise), ours)}", ("else",))
    if not words and not patterns and otherwise is None:
        raise FormatError("expected rows: relay's word, and theirs")
    return Table(at("of", value, spec["of"]), words, tuple(patterns), otherwise)
