"""The files of all template directories, and which of them serves a message: the directory searched first wins."""

from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import get_args

from jinja2 import Environment, FileSystemLoader

from relay.domain.deliveries import Form
from relay.errors import TemplateError
from relay.resources import resource_dir

BUILT_IN = "relay/"
GENERIC = "generic"
SENTENCES = "sentences.j2"
PARTS = "parts.j2"
NO_CHANNELS = ("locales", "samples", "golden")
NOT_UTF8 = "expected UTF-8; save it in that encoding"
SHARED = (".j2", ".html", ".txt")
MOST_KEPT = 512  # messages whose file is remembered


class Loader(FileSystemLoader):
    """Loader of these directories; a file of the last one is `relay/…` too, for one of its name that extends it."""

    def __init__(self, directories: Sequence[Path]) -> None:
        super().__init__(list(directories))
        self._last = FileSystemLoader(directories[-1])

    def get_source(self, environment: Environment, template: str) -> tuple[str, str, Callable[[], bool]]:
        if template.startswith(BUILT_IN):
            return self._last.get_source(environment, template.removeprefix(BUILT_IN))
        return super().get_source(environment, template)


class TemplateFiles:
    """Files by their names in a directory, such as `slack/operation.failed.yaml`; the last directory is relay's own."""

    def __init__(self, directories: Sequence[Path]) -> None:
        self.loader = Loader(directories)
        self._built_in = len(directories) - (directories[-1] == resource_dir("templates"))
        self._levels: dict[str, int] = {}  # each file's name → the number of the directory that it is taken from
        for level in reversed(range(len(directories))):
            names = FileSystemLoader(directories[level]).list_templates()
            self._levels |= {name: level for name in names if name.split("/")[0] not in NO_CHANNELS}
        self.messages: dict[str, list[str]] = {}  # channel → its message files without `.yaml`
        for name in sorted(self._levels):
            channel, _, file = name.partition("/")
            if file.endswith(".yaml") and "/" not in file:
                self.messages.setdefault(channel, []).append(file.removesuffix(".yaml"))
        # Every message asks for these, and which files there are is known for good.
        self.message_file = lru_cache(MOST_KEPT)(self._message_file)
        self.layout_file = lru_cache(MOST_KEPT)(self._layout_file)
        self.overriding_file = lru_cache(MOST_KEPT)(self._overriding_file)

    @property
    def channels(self) -> tuple[str, ...]:
        return tuple(self.messages)

    @property
    def own(self) -> frozenset[str]:
        """Names of the user's own files."""
        return frozenset(name for name, level in self._levels.items() if level < self._built_in)

    def source(self, name: str) -> tuple[str, Path]:
        """Return the text of a file and its path; '' if there is no such file."""
        if name.removeprefix(BUILT_IN) not in self._levels:
            return "", Path(name)
        try:
            text, file, _ = self.loader.get_source(Environment(), name)  # noqa: S701 - which looks at no environment
        except UnicodeDecodeError:
            raise TemplateError(f"{name}: {NOT_UTF8}") from None
        return text, Path(file or name)

    def _message_file(self, channel: str, name: str, kind: str, destination: str = "") -> str:
        """Return the closest file: the user's first, then by destination and kind; else the generic one."""
        stems = self.messages.get(channel, ())
        for stem in (name, GENERIC):
            candidates = [f"{stem}{part}{at}" for at in marks(destination) for part in (f".{kind}", "")]
            present = [f"{channel}/{candidate}.yaml" for candidate in candidates if candidate in stems]
            if present:
                return min(present, key=self._levels.__getitem__)
        searched = ", ".join(str(path) for path in self.loader.searchpath)
        raise TemplateError(f"no template for {channel}: expected a file {channel}/{GENERIC}.yaml in {searched}")

    def _layout_file(self, channel: str, name: str, ending: str, destination: str = "") -> str:
        """Return the message's own layout, else the channel's; the destination's first."""
        names = [f"{channel}/{stem}{at}.{ending}" for stem in (name, "layout") for at in marks(destination)]
        return next((candidate for candidate in names if candidate in self._levels), names[-1])

    def _overriding_file(self, channel: str, name: str, kind: str, destination: str = "") -> str:
        """Return the user's file that has a part in this message; '' if everything in it is built in."""
        file = self.message_file(channel, name, kind, destination)
        if self._levels[file] < self._built_in:
            return file
        shared = (name for name in sorted(self.own) if name.endswith(SHARED))
        return next((name for name in shared if name.rpartition("/")[0] in ("", channel)), "")


KINDS: tuple[Form, ...] = get_args(Form)


def parsed(stem: str) -> tuple[str, str]:
    """Return the message and the destination that a file is for, from its name without the ending."""
    message, _, destination = stem.partition("@")
    kind = next((kind for kind in KINDS if message.endswith(f".{kind}")), "")
    return message.removesuffix(f".{kind}") if kind else message, destination


def marks(destination: str) -> tuple[str, ...]:
    """Return the ends of the names of files that could serve, the closest first."""
    return (f"@{destination}", "") if destination else ("",)
