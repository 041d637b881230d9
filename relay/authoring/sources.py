"""The files that a message is made of, as they lie there: the author's own before those that come with relay."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from relay.authoring.drawing import Told, View
from relay.domain.deliveries import Form
from relay.rendering import Renderer
from relay.rendering.file_names import FileName, written
from relay.rendering.message_names import message_of, operation_type
from relay.rendering.template_files import PARTS, SENTENCES

ENDINGS = ("html", "txt")  # of layouts


@dataclass(frozen=True, slots=True)
class SourceFile:
    """`name` is as in a template directory: `slack/operation.failed.yaml`. `own`: it is the author's."""

    name: str
    path: Path
    own: bool
    text: str


def sources_of(renderer: Renderer, channel: str, kind: Form, last: Told, view: View) -> Iterator[SourceFile]:
    """Its own file first, then what it shares with others. TemplateError if there is none for it."""
    event, history = last
    message, type_ = message_of(event, kind, history), operation_type(event, history)
    library, destination = renderer.library, view.destination
    names = [library.message_file(channel, message, kind, destination, type_)]
    names += [library.layout_file(channel, message, ending, destination, type_) for ending in ENDINGS]
    for name in (*names, f"{channel}/{PARTS}", SENTENCES):
        text, path = library.source(name)
        if text:
            yield SourceFile(name, path, name in library.own, text)


def places_for(channel: str, kind: Form, last: Told, view: View) -> list[str]:
    """The files that an author may write to change this message, the one for all its forms first."""
    event, history = last
    message = message_of(event, kind, history)
    shapes = [FileName(message), FileName(message, kind if kind != "each" else "")]
    if view.destination:
        shapes.append(FileName(message, destination=view.destination))
    return list(dict.fromkeys(f"{channel}/{written(shape)}.yaml" for shape in shapes))
