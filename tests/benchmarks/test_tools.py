"""What the benchmark measures with: requests, senders, stand-ins and /proc."""

import json
import smtplib
import sys
import time
from contextlib import suppress
from email.message import EmailMessage
from itertools import islice
from pathlib import Path

import pytest

from benchmarks.speed import requests
from benchmarks.speed.processes import Measured
from benchmarks.speed.sending import at_a_rate, at_once
from benchmarks.speed.standins import Standins
from relay.receiving.schemes import SignedRequest
from relay.receiving.signatures import verify
from tests.support.patience import patience
from tests.support.ports import free_ports

MESSAGE = b'{"channel": "#team", "text": "Journey of op-000000007 failed"}'


def post(path: str, body: bytes) -> bytes:
    return requests.HEAD % (path.encode(), len(body), b"") + body


def test_requests_are_signed_as_relay_wants_it() -> None:
    head, _, body = requests.signed(*next(requests.events())).partition(b"\r\n\r\n")
    headers = {
        name.decode().lower(): [value] for name, value in (line.split(b": ") for line in head.split(b"\r\n")[1:])
    }

    signed = SignedRequest(body, headers, None)
    verify("standard-webhooks", signed, {"current": requests.SECRET}, header=None, tolerance=300, now=time.time())

    assert int(headers["content-length"][0]) == len(body)
    assert 1_200 < len(body) < 1_400


def test_no_two_events_have_one_id_and_an_operation_has_ten() -> None:
    made = [*islice(requests.events(), 2 * requests.ACTIVE * requests.EVENTS)]

    assert len({message_id for message_id, _ in made}) == len({body for _, body in made}) == len(made)
    mine = [json.loads(body)["event"] for _, body in made if b'"op-000000003"' in body]
    assert mine == ["operation.started", *["operation.progress"] * 8, "operation.completed"]


def test_what_is_repeated_comes_twice() -> None:
    made = [*islice(requests.repeated(requests.events()), 4 * requests.ACTIVE)]

    assert made[: requests.ACTIVE] == made[requests.ACTIVE : 2 * requests.ACTIVE]
    assert len({message_id for message_id, _ in made}) == 2 * requests.ACTIVE


def test_failures_name_their_operation_and_where_it_is_to_be_told() -> None:
    made = [json.loads(body)["operation"] for _, body in islice(requests.failures(2), 3)]

    assert [operation["operationId"] for operation in made] == ["op-000000000", "op-000000001", "op-000000002"]
    assert [operation["notifications"]["slack"]["channel"] for operation in made] == ["#ops-0", "#ops-1", "#ops-0"]


def test_an_alert_is_as_long_as_the_event() -> None:
    message_id, body = next(requests.failures())

    alert = json.loads(requests.alert(message_id, body).partition(b"\r\n\r\n")[2])

    assert len(json.dumps(alert)) == len(body)
    assert alert[0]["labels"]["operation"] == "op-000000000"


def test_a_file_has_each_request_after_its_length(tmp_path: Path) -> None:
    file = requests.write(tmp_path / "made.bin", iter([b"one", b"three", b"left out"]), 2)

    assert file.read_bytes() == b"00000003one00000005three"


def test_the_stand_in_of_slack_notes_messages_alone() -> None:
    with Standins() as standins:
        url = f"http://127.0.0.1:{standins.slack_port}"
        calls = [
            post("/api/auth.test", b"{}"),
            post("/api/chat.update", MESSAGE),
            post("/api/chat.postMessage", MESSAGE),
        ]
        sent = standins.run(at_once(url, [*calls, post("/services/T0/B0/x", MESSAGE)], lanes=2))

    assert sent.refused == 0
    assert all(wait > 0 for wait in sent.waits)
    assert {name: len(moments) for name, moments in standins.slack.moments.items()} == {"op-000000007": 2}


def test_the_stand_in_of_a_mail_server_notes_mails_it_accepts() -> None:
    mail = EmailMessage()
    mail["Subject"] = "Journey of op-000000007 failed"
    mail.set_content("It did.")

    with Standins() as standins, smtplib.SMTP("127.0.0.1", standins.smtp_port, timeout=patience()) as client:
        for _ in range(2):
            client.send_message(mail, "relay@example.com", "people@example.com")

    assert standins.mail.faults({"op-000000007", "op-000000008"}) == [
        "1 of 2 not told, such as op-000000008",
        "1 told twice, such as op-000000007",
    ]


def test_a_sender_keeps_its_pace_and_counts_what_is_refused() -> None:
    with Standins() as standins:
        url = f"http://127.0.0.1:{standins.slack_port}"
        sent = standins.run(at_a_rate(url, [post("/api/chat.postMessage", MESSAGE)] * 5, 1_000))
    [port] = free_ports(1)

    assert sent.refused == 0
    assert [round((due - sent.due[0]) * 1_000) for due in sent.due] == [0, 1, 2, 3, 4]
    with Standins() as standins, pytest.raises(OSError, match=f"{port}|refused"):
        standins.run(at_once(f"http://127.0.0.1:{port}", [b"nobody there"]))


BURNS = """
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(100)"])
print(child.pid, flush=True)
while time.process_time() < 0.2: pass
print("burnt", flush=True)
time.sleep(100)
"""


@pytest.mark.slow
def test_a_process_is_measured_with_its_children_and_ended(tmp_path: Path) -> None:
    log = tmp_path / "log"
    end = time.monotonic() + patience()

    with Measured([sys.executable, "-c", BURNS], log=log) as process:
        while len(log.read_text().splitlines()) < 2 and time.monotonic() < end:
            process.check()
            time.sleep(0.02)
        used = process.usage()

    assert used.processes == 2
    assert used.app_cpu > 0.1
    assert used.app_memory > 5
    assert (used.redis_cpu, used.redis_memory) == (0, 0)
    with pytest.raises(RuntimeError, match="burnt"):
        process.check()
    while runs(log.read_text().split()[0]) and time.monotonic() < end:
        time.sleep(0.02)
    assert not runs(log.read_text().split()[0])


def runs(pid: str) -> bool:
    """Whether it is there, and not only its status for whoever asks."""
    with suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False
