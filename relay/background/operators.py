"""Who is told when relay itself is in trouble: the operators' destinations, but for those that the trouble is about."""

from collections.abc import Collection, Iterator
from dataclasses import replace

from relay.config import Config
from relay.domain.deliveries import Each, Target
from relay.policy.destinations import Channels, Destination
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
        if not {f"channel:{destination.channel}", f"destination:{destination.name}/{address}"} & {*avoids}
    )


def operators(config: Config) -> Iterator[Destination]:
    """Their destinations."""
    for name in config.operators:
        yield config.destinations[name]


def scopes(config: Config) -> list[str]:
    """Everything that can be paused: the channels, and each address of each destination."""
    channels = [f"channel:{name}" for name in config.channels]
    named = config.destinations.items()
    return channels + [f"destination:{name}/{address}" for name, settings in named for address in settings.addresses]


def of_channels(config: Config) -> dict[str, list[str]]:
    """The destinations of each channel, by name."""
    named = config.destinations.items()
    return {channel: [name for name, settings in named if settings.channel == channel] for channel in config.channels}
