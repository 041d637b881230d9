"""Everything that a relay gave out in a run: kept by kind, to be searched for what it must never hold."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

PIECE = 16 * 2**20  # bytes of a file that are looked at together
OVERLAP = 200  # of two pieces, so that nothing is cut in two


@dataclass
class Outputs:
    """`add` what came; equal ones are kept once."""

    kinds: dict[str, set[bytes]] = field(default_factory=dict)
    files: dict[str, list[Path]] = field(default_factory=dict)
    piece_size: int = PIECE

    def add(self, kind: str, output: bytes | str) -> None:
        data = output if isinstance(output, bytes) else output.encode("utf-8", "surrogateescape")
        self.kinds.setdefault(kind, set()).add(data)

    def add_file(self, kind: str, path: Path) -> None:
        """Add a file that is searched at the end alone, for it grows until then."""
        self.files.setdefault(kind, []).append(path)

    def pieces(self) -> Iterator[tuple[str, bytes]]:
        for kind, outputs in self.kinds.items():
            yield from ((kind, output) for output in outputs)
        for kind, paths in self.files.items():
            for path in paths:
                yield from ((kind, piece) for piece in _pieces(path, self.piece_size))


def _pieces(path: Path, size: int) -> Iterator[bytes]:
    with path.open("rb") as file:
        before = b""
        while piece := file.read(size):
            yield before + piece
            before = piece[-OVERLAP:]
