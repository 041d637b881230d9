"""A channel's message files, each read and compiled when it is first asked for."""

from collections.abc import Callable, Iterator, Mapping

from relay.rendering.message_template import MessageTemplate


class Messages(Mapping[str, MessageTemplate]):
    """A channel's message files by their names without `.yaml`; each is read when it is first asked for."""

    def __init__(self, read: Callable[[str], MessageTemplate]) -> None:
        self._read = read
        self._messages: dict[str, MessageTemplate | None] = {}

    def add(self, name: str, template: MessageTemplate | None = None) -> None:
        self._messages[name] = template

    def __getitem__(self, name: str) -> MessageTemplate:
        template = self._messages[name]
        if template is None:
            template = self._messages[name] = self._read(name)
        return template

    def __contains__(self, name: object) -> bool:
        return name in self._messages

    def __iter__(self) -> Iterator[str]:
        return iter(self._messages)

    def __len__(self) -> int:
        return len(self._messages)
