"""What was pressed, from the bytes that a terminal sends for it."""

import re
from collections.abc import Iterator, Mapping

UP, DOWN, PAGE_UP, PAGE_DOWN, HOME, END = "up", "down", "page up", "page down", "home", "end"
ENTER, ERASE, ESCAPE = "enter", "erase", "escape"

NAMES: Mapping[str, str] = {
    "\x1b[A": UP, "\x1bOA": UP, "\x1b[B": DOWN, "\x1bOB": DOWN,
    "\x1b[5~": PAGE_UP, "\x1b[6~": PAGE_DOWN,
    "\x1b[H": HOME, "\x1bOH": HOME, "\x1b[1~": HOME, "\x1b[F": END, "\x1bOF": END, "\x1b[4~": END,
    "\r": ENTER, "\n": ENTER, "\x7f": ERASE, "\x08": ERASE, "\x1b": ESCAPE,
}  # fmt: skip
KEY = re.compile(r"\x1b[\[O][0-9;]*[A-Za-z~]|.", re.DOTALL)
BEGUN = re.compile(rb"(\x1b[\[O][0-9;]*|[\xc2-\xf4][\x80-\xbf]{0,2})\Z")  # a key of which more is to come
LONGEST = 16  # bytes of such a beginning; more are none


class Keys:
    """The keys among what is read, however it is cut into pieces."""

    def __init__(self) -> None:
        self._begun = b""

    def pressed(self, piece: bytes) -> Iterator[str]:
        """Each key's name, or the letter that it types."""
        data, self._begun = self._begun + piece, b""
        begun = BEGUN.search(data)
        if begun and len(begun[0]) <= LONGEST and not _whole(begun[0]):
            data, self._begun = data[: begun.start()], begun[0]
        for key in KEY.findall(data.decode("utf-8", "ignore")):
            yield NAMES.get(key, key)


def _whole(begun: bytes) -> bool:
    """Whether this is a letter of several bytes that has all of them."""
    try:
        return not begun.startswith(b"\x1b") and bool(begun.decode())
    except UnicodeDecodeError:
        return False
