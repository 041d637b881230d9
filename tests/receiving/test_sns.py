"""Messages of Amazon SNS: signed fields of configured topics, by a certificate that lies at SNS."""

import json
from random import Random
from typing import Any

import pytest

from relay.errors import InvalidSignature
from relay.receiving.scheme import SignedRequest
from relay.receiving.signature_settings import Signature
from relay.receiving.signatures import verify, wanted_key
from relay.receiving.sns import SIGNED, SignedMessage, read_certificate
from tests.support.issuers import CERTIFICATE, CONFIRM, SHORT, STRANGER, TOPIC, certificate, confirming, sns

NOW = 1_795_000_000.0
SIGNATURE = Signature.model_validate({"scheme": "sns", "topics": TOPIC})
PEM = certificate(now=NOW)
EVIL = "https://sns.eu-central-1.amazonaws.com"


def accepted(message: Any, *, now: float = NOW, pem: bytes = PEM) -> bool:
    """Whether this body is taken, by a certificate that lies where it says. Raises nothing else."""
    request = SignedRequest(message if isinstance(message, bytes) else json.dumps(message).encode(), {})
    try:
        wanted = wanted_key(SIGNATURE.rules, request, None)
        verify(SIGNATURE.rules, request, {}, header=None, tolerance=300, now=now, keys=read_certificate(pem))
    except InvalidSignature:
        return False
    return wanted is not None


def test_messages_of_the_topic_are_taken_by_both_versions_for_as_long_as_sns_repeats_them() -> None:
    assert accepted(sns({"a": "ü\n"}, NOW))
    assert accepted(sns("text", NOW, version="1", Subject="with a subject"))
    assert accepted(confirming(NOW))
    assert accepted(sns("late", NOW - 3800))
    assert not accepted(sns("too late", NOW - 4000))
    assert not accepted(sns("ahead", NOW + 400))
    assert not accepted(sns("x", NOW), pem=certificate(now=NOW, days=0))
    with pytest.raises(ValueError, match="no RSA key"):
        read_certificate(certificate(SHORT, now=NOW))


@pytest.mark.parametrize("changes", [
    {"TopicArn": TOPIC + "2"}, {"TopicArn": [TOPIC]}, {"SignatureVersion": "3"}, {"SignatureVersion": 2},
    {"Subject": 7}, {"Message": {"a": 1}}, {"Timestamp": "yesterday"}, {"MessageId": None},
    *({"SigningCertURL": address} for address in (
        CERTIFICATE.replace("https", "http"), f"{EVIL}.evil.example/SimpleNotificationService-{'7a' * 16}.pem",
        f"https://evil.example/{EVIL}/SimpleNotificationService-{'7a' * 16}.pem", CERTIFICATE + "?", CERTIFICATE + "\n",
        f"https://x@sns.eu-central-1.amazonaws.com/SimpleNotificationService-{'7a' * 16}.pem",
        CERTIFICATE.replace("amazonaws", "amazon-aws"), CERTIFICATE.replace(".com/", ".com:8443/"),
        CERTIFICATE.replace("/Simple", "/../Simple"), CERTIFICATE.replace("sns.", "s3."), "", None, 7,
        CERTIFICATE.replace("eu-central-1", "s3"), CERTIFICATE.replace("eu-", "us-"),
        CERTIFICATE.replace(".com/", ".com.cn/"),
    )),
], ids=str)  # fmt: skip
def test_a_signed_message_that_says_anything_else_is_refused(changes: dict[str, Any]) -> None:
    assert not accepted(sns("x", NOW, **changes))


def test_an_address_confirms_a_topic_that_is_configured_and_is_made_of_it() -> None:
    there = CERTIFICATE.replace("eu-central-1", "cn-north-1").replace(".com", ".com.cn")
    china = {"TopicArn": "arn:aws-cn:sns:cn-north-1:123456789012:runs", "SigningCertURL": there}
    topics = SignedMessage((TOPIC, china["TopicArn"]))
    asked = [confirming(NOW), confirming(NOW, **china), sns("x", NOW), confirming(NOW, TopicArn=f"{TOPIC}x"),
             confirming(NOW, Token=7), [TOPIC]]  # fmt: skip
    confirmed = [topics.confirmation(json.dumps(message).encode()) for message in asked]

    assert confirmed[0] == CONFIRM
    assert confirmed[1].startswith("https://sns.cn-north-1.amazonaws.com.cn/?Action=ConfirmSubscription&")
    assert confirmed[2:] == ["", "", "", ""]


def test_forged_messages_are_refused() -> None:
    dice, genuine, asking = Random(13), sns({"a": 1}, NOW, Subject="s"), confirming(NOW)
    stranger = [sns({"a": number}, NOW, STRANGER, version=dice.choice("12")) for number in range(50)]
    values = ["", None, 7, True, [], {}, "\ud800", "x" * 300, genuine["Message"], asking["Signature"], TOPIC, "1", "2"]

    def changed() -> Any:
        message = dict(dice.choice((genuine, asking)))
        for _ in range(dice.randrange(1, 4)):
            name = dice.choice((*message, "Subject", "Extra"))
            if dice.random() < 0.3:
                message.pop(name, None)
            elif dice.random() < 0.5 and isinstance(text := message.get(name), str) and text:
                place = dice.randrange(len(text))
                message[name] = text[:place] + dice.choice("\nAz0=/ ü") + text[place + 1 :]
            else:
                message[name] = dice.choice(values)
        return message

    def spoiled() -> bytes:
        raw = bytearray(json.dumps(genuine).encode())
        raw[dice.randrange(len(raw))] = dice.randrange(256)
        return bytes(raw)

    forged = [dice.choice((changed, changed, spoiled, lambda: dice.choice(stranger)))() for _ in range(2_500)]
    forged = [made for made in forged if not same(made, (genuine, asking))]

    assert len(forged) >= 2_000
    assert [made for made in forged if accepted(made)] == []
    assert accepted(genuine)


def same(made: Any, messages: tuple[dict[str, Any], ...]) -> bool:
    """Whether all that is signed is the same; nothing else of a message is told."""
    try:
        read = json.loads(made) if isinstance(made, bytes) else made
    except ValueError:
        return False
    return any(
        [read.get(name) for name in SIGNED[message["Type"]]] == [message.get(name) for name in SIGNED[message["Type"]]]
        and f"{read.get('Signature')}"[:-3] == message["Signature"][:-3]  # whose last letter has bits that mean nothing
        for message in messages
    )
