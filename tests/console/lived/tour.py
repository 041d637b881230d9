"""Where each page of the console has something to show, once relay has lived: an address, or a link on another page."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from tests.console.lived.present import OPERATION


@dataclass(frozen=True)
class Link:
    """The first that leads to a page of this kind."""

    on: str


def asked(path: str, **values: str) -> str:
    return f"{path}?{urlencode(values)}"


SHOWN = ("process-mining", "analysts-daily", "vendor", "customers")
# Each view by its path, with the addresses at which it is looked at.
TOUR: Mapping[str, Sequence[str | Link]] = {
    "/now": ["/now"],
    "/operation": [asked("/operation", id="op-otc-now"), asked("/operation", id="op-otc-8"),
                   asked("/operation", id=OPERATION["increment"]), asked("/operation", id="batch-month-end")],
    "/operations": ["/operations", asked("/operations", state="running")],
    "/jobs": ["/jobs"],
    "/job": [Link(asked("/operation", id="op-otc-now"))],
    "/source": [asked("/source", name="async-operations")],
    "/message": [Link(asked("/deliveries", destination="analysts")),
                 Link(asked("/deliveries", destination="process-mining"))],
    "/deliveries": ["/deliveries", asked("/deliveries", state="waiting"), asked("/deliveries", operation="op-none")],
    "/dead": ["/dead", asked("/dead", reason="expired")],
    "/dead/all": [asked("/dead/all", verb="drop"), asked("/dead/all", verb="replay", destination="compliance")],
    "/dead-letter": [Link("/dead")],
    "/quarantine": ["/quarantine"],
    "/quarantine/all": [asked("/quarantine/all", verb="drop"), asked("/quarantine/all", verb="replay")],
    "/quarantined": [Link("/quarantine")],
    "/destinations": ["/destinations"],
    "/destination": [asked("/destination", name=name) for name in SHOWN],
    "/destination/digest": [Link(asked("/destination", name="analysts-daily"))],
    "/silences": ["/silences"],
    "/templates": ["/templates", asked("/templates", channel="email", language="de")],
    "/template": [Link("/templates"), asked("/template", name="operation.failed"),
                  asked("/template", name="operation.completed", channel="slack", kind="reply")],
    "/audit": ["/audit", asked("/audit", action="nothing")],
}  # fmt: skip
BESIDES = (asked("/operation", id=OPERATION["bad signature"]), asked("/dead", since="yesterday"))  # no page, and why
