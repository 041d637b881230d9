"""The demo's verdict on messages that must not come."""

from relay.dev.demo.expectations import unexpected
from relay.dev.standins.slack_records import Message


def reply(text: str, thread: str) -> Message:
    return Message(ts="2.0", channel="C1", thread_ts=thread, text=text)


def test_a_recovery_is_unexpected_in_a_thread_without_an_alarm() -> None:
    alarm = reply("No sign of life: Weekly – No sign of life since 12:00 (8 s).", "1.0")
    recovery = reply("Running: Weekly – Running again after 8 s without a sign of life.", "1.0")

    assert unexpected([alarm, recovery]) == []
    assert unexpected([recovery, alarm]) == [f"unexpected, for no alarm came before it: {recovery.text}"]
    assert len(unexpected([reply(alarm.text, "9.0"), recovery])) == 1
