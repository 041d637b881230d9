"""The manifest of relay's Slack app: https://docs.slack.dev/reference/app-manifest."""

from collections.abc import Sequence
from typing import Any

NAME = "relay"  # of the app and of its bot: what people type after /invite @
DESCRIPTION = "Keeps you up to date about long-running operations."
COLOUR = "#1F2933"  # behind the app's card; Slack takes dark ones alone


def manifest_of(
    scopes: Sequence[str], *, request_url: str = "", socket: bool = False, to_people: bool = False
) -> dict[str, Any]:
    """Without a `request_url` and without a `socket` there are no buttons. `to_people`: the app writes to people, and
    needs its messages tab for that.

    No events are subscribed to, and the token does not rotate: relay could not renew it.
    """
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
