"""What a message costs before it is sent: as relay makes it, and in the sandbox, as with templates of a user's own.

The two take turns, and the least of all rounds counts. Some seconds on a machine that does nothing else.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from benchmarks.micro._timing import least
from relay.channels.email.messages import Mailbox, compose
from relay.channels.slack.messages import degraded_versions
from relay.domain.deliveries import Kind, Notification
from relay.domain.events import Event
from relay.rendering import Renderer
from relay.rendering.checks import history_of, sample_events
from relay.resources import resource_dir

TEMPLATES = resource_dir("templates")
LINK = "https://relay.example.com/unsubscribe/token"
EVENTS = sample_events([TEMPLATES])
OWN = Renderer([TEMPLATES])
SANDBOXED = Renderer([TEMPLATES / ".." / TEMPLATES.name])  # by another name they are not taken for relay's own


@dataclass(frozen=True, slots=True)
class Step:
    """A message; with `sent`, also what its channel makes of it before it is sent."""

    name: str
    event: str
    channel: str
    kind: Kind
    language: str = "en"
    actions: tuple[str, ...] = ()
    sent: bool = False


STEPS = (
    Step("Slack: reply, failed", "operation.failed", "slack", "reply"),
    Step("Slack: reply, completed", "operation.completed", "slack", "reply"),
    Step("Slack: live, failed", "operation.failed", "slack", "live", actions=("retry",)),
    Step("Slack: live, progress", "operation.progress", "slack", "live", actions=("cancel", "mute")),
    Step("Slack: live, completed", "operation.completed", "slack", "live"),
    Step("Slack: live, batch", "batch.operation.completed", "slack", "live"),
    Step("Slack: digest", "digest", "slack", "digest"),
    Step("mail: failed", "operation.failed", "email", "each"),
    Step("mail: completed, German", "operation.completed", "email", "each", "de"),
    Step("mail: digest", "digest", "email", "digest"),
    Step("Slack: live, failed, and its three versions", "operation.failed", "slack", "live", sent=True),
    Step("mail: failed, and its bytes", "operation.failed", "email", "each", sent=True),
)


def ways(step: Step) -> list[Callable[[], object]]:
    """The step without the sandbox, and in it."""
    event = EVENTS[step.event]
    return [partial(_made, renderer, step, event, history_of(event, EVENTS.values())) for renderer in (OWN, SANDBOXED)]


def _made(renderer: Renderer, step: Step, event: Event, history: tuple[Event, ...]) -> object:
    content = renderer.render(
        step.channel, step.kind, event, history, language=step.language, timezone="Europe/Berlin",
        now=event.occurred_at, destination="analysts", unsubscribe=LINK if step.channel == "email" else "",
        buttons=[{"action": action, "value": "token"} for action in step.actions],
    )  # fmt: skip
    return _sent(step, event, content) if step.sent else content


def _sent(step: Step, event: Event, content: dict[str, Any]) -> object:
    if step.channel == "slack":
        return degraded_versions(content)
    notification = Notification(
        "id", "analysts", "ann@example.com", step.kind, content, event.subject, event.name, event.occurred_at,
        unsubscribe=LINK,
    )  # fmt: skip
    return compose(notification, Mailbox("relay@example.com", "relay"))


def main(rounds: int = 30, calls: int = 10) -> None:
    """Some 20 seconds."""
    print("| µs of CPU | relay's own | in the sandbox | ratio |\n|---|---|---|---|")
    for step in STEPS:
        own, sandboxed = least(ways(step), rounds, calls)
        print(f"| {step.name} | {own:,.0f} | {sandboxed:,.0f} | {sandboxed / own:.1f} |", flush=True)
