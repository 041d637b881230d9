"""What a spam filter that others wrote thinks of every mail: SpamAssassin, by the rules that come with it."""

import os
import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from relay.channels.email.messages import Mailbox, compose
from relay.domain.deliveries import Notification
from relay.rendering import Renderer
from tests.support import digests
from tests.support.mails import LANGUAGES, NAMES, mail

SPAMASSASSIN = shutil.which("spamassassin")
SENDER = Mailbox("relay@example.com", "Operations")
SEPARATOR = b"From relay@example.com Mon Mar  9 08:30:00 2026\n"
MOST = 0.2  # points; a mail with 5 is spam

pytestmark = [pytest.mark.soak, pytest.mark.skipif(not SPAMASSASSIN, reason="there is no SpamAssassin here")]


def sent(renderer: Renderer, name: str, language: str) -> bytes:
    """The mail as it leaves, with all the headers that one of its kind can have."""
    event = name.partition(".")[0] if name in digests.DIGESTS else name
    notification = Notification(
        delivery=f"{name}.{language}", destination="analysts", address="analyst@example.com", kind="each",
        content=mail(renderer, name, language=language), subject="op-1", event=event, created_at=digests.NOW,
        language=language, unsubscribe=digests.UNSUBSCRIBE,
    )  # fmt: skip
    labels = {"status": "Failed", "priority": "Critical", "operation": "op-1", "batch": "batch-1"}
    return compose(notification if event != name else replace(notification, labels=labels), SENDER)


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_mail_looks_like_spam(renderer: Renderer, tmp_path: Path, language: str) -> None:
    mails = [sent(renderer, name, language) for name in NAMES]
    box = b"".join(SEPARATOR + raw.replace(b"\r\n", b"\n") + b"\n" for raw in mails)

    judged = subprocess.run([SPAMASSASSIN or "", "--local", "--test-mode", "--nocreate-prefs", "--mbox"], input=box,
                            capture_output=True, check=True, env=os.environ | {"HOME": str(tmp_path)})  # fmt: skip

    text = judged.stdout.decode("utf-8", "replace")
    found = re.findall(r"^X-Spam-Status: \w+, score=(-?[\d.]+) .*?tests=(.*?) autolearn", text, re.M | re.S)
    assert len(found) == len(NAMES)
    assert [pair for pair in zip(NAMES, found, strict=True) if float(pair[1][0]) > MOST] == []
