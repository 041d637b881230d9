"""Destinations with several channels: a team's conversation and its mails under one name.

A file says `team: {slack: {to: "#team", mode: live}, email: [lead@example.com]}`. relay delivers to the two of them as
`team.slack` and `team.email`, each with its own lane, mode and pauses; the team's name means both.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from relay.configfile.document import Document, KeyPath
from relay.policy.destinations import ChannelOptions, Channels, DestinationOptions

# Keys of a whole destination: they stand beside its channels, the others at their channel
SHARED = [key for key in DestinationOptions.model_fields if key not in ChannelOptions.model_fields]

Teams = dict[str, tuple[str, ...]]  # the destinations of each team


def expand(document: Document, channels: Channels) -> Teams:
    """Replace each destination that spells a channel out, or has several, by one for each channel."""
    teams: Teams = {}
    section = document.section("destinations")
    destinations: dict[str, Any] = {}
    for name, raw in section.items():
        named = [key for key in raw if key in channels] if isinstance(raw, Mapping) else []
        if not any(isinstance(raw[channel], Mapping) for channel in named) and len(named) < 2:
            destinations[name] = raw
            continue
        beside = {key: value for key, value in raw.items() if key not in named}
        parts = dict.fromkeys(named, name)
        if len(named) > 1:
            parts = {channel: f"{name}.{channel}" for channel in named}
            teams[name] = tuple(parts.values())
        for key in beside:  # at its only channel as well, one of the two would be ignored
            if len(named) > 1 and key not in SHARED:
                fault = f"write it at its channel, {named[0]}: {{to: …, {key}: …}}; for all channels are "
                document.report(("destinations", name, key), fault + ", ".join(SHARED))
            elif len(named) == 1 and key in raw[named[0]]:
                document.report(("destinations", name, key), f"also written at {named[0]}; write it once")
        for channel, part in parts.items():
            if part != name and part in section:
                document.report(("destinations", part), f"relay calls {name}'s {channel} so; choose another name")
            _note_places(document, name, part, channel, raw[channel])
            inner = raw[channel] if isinstance(raw[channel], Mapping) else {"to": raw[channel]}
            options = {key: value for key, value in inner.items() if key != "to"}
            for key in SHARED:
                if key in options:
                    fault = f"holds for the whole destination: write it beside {channel}, or make a second destination"
                    document.report(("destinations", name, channel, key), fault)
            destinations[part] = {**beside, **options, channel: inner.get("to", [])}
    if "destinations" in document.data:
        document.data["destinations"] = destinations
    _spread(document, teams)
    return teams


def _note_places(document: Document, name: str, part: str, channel: str, raw: object) -> None:
    """Let faults of a part be reported where its values are written."""
    here: KeyPath = ("destinations", part)
    if part != name:
        document.aliases[here] = ("destinations", name)
    if isinstance(raw, Mapping):
        document.aliases.update({(*here, key): ("destinations", name, channel, key) for key in raw})
        document.aliases[(*here, channel)] = ("destinations", name, channel, "to")


def _spread(document: Document, teams: Teams) -> None:
    """Name the destinations of a team where a rule or `operators` names the team."""
    for holder, key, path in lists_of_names(document):
        listed = holder[key] if isinstance(holder[key], list) else [holder[key]]
        if key == "sources" or not any(isinstance(name, str) and name in teams for name in listed):
            continue
        spread = [(index, member) for index, name in enumerate(listed) for member in teams.get(name, (name,))]
        holder[key] = [member for _, member in spread]
        document.aliases.update({(*path, now): (*path, index) for now, (index, _) in enumerate(spread)})


def lists_of_names(document: Document) -> Iterator[tuple[dict[str, Any], str, KeyPath]]:
    """Yield every place in the file that names destinations or sources: what holds the list, its key and its path."""
    if "operators" in document.data:
        yield document.data, "operators", ("operators",)
    watchdog = document.data.get("watchdog")
    expected = watchdog.get("expect") if isinstance(watchdog, dict) else None
    for path, rows in ((("rules",), document.data.get("rules")), (("watchdog", "expect"), expected)):
        for number, row in enumerate(rows if isinstance(rows, list) else ()):
            for key in ("notify", "sources") if path == ("rules",) else ("notify",):
                if isinstance(row, dict) and key in row:
                    yield row, key, (*path, number, key)
