"""Scopes of the Slack app: what each method takes, which of them a configuration needs, and the app's manifest.

A test compares the table with what is called.
https://docs.slack.dev/reference/methods names the scopes of each;
https://docs.slack.dev/reference/app-manifest the manifest.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from relay.channels.slack.authority import kind_of
from relay.channels.slack.messages import EMAIL, by_id
from relay.domain.deliveries import PERSON

WRITE = "chat:write"
UNINVITED = "chat:write.public"  # to post in public conversations without an invitation: relay asks nobody for it
PUBLIC, PRIVATE, IM = "channels:read", "groups:read", "im:read"
HISTORY = frozenset({"channels:history", "groups:history", "im:history", "mpim:history"})
NO_SCOPE: frozenset[str] = frozenset()

NAME = "relay"  # of the app and of its bot: what people type after /invite @
DESCRIPTION = "Keeps you up to date about long-running operations."
COLOUR = "#1F2933"  # behind the app's card; Slack takes dark ones alone

# To ask about a conversation and to read it, by the beginning of its name or id; Slack alone knows which are private.
# https://docs.slack.dev/reference/methods/conversations.history
_CHANNEL = frozenset({PUBLIC, PRIVATE, "channels:history", "groups:history"})
OF_CONVERSATIONS: Mapping[str, frozenset[str]] = {
    "#": _CHANNEL,
    "C": _CHANNEL,
    "G": frozenset({PUBLIC, PRIVATE, "groups:history", "mpim:history"}),
    "D": frozenset({"im:history"}),
    "U": frozenset({IM, "im:history"}),
}
OPTIONAL = frozenset().union(*OF_CONVERSATIONS.values())  # everything is sent without them

# With the app's bot token. Those of `OF_CONVERSATIONS` are needed one at a time: as the conversation is.
METHODS: Mapping[str, frozenset[str]] = {
    "auth.test": NO_SCOPE,
    "bots.info": frozenset({"users:read"}),
    "chat.postEphemeral": frozenset({WRITE}),
    "chat.postMessage": frozenset({WRITE}),
    "chat.update": frozenset({WRITE}),
    "conversations.history": HISTORY,
    "conversations.info": frozenset({PUBLIC, PRIVATE}),
    "conversations.list": frozenset({PUBLIC, PRIVATE}),
    "conversations.replies": HISTORY,
    "usergroups.list": frozenset({"usergroups:read"}),
    "usergroups.users.list": frozenset({"usergroups:read"}),
    "users.conversations": frozenset({PUBLIC, PRIVATE, IM}),
    "users.info": frozenset({"users:read"}),
    "users.list": frozenset({"users:read"}),
    "users.lookupByEmail": frozenset({"users:read", "users:read.email"}),  # Slack gives the second with the first alone
}


# What goes missing without a scope; without chat:write nothing works at all.
_AGAIN = "a message whose answer was lost is sent again, so it may come twice"
_UNASKED = "`relay check --live` cannot say whether the app may post in"
LOSSES = {
    "users:read": "people are not called by name, and nobody may press a button",
    "users:read.email": "people are not called by e-mail address, and one under actions lets nobody press a button",
    "usergroups:read": "groups are not called, and where actions names one, nobody may press a button",
    PUBLIC: f"{_UNASKED} public conversations, and in those named with # {_AGAIN}",
    PRIVATE: f"{_UNASKED} private conversations, and in those named with # {_AGAIN}",
    IM: f"to a person named by U… {_AGAIN}",
    "channels:history": f"in public conversations {_AGAIN}",
    "groups:history": f"in private conversations {_AGAIN}",
    "im:history": f"to a person {_AGAIN}",
    "mpim:history": f"to several people {_AGAIN}",
}

# What is asked about a conversation, by the beginning of its name or id.
_ASKING: Mapping[str, frozenset[str]] = {
    "#": frozenset({"users.conversations", "conversations.list"}),
    "C": frozenset({"conversations.info"}),
    "G": frozenset({"conversations.info"}),
    "U": frozenset({"users.conversations"}),
}


@dataclass(frozen=True, slots=True)
class Demands:
    """Demands of a configuration on Slack.

    conversations  those that are posted to with the token, as the configuration writes them
    names          may be mentioned there, likewise
    owners         owners of operations may be mentioned, by an e-mail address or an id in the event
    by_name        people may be mentioned whom operations ask for by any name
    pressers       may press a button, likewise; None: there are no buttons
    """

    conversations: frozenset[str]
    names: frozenset[str] = frozenset()
    owners: bool = False
    by_name: bool = False
    pressers: frozenset[str] | None = None


def methods_for(demands: Demands) -> frozenset[str]:
    """List the methods that relay calls for this."""
    used = {"auth.test", "chat.postMessage", "chat.update", "conversations.history", "conversations.replies"}
    for conversation in demands.conversations:
        used |= _ASKING.get(conversation[0], NO_SCOPE)
    for name in demands.names:
        used |= set(_calling(name))
    if demands.owners or demands.by_name:
        used.add("users.lookupByEmail")
    if demands.by_name:
        used.add("users.list")
    if demands.pressers is not None:
        used |= {"bots.info", "users.info", "chat.postEphemeral"}
        used |= {method for name in demands.pressers for method in _PRESSING.get(kind_of(name.strip()), ())}
    return frozenset(used)


def scopes_for(demands: Demands) -> list[str]:
    """List the scopes that an app needs for this, and no other."""
    scopes = {scope for method in methods_for(demands) for scope in METHODS[method]} - OPTIONAL
    return sorted(scopes.union(*(OF_CONVERSATIONS[conversation[0]] for conversation in demands.conversations)))


def may_search(conversation: str, granted: Iterable[str]) -> bool:
    """Return whether these scopes let the app look for a message there: read it, and learn its id from its name."""
    usable = OF_CONVERSATIONS.get(conversation[:1], NO_SCOPE) & {*granted}
    return not usable.isdisjoint(HISTORY) and (conversation[:1] not in "#U" or not usable <= HISTORY)


# Methods to find the people of a name under `actions`, by its kind.
_PRESSING: Mapping[str, tuple[str, ...]] = {
    "email": ("users.lookupByEmail",),
    "group": ("usergroups.users.list",),
    "handle": ("usergroups.list", "usergroups.users.list"),
}


def _calling(name: str) -> Iterator[str]:
    """Yield the methods to find a name under `mention`, as relay.channels.slack.directory looks it up."""
    if by_id(name):
        return
    bare = name.strip().removeprefix(PERSON).removeprefix("@")
    if EMAIL.fullmatch(bare):
        yield "users.lookupByEmail"
        return
    yield "users.list"
    if not name.startswith(PERSON):
        yield "usergroups.list"


def lacking(demands: Demands, granted: Iterable[str]) -> dict[str, str]:
    """Return the scopes that are needed and not granted, with what goes missing; none where Slack does not say."""
    allowed = {*granted}
    missing = [scope for scope in scopes_for(demands) if scope not in allowed] if allowed else []
    return {scope: LOSSES.get(scope, "nothing can be posted") for scope in missing}


def manifest_of(
    scopes: Sequence[str], *, request_url: str = "", socket: bool = False, to_people: bool = False
) -> dict[str, Any]:
    """Build the app's manifest; without `request_url` and `socket` no buttons. `to_people`: a messages tab."""
    interactivity: dict[str, Any] = {"is_enabled": bool(request_url) or socket}
    if request_url:
        interactivity["request_url"] = request_url
    tab = {"home_tab_enabled": False, "messages_tab_enabled": True, "messages_tab_read_only_enabled": True}
    return {
        "display_information": {"name": NAME, "description": DESCRIPTION, "background_color": COLOUR},
        "features": {
            **({"app_home": tab} if to_people else {}),
            "bot_user": {"display_name": NAME, "always_online": False},
        },
        "oauth_config": {"scopes": {"bot": [*scopes]}},
        "settings": {
            "interactivity": interactivity,
            "org_deploy_enabled": False,
            "socket_mode_enabled": socket,
            "token_rotation_enabled": False,
        },
    }
