"""Documents of an operation's newest run: the newest of each name, and each event's for the deliveries that show it.

A document is kept once: a `Body` has its text only from when it is no longer the newest of its name. What takes the
place of one that deliveries need gives it to them first, in the same step.
"""

from collections.abc import Iterable

from relay.engine.arrival import Arrival
from relay.engine.draft import Draft
from relay.engine.records import KEEP_OPERATION, Body, Delivery, Operation, documents


def keep_document(d: Draft, o: Operation, a: Arrival, *, again: bool = False) -> None:
    """Put this event's document in the place of the one before of its name.

    `again`: another report of a known outcome says more of it. What waits to be sent shows that.
    """
    if o.lent.get(a.name) != a.body_name:
        _hand_down(d, o, [a.name])
        if again and d.get(Body, a.body_name):
            d.edit(Body, a.body_name).text = b""
            o.lent[a.name] = a.body_name
    d.put(documents(o.name), a.name, a.body, kept=KEEP_OPERATION)


def clear_documents(d: Draft, o: Operation) -> None:
    _hand_down(d, o, [*o.lent])
    d.clear(documents(o.name))


def lend(d: Draft, name: str, text: bytes) -> None:
    """Keep a document for one more delivery that needs it."""
    body = d.changed(Body, name) or Body(name, text)
    body.users += 1
    d.add(body)


def lend_newest(d: Draft, o: Operation, a: Arrival) -> None:
    """Keep the document of this step's event for one more delivery that needs it."""
    newest = a.name in o.seqs and d.field(documents(o.name), a.name) == a.body
    if newest and o.lent.get(a.name) == a.body_name:
        d.edit(Body, a.body_name)  # of an earlier step, where this is another report of a known outcome
    lend(d, a.body_name, b"" if newest else a.body)
    if newest:
        d.edit(Operation, o.name).lent[a.name] = a.body_name


def give_back(d: Draft, name: str) -> None:
    """Drop it with the last delivery that needed it."""
    body = d.edit(Body, name)
    body.users -= 1
    if body.users <= 0:
        d.drop(Body, name)


def text_of(d: Draft, x: Delivery) -> bytes:
    """Return the document of the event that a delivery shows; b"" where it is not of one, or that was forgotten."""
    body = d.get(Body, x.body) if x.body else None
    if body is None or body.text:
        return body.text if body else b""
    # A delivery may outlive the operation, and another one have its id by now.
    is_newest = d.look(Operation, x.operation).lent.get(x.event) == x.body
    return (is_newest and d.field(documents(x.operation), x.event)) or b""


def _hand_down(d: Draft, o: Operation, names: Iterable[str]) -> None:
    for name in names:
        if needed := o.lent.pop(name, ""):
            body = d.get_all(Body, [needed]).get(needed)
            if body and not body.text:
                d.edit(Body, needed).text = d.field(documents(o.name), name) or b""
