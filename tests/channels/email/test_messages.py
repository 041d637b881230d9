"""The mails themselves: which headers they have, what cannot get into them, and which addresses are any."""

import email
import email.policy
from dataclasses import replace
from datetime import UTC, datetime
from email.message import EmailMessage
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from relay.channels.email.channel import MAX_RECIPIENTS, Email
from relay.channels.email.messages import Mailbox, compose, mailbox
from relay.domain.deliveries import Notification

SENDER = Mailbox("relay@example.com", "Operations")
MAIL = Notification(
    delivery="d-01",
    destination="analysts",
    address="analyst@example.com",
    kind="each",
    content={"subject": "✕ Failed: Übersicht", "text": "It failed.\n", "html": "<p>It failed.</p>\n"},
    subject="op-gg1e8400",
    event="operation.failed",
    created_at=datetime(2024, 1, 20, 11, 40, tzinfo=UTC),
    language="de",
)
HEADERS = {
    "From": "Operations <relay@example.com>",
    "To": "analyst@example.com",
    "Subject": "✕ Failed: Übersicht",
    "Date": "Sat, 20 Jan 2024 11:40:00 +0000",
    "Message-ID": "<op.037e34af665a31d2.operation.failed.d863ea724c72@example.com>",
    "In-Reply-To": "<op.037e34af665a31d2@example.com>",
    "References": "<op.037e34af665a31d2@example.com>",
    "List-Id": "<analysts.relay.example.com>",
    "Feedback-ID": "operation.failed:analysts:relay:example.com",
    "Auto-Submitted": "auto-generated",
    "X-Auto-Response-Suppress": "DR, RN, NRN, OOF, AutoReply",
    "X-Relay-Event": "operation.failed",
    "Content-Language": "de",
    "MIME-Version": "1.0",
}
LINK = "https://relay.example.com/unsubscribe/abc.def"
ONE_CLICK = {"List-Unsubscribe": f"<{LINK}>", "List-Unsubscribe-Post": "List-Unsubscribe=One-Click"}
LABELS = {"status": "Failed", "priority": "Critical", "operation": "op-gg1e8400", "batch": "batch-1"}
LABELLED = {"X-Relay-Status": "Failed", "X-Relay-Priority": "Critical", "X-Relay-Operation": "op-gg1e8400",
            "X-Relay-Batch": "batch-1"}  # fmt: skip
BREAKS = ["\r\n", "\n", "\r", "\0", "\u2028", "\u2029", "\x85", "\v", "\f"]
INJECTIONS = [
    *(f"x{end}Bcc: evil@example.com" for end in BREAKS),
    "=?utf-8?q?x=0D=0ABcc=3A_evil=40example=2Ecom?=",
    "x\r\n\r\n<h1>body</h1>",
    "x" * 5_000,
    "\udcff lone",
    "\u202e",
]


def parsed(notification: Notification = MAIL, sender: Mailbox = SENDER, **options: Any) -> EmailMessage:
    """As a mail client reads it, which would complain of anything malformed."""
    return email.message_from_bytes(compose(notification, sender, **options), policy=email.policy.default)


def headers(mail: EmailMessage) -> dict[str, str]:
    names = mail.keys()
    assert len(set(names)) == len(names), "a header stands there twice"
    return {name: str(value) for name, value in mail.items() if name != "Content-Type"}


def body(mail: EmailMessage, kind: str) -> str:
    part = mail.get_body((kind,))
    assert isinstance(part, EmailMessage)
    content: str = part.get_content()
    return content.replace("\r\n", "\n")


class TestHeaders:
    def test_they_are_these_and_no_others(self) -> None:
        assert headers(parsed()) == HEADERS

    def test_with_an_unsubscribe_address_one_click_is_offered(self) -> None:
        mail = parsed(replace(MAIL, unsubscribe=LINK))

        assert headers(mail) == HEADERS | ONE_CLICK

    def test_filters_find_what_happened_to_what(self) -> None:
        mail = parsed(replace(MAIL, labels=LABELS), reply_to=Mailbox("team@example.com", "Data team"))

        assert headers(mail) == HEADERS | LABELLED | {
            "Importance": "high", "Reply-To": "Data team <team@example.com>",
        }  # fmt: skip

    @pytest.mark.parametrize(
        ("priority", "status", "importance"),
        [("Critical", "Failed", "high"), ("Critical", "Timeout", "high"), ("Critical", "Completed", None),
         ("High", "Failed", None), ("", "Failed", None)],
    )  # fmt: skip
    def test_a_critical_failure_is_of_high_importance(self, priority: str, status: str, importance: str | None) -> None:
        assert parsed(replace(MAIL, labels={"priority": priority, "status": status}))["Importance"] == importance

    @pytest.mark.parametrize("event", ["digest", "roundup"])
    def test_what_tells_of_many_operations_is_bulk_mail_and_never_in_a_thread(self, event: str) -> None:
        mail = headers(parsed(replace(MAIL, event=event, unsubscribe=LINK)))

        own = f"op.037e34af665a31d2.{event}.d863ea724c72"
        expected = {name: value for name, value in HEADERS.items() if name not in ("In-Reply-To", "References")}
        assert mail == expected | ONE_CLICK | {
            "Message-ID": f"<{own}@example.com>",
            "X-Entity-Ref-ID": own,
            "Feedback-ID": f"{event}:analysts:relay:example.com",
            "Precedence": "bulk",
            "X-Relay-Event": event,
        }

    def test_all_mails_of_an_operation_are_one_thread(self) -> None:
        first, second = parsed(), parsed(replace(MAIL, delivery="d-02", event="operation.completed"))

        assert first["References"] == second["References"] == first["In-Reply-To"] == second["In-Reply-To"]
        assert first["Message-ID"] != second["Message-ID"] != parsed(replace(MAIL, delivery="d-02"))["Message-ID"]
        for other in ({"subject": "op-other"}, {"space": "tenant-2"}):
            assert first["References"] != parsed(replace(MAIL, **other))["References"]

    @pytest.mark.parametrize("injection", INJECTIONS, ids=ascii)
    @pytest.mark.parametrize(
        "field", ["subject", "labels", "event", "destination", "language", "delivery", "operation"]
    )
    def test_no_value_adds_one(self, field: str, injection: str) -> None:
        changes: dict[str, Any] = {
            "subject": {"content": {**MAIL.content, "subject": injection}},
            "labels": {"labels": dict.fromkeys(LABELS, injection)},
            "operation": {"subject": injection},
        }

        mail = parsed(replace(MAIL, **changes.get(field, {field: injection})))

        assert headers(mail).keys() - LABELLED.keys() | {"Content-Language", "X-Relay-Event"} == HEADERS.keys()
        assert mail["To"] == "analyst@example.com"
        assert body(mail, "plain") == "It failed.\n"

    @settings(deadline=None)
    @given(st.text(min_size=1, max_size=300))
    @example("✕ Failed: Übersicht – der Extraktor hat 300 s lang nicht geantwortet")
    def test_a_line_with_encoded_words_has_76_characters_at_most(self, text: str) -> None:
        labels = dict.fromkeys(LABELS, text)
        raw = compose(replace(MAIL, content={**MAIL.content, "subject": text}, labels=labels), SENDER)

        lines = raw.partition(b"\r\n\r\n")[0].split(b"\r\n")
        encoded = [line for line in lines if b"=?utf-8?b?" in line]
        assert all(len(line) <= 76 for line in encoded), max(encoded, key=len)

    @pytest.mark.parametrize(
        "name", ["Operations", "Müller, Leitstand", 'The "Ops" team', "a=?utf-8?q?b?=", "Ops, Inc.", "ü" * 20, "a\\b"]
    )
    def test_the_senders_name_reads_as_it_was_written(self, name: str) -> None:
        [sender] = parsed(sender=Mailbox("relay@example.com", name))["From"].addresses

        assert (sender.display_name, sender.addr_spec) == (name, "relay@example.com")


class TestBodies:
    @given(st.text())
    @example(".\n..\n.x\n\n.")
    @example("From here\n--=_\n--\n")
    @example("=\n=20\n \n\t\nx ")
    def test_any_text_survives(self, text: str) -> None:
        mail = parsed(replace(MAIL, content={**MAIL.content, "text": text + "|"}))

        expected = text.replace("\r\n", "\n").replace("\r", "\n")
        kept = "".join(letter for letter in expected if letter in "\n\t" or not 0 <= ord(letter) < 32)
        kept = "".join(letter for letter in kept if not 0x7F <= ord(letter) <= 0x9F)
        assert body(mail, "plain") == kept + "|\n"


class TestAddresses:
    @pytest.mark.parametrize(
        ("written", "used"),
        [
            ("analyst@example.com", "analyst@example.com"),
            ("First.Last+tag@sub.Example.COM", "First.Last+tag@sub.example.com"),
            ("o'brien@example.com", "o'brien@example.com"),
            ("ops@mail.internal", "ops@mail.internal"),
            ("user@host.local", "user@host.local"),
            ("root@localhost", "root@localhost"),
            ("ops@intranet", "ops@intranet"),
            ("ops@bücher.example", "ops@xn--bcher-kva.example"),
            ("grün@example.com", "grün@example.com"),
            (" analyst@example.com ", "analyst@example.com"),
        ],
    )
    def test_an_address_is_used_in_one_spelling(self, written: str, used: str) -> None:
        assert Email.addresses(written) == [used]

    @pytest.mark.parametrize(
        "written",
        [
            "", "root", "@example.com", "analyst@", "a..b@example.com", "a@b,c@d", "a@example.com, b@example.com",
            "a b@example.com", "a@b@example.com", "a@example.com\r\nRCPT TO:<evil@example.com>", "a@example.com\0",
            "a\u2028@example.com", "<a@example.com>", "Analyst <a@example.com>", '"a@b"@example.com', "a@[127.0.0.1]",
            "a@127.0.0.1", "a@-example.com", "a@example.com.", "a@" + "x" * 300, "mailto:a@example.com",
        ],
        ids=ascii,
    )  # fmt: skip
    def test_anything_else_is_none(self, written: str) -> None:
        with pytest.raises(ValueError, match="expected") as caught:
            Email.addresses(written)

        assert len(str(caught.value)) < 600

    def test_more_recipients_are_for_a_mailing_list(self) -> None:
        several = [f"a{number}@example.com" for number in range(MAX_RECIPIENTS + 1)]

        assert len(Email.addresses(several[1:])) == MAX_RECIPIENTS
        with pytest.raises(ValueError, match="use a mailing list"):
            Email.addresses(several)

    @pytest.mark.parametrize(
        ("written", "expected"),
        [
            ("relay@example.com", Mailbox("relay@example.com")),
            ("<relay@example.com>", Mailbox("relay@example.com")),
            ("Operations <relay@example.com>", SENDER),
            ('"Operations, Europe" <relay@example.com>', Mailbox("relay@example.com", "Operations, Europe")),
            ("Leitstand Übersicht <relay@example.com>", Mailbox("relay@example.com", "Leitstand Übersicht")),
        ],
    )
    def test_the_sender_may_have_a_name(self, written: str, expected: Mailbox) -> None:
        assert mailbox(written) == expected

    @pytest.mark.parametrize(
        "written", ["", "Operations", "Operations <relay>", "a@example.com, b@example.com", "grün@example.com",
                    "x <a@example.com> <b@example.com>"]
    )  # fmt: skip
    def test_the_sender_is_one_plain_address(self, written: str) -> None:
        with pytest.raises(ValueError, match="expected"):
            mailbox(written)
