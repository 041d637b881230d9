"""The configuration of all processes: two live conversations, one with quiet hours, a room, mails and a digest."""

from relay.channels import CHANNELS
from relay.config import Config, parse_config
from relay.interactivity import executor as platform

QUEUES = ("slack", "email", platform.CHANNEL)
READER = "analyst@example.com"
CONFIG: Config = parse_config(
    """\
timezone: UTC
sources:
  async-operations: {signature: {secrets: {current: "the-secret-of-the-platform"}}}
  callbacks: {signature: {secrets: {current: "the-secret-of-the-platform"}}}
channels:
  slack: {token: xoxb-1-life, new_message_limit: {count: 4, per: 10m}}
  email: {host: localhost, from: relay@example.com}
destinations:
  team: {slack: "#team", mode: live, live: {post_after: 30s}}
  night: {slack: "#night", mode: live, quiet_hours: {from: "11:25", to: "12:30"}, hold_failure: 2m}
  room: {slack: "#room", mode: each, group_errors: off}
  analysts: {email: analyst@example.com, hold_failure: 1m}
  daily: {email: daily@example.com, mode: digest, at: "12:00"}
watchdog: {silent: 5m, flat: 10m, remind: [10m], startup_grace: 0s}
rules:
  - {name: live, events: ["operation.*", "batch.*"], notify: [team, night]}
  - {name: room, events: ["operation.*"], priorities: [Normal, High], min_progress_increment: 10, notify: [room]}
  - {name: mails, events: ["operation.*"], priorities: [High, Critical], notify: [analysts]}
  - {name: daily, events: ["operation.*", "batch.*"], notify: [daily]}
""",
    env={},
    channels=CHANNELS,
)

# As a process announces them; a button's request goes to the platform.
ADDRESSES = dict.fromkeys((*CONFIG.destinations, platform.CHANNEL), ("*",))
