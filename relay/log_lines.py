"""Log lines: their meanings, a limit for those that strangers can cause, and what they say of an error.

`make docs` puts the meanings into docs/logs.md, with the levels of the calls.
"""

import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

LOG_EVENTS = {
    # Incoming events
    "event.received": "Stored, with its `outcome` (accepted, duplicate, late), `deliveries` and `held`",
    "event.refused": "Answered `status` (`reason`). 401: compare secrets. 422: `relay dead list`. 429: `rate_limit`",
    "quarantine.displaced": "`count` refused bodies of `source` made room for newer ones. Correct the source",
    "event.id_reused": "An event id was used again for another fact; both count. Have the sender use unique ids",
    "request.failed": "Bug at `place`; the event is quarantined, or the sender retries",
    "request.malformed": "Invalid HTTP",
    "connection.closed": "Closed because of `reason`: too many, too slow, too little memory. Let a proxy limit `peer`",
    "operator.refused": "The admin listener got no token (401) or a foreign host (421). Give Prometheus the token",
    "console.link": "No login is configured; `command` prints a link into the console",
    "console.refused": "No valid token. Check it",
    "console.forged": "A form did not come from this console. Set `console.url`; let the proxy pass `Host`",
    "console.unavailable": "No logins, because Redis is away. See `redis.unavailable`",
    "catch_up.asked": "GitHub's `hook` [was asked](senders.md#github-actions) to redeliver what had failed",
    "catch_up.failed": "GitHub could not be asked: `error`. Do what it says, then `relay catch-up github`",
    "bodies.failed": "Bug: some of [the last bodies](console.md#the-last-bodies) were not kept",
    # Outgoing messages
    "delivery.attempted": (
        "`delivered`, `failed`, `unknown` or `dead`, with the permalink, answer or error in `detail`. Dead: "
        "[fix the cause](operating.md#when-something-cannot-be-delivered), then `relay dead replay`"
    ),
    "delivery.crashed": "Bug; the delivery is retried",
    "delivery.found": "Slack had received a message whose answer was lost",
    "settle.failed": "Bug while storing the result of a delivery, which is retried as unknown",
    "claim.failed": "Bug while reading the queue of `channel`; retried",
    "record.unreadable": (
        "A damaged value, or one of a newer release (`error`): what needs it gets 503, or is set aside. "
        "Use the newer release, or delete the key; then `relay dead replay`"
    ),
    "silence.failed": "Bug while checking silences; the message is sent",
    "silence.unreadable": "A damaged silence, without effect. `relay silence expire ID`",
    "silences.failed": "The last known silences apply. Report it",
    "template.failed": "A template failed; relay's own wording was sent. `relay template lint`",
    "mail.reduced": "The mail server accepted only a simpler mail (`why`)",
    "message.reduced": "Slack accepted only a simpler message (`why`). `relay template lint`, if the template is yours",
    "message.replaced": "A message to edit no longer exists; a new one was posted",
    "mention.unresolved": "Unknown in Slack; written without a mention. Use an id, address or group handle",
    "mention.lookup_failed": "Slack refused to look up a person. Add the scope in `error`",
    "results.missing": "The platform did not return results; the message goes without them. Check `platform`",
    "job.unknown": "Earlier runs could not be read; the message has no comparison. See `redis.unavailable`",
    "channel.probe_failed": "A [failing channel](operating.md#when-a-channel-fails) still fails (`error`)",
    "channel.removed": "Deliveries wait for a channel that is not configured: restore it within three days",
    "address.unsubscribed": "A reader unsubscribed",
    "address.resubscribed": "A reader subscribed again",
    "unsubscribe.refused": "A forged link, or one whose key was removed",
    # Buttons
    "press.taken": "`user` pressed `action`",
    "press.refused": "`user` lacks permission: `reason`. See `actions` in the configuration",
    "press.unsigned": "Invalid signature of Slack. Check `channels.slack.signing_secret`",
    "press.undecided": "Slack did not confirm the permission; nothing was done. Follow `reason`",
    "socket.connected": "The socket to Slack is open",
    "socket.disconnected": "The socket to Slack closed: `reason`; relay reconnects. Follow `reason`",
    "socket.failed": "Bug; the socket stays closed. Report it, and restart relay",
    "press.failed": "Redis was too slow; the user is asked to press again. See `redis.unavailable`",
    "whisper.failed": "The private answer to the user failed",
    "action.names_no_group": "A name under `actions` is no user group",
    # Redis
    "loop.blocked": "Nothing was answered for `seconds`. With `event_id` report it; else the machine was busy",
    "redis.unavailable": "Redis is away, or lacks durability (`reason`): senders get 503. If it lasts, check Redis",
    "redis.still_unavailable": "The same, once a minute, after `seconds` and `failures`. Check Redis now",
    "redis.returned": "Redis is back, after `seconds`",
    "redis.emptied": "Relay's data was deleted (FLUSHALL, another database). A reload ends the notice",
    "partition.owned": "This process decides and delivers from now on, in its `term`",
    "partition.handed_over": "It stops, and another process may decide and deliver at once",
    "partition.lost": "Another process decides and delivers now. If it repeats, look for processes that stall",
    "partition.failed": "A fault of relay's own (`error`, `at`): it goes on from what is in Redis. Report it",
    "partition.waiting": "Redis did not answer (`reason`); the next try follows within a second",
    "partition.in_doubt": "The same of a write, which is repeated until it is known to be done",
    "entry.next": (
        "The entry `id` is decided again after a crash. If this repeats, "
        "[set it aside](operating.md#when-something-cannot-be-delivered)"
    ),
    "entry.set_aside": "An accepted entry (`id`) cannot be handled (`reason`). Report it, then `relay dead replay`",
    "entry.not_set_aside": "An accepted entry cannot be handled nor set aside (`reason`): it is dropped. Report it",
    "entry.not_written": "Redis refuses the record of what was to be sent (`reason`); it is due again. Report it",
    "redis.clock_set_back": "Redis's clock went back by `seconds`; relay's time goes on. Run NTP there",
    "durability.weakened": "Redis guarantees less than `before`: `now`. Restore fsync or replicas",
    "health.failed": "Bug in the check of Redis",
    "memory.shared": "[Memory](sizing.md#memory) of the `limit` for records (`hot`) and the private Redis (`redis`)",
    "redis.started": "The private Redis runs",
    "redis.stopped": "It stopped on request",
    "redis.exited": "It stopped by itself (`reason`) and starts again in `again_in` seconds. Check disk and memory",
    "redis.restarted": "It runs again",
    "redis.restart_failed": "It does not start; the next attempt follows. Do what `reason` says",
    "redis.truncated": "An incomplete, unacknowledged write was dropped",
    "redis.killed": "It did not stop in time",
    "redis.orphan_found": "The private Redis of a killed relay was stopped",
    # Scheduled work
    "tick.failed": "Watchdog, digests or another `tick` failed (`error`); the next one catches up",
    "watchdog.failed": "Bug while checking a run",
    "watchdog.left_stalled": "Stalled runs were forgotten after 30 days",
    "missing.unreadable": "The state of an expected run was damaged, and is dropped",
    "reconciliation.finished": "The platform was asked for missed events: `new` runs",
    "reconciliation.told": "The platform returned a missed event. If it repeats, check the platform's webhooks",
    "reconciliation.skipped": "No valid answer about a run; retried",
    "reconciliation.stopped": "The platform does not answer; the next round continues. Check `platform`",
    # relay itself
    "relay.started": "Ready, with `version`, `addresses`, `role`, `durability` and `config`",
    "relay.stopping": "Stop requested: accepts events for `drain` seconds, finishes within `grace`",
    "relay.stopped": "Stopped",
    "relay.failed": "Cannot start or continue; exit status 1. Follow `reason`",
    "config.warned": "A probable mistake at `line`, `key`. Fix it",
    "config.refused": "Invalid file; after a reload the old one stays in force. Follow `reason`",
    "config.reloaded": "The new file is in force",
    "config.needs_restart": "A change of `key` needs a restart. Restart",
    "commands.no_socket": "No `relay.sock` at `path` (writable, below 90 bytes): commands need `--url` and a token",
    "audit": "An act: `actor`, `action`, `subject`, `outcome` ([audit trail](operating.md#who-did-what))",
    "relay.trouble": "Operators (`told`) are notified of `troubles`. Follow the message",
    "relay.resolved": "Operators are notified of the end",
    "operators.unheard": "A problem, but no operator can be notified (`why`). Configure `operators` on two channels",
    "troubles.unreadable": "Stored problems of another release were reset",
    "heartbeat.withheld": "No heartbeat, because of `reason`. Follow `reason`",
    "heartbeat.failed": "The heartbeat's address does not answer; once",
    "heartbeat.returned": "It answers again",
    "tracing.started": "Spans are sent to the collector",
    "tracing.off": "A collector is configured, but unused. Follow `reason` ([tracing](tracing.md))",
    "tracing.failed": "The collector refuses spans (`reason`); only spans are lost",
    # The sandbox
    "sandbox.waiting": "`relay sandbox` waits for its store",
    "sandbox.failed": "Bug; other jobs continue",
    "sandbox.not_sent": "A webhook got `status`; retried in `retry_in` seconds. Check the target",
    "sandbox.unsettled": "The result of a webhook was not stored; it may be sent twice",
}


def location_of(error: BaseException) -> str:
    """Return the file and line that raised the error; its text might quote a payload."""
    frames = traceback.extract_tb(error.__traceback__)
    return f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""


class RateLimitedLog:
    """Lines that a stranger can cause: one a `period` (seconds) per event and key. A field may be a function."""

    def __init__(self, clock: Callable[[], float], period: float = 1.0) -> None:
        self._clock = clock
        self._period = period
        self._written_at: dict[tuple[str, str], float] = {}
        self._left_out: dict[tuple[str, str], int] = {}

    def warning(self, logger: Any, event: str, key: str = "", **fields: object) -> None:
        self._line(logger.warning, event, key, fields)

    def error(self, logger: Any, event: str, key: str = "", **fields: object) -> None:
        self._line(logger.error, event, key, fields)

    def _line(self, write: Callable[..., object], event: str, key: str, fields: Mapping[str, object]) -> None:
        line, now = (event, key), self._clock()
        if 0 <= now - self._written_at.get(line, float("-inf")) < self._period:
            self._left_out[line] = self._left_out.get(line, 0) + 1
            return
        self._written_at[line] = now
        values = {name: field() if callable(field) else field for name, field in fields.items()}
        write(event, left_out=self._left_out.pop(line, 0), **values)
