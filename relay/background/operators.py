"""Who is told when relay itself is in trouble: the operators' destinations, but for those that the trouble is about."""

from collections.abc import Collection, Iterator
from dataclasses import replace

from relay.config import Config
from relay.domain.deliveries import Each, Target
from relay.policy.destinations import Channels, Destination
from relay.policy.reachability import channel_scope
from relay.policy.serving import Serving

# At once, at any hour, and whatever its reader has unsubscribed from: it is their duty, and no newsletter.
AT_ONCE = Each(bypass_quiet_hours=True, essential=True)


def targets(config: Config, channels: Channels, avoids: Collection[str] = ()) -> tuple[Target, ...]:
    """The addresses of the operators that can be reached without the scopes to avoid. No rule is asked.

    None of them falls under the cap on new messages, and none has a digest: both are of other kinds of messages.
    """
    serving = Serving(config, channels)
    return tuple(
        Target(
            destination.name,
            destination.channel,
            address,
            limits=replace(limits, new_message_cap=None, edit=()),
            how=AT_ONCE,
            options=replace(service.options, mention={}),
        )
        for destination in operators(config)
        for service in [serving.of(destination)]
        for address, limits in service.addresses
        if channel_scope(config, destination.channel, address) not in avoids
        and f"destination:{destination.name}/{address}" not in avoids
    )


def operators(config: Config) -> Iterator[Destination]:
    """Their destinations."""
    for name in config.operators:
        yield config.destinations[name]
