"""Every refusal."""

from typing import NotRequired

from typing_extensions import TypedDict


class Problem(TypedDict):
    """RFC 9457."""

    type: str
    title: str
    status: int
    detail: NotRequired[str]
    field: NotRequired[str]
