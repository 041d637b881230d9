"""What accept gets of all that lives in other partitions than the operation that it decides on (include/abroad.lua)."""

from collections.abc import Callable
from typing import Any

from relay.domain.events import Event
from relay.domain.facts import facts
from relay.store.keys import operation, partition
from relay.store.records import packed_facts, to_json
from relay.store.run_plan import stated_retry
from relay.store.sealing import Sealer
from relay.store.target_plan import if_any


def apart(plan: dict[str, Any], name: str, partitions: int) -> dict[str, Any]:
    """With the partitions of all but targets that does not live where the operation of this name does."""
    away = away_from(name, partitions)
    there: dict[str, Any] = {"home": f"{partition(name, partitions)}"}
    there |= if_any(spaces=[[own, space, *filter(None, [away(own)])] for own, space in plan.get("spaces", ())])
    there |= {"over": [*plan["over"], *filter(None, [away(plan["over"][0])])]} if "over" in plan else {}
    there |= {"batch": None} if away(plan.get("batch", name)) else {}  # what is known of it is not in this partition
    there |= {"own": None, "linked": True} if away(plan.get("own", name)) else {}  # `link` was first
    return {key: value for key, value in (plan | there).items() if value is not None}


def away_from(here: str, partitions: int) -> Callable[[str], str]:
    """What says of another name in which partition that lives, and '' where that is the one in which this lives."""
    if partitions == 1:
        return lambda _: ""
    number = partition(here, partitions)
    return lambda other: "" if (its := partition(other, partitions)) == number else f"{its}"


def link(event: Event, partitions: int, sealer: Sealer | None = None) -> tuple[str, str, bytes] | None:
    """Of a retry under a new id that lives apart from its original: the name, what it is (JSON), and its facts."""
    if not event.original:
        return None
    own, name = (operation(id_, event.space(id_)) for id_ in (event.own_id, event.subject))
    where, here = partition(own, partitions), partition(name, partitions)
    if where == here:
        return None
    stated = {
        "operation": name,
        "own": own,
        "retry": event.retry,
        "stated": stated_retry(event),
        "led_home": f"{here}",
    }
    space = event.space(event.own_id)
    return (
        own,
        to_json(stated | if_any(spaces=space and [[operation(event.own_id), space]])),
        packed_facts(event, facts(event), {}, sealer),
    )
