"""What Slack sends when a person presses a button under a message."""

from collections.abc import Mapping
from typing import Any

from relay_sandbox.standins.slack_records import Json, Message, User


def button_of(message: Message, action: str) -> Json | None:
    """The button with this action id that the message shows now."""
    rows = [block.get("elements", ()) for block in message.blocks if block.get("type") == "actions"]
    return next((button for row in rows for button in row if button.get("action_id") == action), None)


def press_payload(
    message: Message, button: Mapping[str, Any], person: User, *, user: str, app: str, team: str, at: float
) -> Json:
    """https://docs.slack.dev/reference/interaction-payloads/block_actions-payload. `user` may be an unknown id; then
    the rest is the person's."""
    pressed = {"type": "button", "action_ts": f"{at:.6f}"} | {
        key: button[key] for key in ("action_id", "value", "action_ts") if key in button
    }
    return {
        "type": "block_actions", "api_app_id": app, "team": {"id": team or person.team},
        "user": {"id": user, "username": person.name, "team_id": person.team},
        "channel": {"id": message.channel}, "container": {"type": "message", "message_ts": message.ts},
        "actions": [pressed],
    }  # fmt: skip
