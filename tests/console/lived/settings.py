"""How the relay is configured that has lived: each way in which a message may stay away has a destination."""

from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from tests.support.auth import TOKEN

API_TOKEN = TOKEN

CONFIG = f"""\
server: {{host: 127.0.0.1, port: 0, drain: 0s, public_url: "https://relay.example.com"}}
data_dir: /nonexistent
timezone: Europe/Berlin
retry: {{max_retries: 3, retry_delay: 0.2, backoff_multiplier: 1, max_delay: 60}}
console:
  tokens:
    deploy: {{token: {TOKEN}, role: operator}}
sources:
  async-operations: {{signature: {{secrets: {{current: "${{STAGE_SECRET}}"}}}}}}
  progress: {{event: operation.progress, signature: {{scheme: token, secrets: {{current: "${{STAGE_TOKEN}}"}}}}}}
channels:
  slack: {{token: xoxb-the-token-of-the-stage, base_url: "${{STAGE_SLACK}}"}}
  email: {{host: 127.0.0.1, port: "${{STAGE_SMTP}}", tls: none, from: "Operations <relay@example.com>"}}
destinations:
  process-mining:
    slack: "#process-mining"
    mode: live
    live: {{post_after: 0s, min_interval: 0s}}
    mention: {{failed: ["@analyst"], critical_failed: ["@data-team"]}}
  data-team: {{slack: "#data-team", mode: each}}
  analysts: {{email: [analyst@example.com, lead@example.com]}}
  analysts-daily: {{email: [analyst@example.com], language: de, mode: digest, at: "08:30"}}
  night-shift: {{slack: "#night-shift", mode: each, quiet_hours: {{from: "${{QUIET_FROM}}", to: "${{QUIET_TO}}"}}}}
  month-end: {{slack: "#month-end", mode: each}}
  customers: {{email: [reader@example.com, second@example.com]}}
  busy: {{slack: "#busy", mode: each}}
  vendor: {{email: [vendor@example.com]}}
  compliance: {{email: [archive@example.com]}}
operators: [data-team]
rules:
  - {{name: runs, events: ["operation.*", "batch.*"], projects: [finance, procurement], notify: [process-mining]}}
  - {{name: failures are mailed, events: [operation.failed], projects: [finance], notify: [analysts]}}
  - {{name: the day in one mail, events: ["operation.*"], projects: [finance, procurement], notify: [analysts-daily]}}
  - {{name: steps, events: [operation.progress], projects: [steps], min_progress_increment: 10, notify: [data-team]}}
  - {{name: at night, events: ["operation.*"], projects: [night], notify: [night-shift]}}
  - {{name: at the month's end, events: ["operation.*"], projects: [closing], notify: [month-end]}}
  - {{name: for customers, events: [operation.completed], projects: [customers], notify: [customers]}}
  - {{name: in a busy conversation, events: [operation.completed], projects: [busy], notify: [busy]}}
  - {{name: for the vendor, events: [operation.completed], projects: [vendor], notify: [vendor]}}
  - {{name: for the archive, events: [operation.completed], projects: [archive], notify: [compliance]}}
"""


def written(folder: Path) -> Path:
    path = folder / "relay.yaml"
    path.write_text(CONFIG, "utf-8")
    return path


def quiet_hours(now: float) -> dict[str, str]:
    """Such that it is quiet now (seconds since the epoch) and for the next hours, in the environment."""
    here = datetime.fromtimestamp(now, ZoneInfo("Europe/Berlin"))
    hours = {"QUIET_FROM": here - timedelta(hours=2), "QUIET_TO": here + timedelta(hours=6)}
    return {name: f"{moment:%H:%M}" for name, moment in hours.items()}
