"""The format of a channel that brings none of its own: plain text, as its templates say it."""

from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Literal

from relay.domain.deliveries import Kind
from relay.domain.links import LinkHosts
from relay.rendering.autoescape import Escaping

Content = dict[str, Any]
Ending = Literal["html", "txt"]
FillLayout = Callable[[Ending, Mapping[str, Any]], str]
"""A channel's layout with this ending, filled in with these fields. TemplateError names file and line.
In HTML the styles are in the elements."""


class PlainFormat:
    """What relay.rendering.formats.Format asks for; a channel's own format overrides what is different there."""

    escaping: ClassVar[Escaping] = "text"
    required: ClassVar[Mapping[str, str]] = {}
    kinds: ClassVar[tuple[Kind, ...]] = ("each", "live", "reply")

    def unlinked(self, content: Content, hosts: LinkHosts) -> Content:  # noqa: ARG002 - for those whose readers' do
        return content

    def finish(self, content: Content, fill_layout: FillLayout) -> Content:  # noqa: ARG002 - plain text has no layout
        return content

    def fallback(self, text: str, language: str) -> Content:  # noqa: ARG002 - for those that name it
        return {"text": text}

    def marked(self, content: Content, mark: str, note: str) -> Content:
        texts = {"text": f"{mark}: {content['text']}\n{note}"} if isinstance(content.get("text"), str) else {}
        return content | texts

    def footnote(self, content: Content, note: str) -> Content:
        return content | ({"text": f"{content['text']}\n{note}"} if isinstance(content.get("text"), str) else {})
