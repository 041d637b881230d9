"""The scheme `sns`: Amazon SNS signs named fields of its message by a key whose certificate it publishes. Pure.

https://docs.aws.amazon.com/sns/latest/dg/sns-verify-signature-of-message.html
"""

import binascii
import re
from base64 import b64decode
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from relay.domain.documents import decode
from relay.errors import InvalidSignature, NotJson
from relay.receiving.scheme import Keys, Wanted

REGION = r"[a-z]{2}(-[a-z]{1,20}){1,3}-\d{1,2}"  # no service: sns.s3.amazonaws.com is a bucket, and anyone's
TOPIC = rf"arn:aws(-cn|-us-gov)?:sns:{REGION}:\d{{12}}:[\w-]{{1,256}}(\.fifo)?"
CERTIFICATE = r"SimpleNotificationService-[0-9a-f]{16,64}\.pem"
CONFIRMATION = "SubscriptionConfirmation"
_ASKING = ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type")
SIGNED = {  # by type, in the order in which they are signed
    "Notification": ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"),
    CONFIRMATION: _ASKING,
    "UnsubscribeConfirmation": _ASKING,
}
REPEATED = 3600.0  # seconds for which SNS repeats a message, with its first time and signature
LEAST_BITS = 2048


class SignedMessage:
    """Messages of these topics. Without any, none is genuine."""

    def __init__(self, topics: tuple[str, ...] = ()) -> None:
        self._topics = topics

    def wanted(self, signed: bytes) -> Wanted:
        """Return the certificate that the message names, which lies where its topic does."""
        return Wanted(self._message(signed)["SigningCertURL"], "", read_certificate)

    def verify(self, signed: bytes, keys: Keys, *, tolerance: float, now: float) -> None:
        from cryptography.exceptions import InvalidSignature as Wrong  # noqa: PLC0415 - an extra
        from cryptography.exceptions import UnsupportedAlgorithm  # noqa: PLC0415
        from cryptography.hazmat.primitives import hashes  # noqa: PLC0415
        from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15  # noqa: PLC0415

        message, certificate = self._message(signed), keys.get("")
        if certificate is None or not _valid(certificate, now):
            raise InvalidSignature("the certificate of the message is missing, or of another time")
        names = [name for name in SIGNED[message["Type"]] if message.get(name) is not None]
        text = "".join(f"{name}\n{message[name]}\n" for name in names)
        hashed = hashes.SHA256() if message["SignatureVersion"] == "2" else hashes.SHA1()  # noqa: S303 - SNS's version 1
        try:
            signature = b64decode(message["Signature"], validate=True)
            certificate.public_key().verify(signature, text.encode(), PKCS1v15(), hashed)
            age = now - datetime.fromisoformat(message["Timestamp"]).timestamp()
        except (Wrong, UnsupportedAlgorithm, binascii.Error, ValueError, OverflowError) as error:
            raise InvalidSignature(f"the message's signature does not hold: {type(error).__name__}") from None
        if not -tolerance <= age <= REPEATED + tolerance:
            raise InvalidSignature(f"the message is {age:.0f} s old; SNS repeats one for {REPEATED:.0f} s")

    def _message(self, body: bytes) -> dict[str, Any]:
        if not any(topic.encode() in body for topic in self._topics):  # before anything is decoded
            raise InvalidSignature("the message is of another topic")
        try:
            message = decode(body)
        except NotJson as error:
            raise InvalidSignature(f"the body is no message of SNS: {error}") from None
        names = SIGNED.get(f"{message.get('Type')}", ())
        needed = (*names, "Signature", "SigningCertURL", "SignatureVersion")
        stated = [name for name in needed if name != "Subject" or message.get(name) is not None]
        if not names or not all(isinstance(message.get(name), str) for name in stated):
            raise InvalidSignature("the body is no message of SNS")
        if message["TopicArn"] not in self._topics:
            raise InvalidSignature("the message is of another topic")
        if not re.fullmatch(re.escape(_home(message["TopicArn"])) + CERTIFICATE, message["SigningCertURL"]):
            raise InvalidSignature("the certificate lies elsewhere than at SNS, in the region of the topic")
        if message["SignatureVersion"] not in ("1", "2"):
            raise InvalidSignature("the signature is of another version")
        return message

    def confirmation(self, body: bytes) -> str:
        """Return the address that confirms a subscription, for a verified message that asks for it; else ''.

        It is made of the topic, which is configured, and never taken from the message.
        """
        try:
            message = self._message(body)
        except InvalidSignature:
            return ""
        if message["Type"] != CONFIRMATION:
            return ""
        topic, token = message["TopicArn"], message["Token"]
        return f"{_home(topic)}?{urlencode({'Action': 'ConfirmSubscription', 'TopicArn': topic, 'Token': token})}"


def _home(topic: str) -> str:
    """Return where SNS answers for a configured topic, and has its certificates."""
    _, partition, _, region, *_ = topic.split(":")
    return f"https://sns.{region}.amazonaws.com{'.cn' if partition == 'aws-cn' else ''}/"


def read_certificate(pem: bytes) -> Keys:
    """Return the certificate, under the one id that there is. ValueError if its key is none that SNS has."""
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey  # noqa: PLC0415 - an extra
    from cryptography.x509 import load_pem_x509_certificate  # noqa: PLC0415

    certificate = load_pem_x509_certificate(pem)
    key = certificate.public_key()
    if not isinstance(key, RSAPublicKey) or key.key_size < LEAST_BITS:
        raise ValueError(f"has no RSA key of {LEAST_BITS} bits or more")
    return {"": certificate}


def _valid(certificate: Any, now: float) -> bool:
    begins, ends = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    return bool(begins.timestamp() <= now <= ends.timestamp())
