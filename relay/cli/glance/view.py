"""Which part of a picture is on the screen, which run is chosen, and what keys change of that. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from relay.cli.glance import keys
from relay.cli.glance.sheet import Line, Name

STEPS: Mapping[str, int] = {keys.UP: -1, "k": -1, keys.DOWN: 1, "j": 1}
PAGES: Mapping[str, int] = {keys.PAGE_UP: -1, "b": -1, keys.PAGE_DOWN: 1, " ": 1}
FAR = 1 << 30
EDGES: Mapping[str, int] = {keys.HOME: -FAR, "g": -FAR, keys.END: FAR, "G": FAR}
MOST = 80  # letters of a filter


@dataclass
class View:
    """`top` is the first line of the picture that is shown, `height` how many there is room for.

    pattern  what is shown has in it; while it is `typing`, letters belong to it
    follows  whether the run that is chosen stays on the screen, wherever it moves
    filters  whether there is something to filter: of what happened to one run all is shown
    """

    height: int = 1
    top: int = 0
    chosen: Name = ()
    pattern: str = ""
    typing: bool = False
    follows: bool = False
    filters: bool = True

    def press(self, key: str, lines: Sequence[Line]) -> None:
        """What a key does to what is shown of these lines; of keys that mean nothing, nothing."""
        if self.typing:
            self._type(key)
        elif key in STEPS:
            self._step(STEPS[key], lines)
        elif key in PAGES:
            self._scroll(PAGES[key] * max(1, self.height - 1))
        elif key in EDGES:
            self._scroll(EDGES[key])
        elif key == "/" and self.filters:
            self.typing = True
        elif key == keys.ESCAPE:
            self.pattern, self.chosen = "", ()
        self._keep_within(lines)

    def shown(self, lines: Sequence[Line]) -> Sequence[Line]:
        """Those that have room; a picture that became shorter is not left."""
        at = {line.run: index for index, line in enumerate(lines) if line.run}
        if self.follows and self.chosen in at:
            self._reveal(at[self.chosen])
        self._keep_within(lines)
        return lines[self.top : self.top + self.height]

    def _type(self, key: str) -> None:
        if key in (keys.ENTER, keys.ESCAPE):
            self.typing = False
            self.pattern = self.pattern if key == keys.ENTER else ""
        elif key == keys.ERASE:
            self.pattern = self.pattern[:-1]
        elif len(key) == 1 and key.isprintable():
            self.pattern = (self.pattern + key)[:MOST]
        self.top = 0

    def _step(self, step: int, lines: Sequence[Line]) -> None:
        """To the next run, if the one that is chosen is on the screen; where there is none, by a line."""
        at = {line.run: index for index, line in enumerate(lines) if line.run}
        names = [*at]
        if self.chosen not in at:
            following = names[:1] if step > 0 else []
        elif not self._on_screen(at[self.chosen]):
            following = []
        else:
            following_at = names.index(self.chosen) + step
            following = names[following_at : following_at + 1] if following_at >= 0 else []
        if following and (self.chosen in at or self._on_screen(at[following[0]])):
            self.chosen, self.follows = following[0], True
            self._reveal(at[self.chosen])
        else:
            self._scroll(step)

    def _scroll(self, lines: int) -> None:
        self.top += lines
        self.follows = False

    def _on_screen(self, index: int) -> bool:
        return self.top <= index < self.top + self.height

    def _reveal(self, index: int) -> None:
        self.top = min(index, max(self.top, index - self.height + 1))

    def _keep_within(self, lines: Sequence[Line]) -> None:
        self.top = max(0, min(self.top, len(lines) - self.height))
