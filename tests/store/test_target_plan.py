"""What is queued with a delivery is made once for each target of a configuration, and is always its own."""

import json
from dataclasses import replace

from relay.domain.deliveries import DeliveryOptions
from relay.store.target_plan import delivery_options_of, limits_of
from tests.support.targets import team


def test_other_limits_and_other_options_are_another() -> None:
    target = team(options=DeliveryOptions("de"))
    capped, other = team(options=target.options, new_message_cap=(5, 60.0)), replace(target, options=DeliveryOptions())

    texts = [limits_of(one) for one in (target, capped, other, target)]

    assert [json.loads(text).get("cap") for text in texts] == [None, [5, 60_000.0], None, None]
    assert [delivery_options_of(text.encode()) for text in texts] == [
        target.options, target.options, other.options, target.options
    ]  # fmt: skip
