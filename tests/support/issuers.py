"""Senders that prove themselves by public keys, with keys of this test run."""

import json
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from joserfc import jwt
from joserfc.jwk import ECKey, Key, RSAKey

from relay.errors import KeysUnavailable
from relay.receiving.oidc import GOOGLE, KEYS_OF
from relay.receiving.sns import SIGNED

AUDIENCE, ACCOUNT = "https://relay.example.com/webhooks/builds", "pubsub@shop.iam.gserviceaccount.com"
KEYS = KEYS_OF[GOOGLE]
RSA, EC = RSAKey.generate_key(2048, {"kid": "rsa"}), ECKey.generate_key("P-256", {"kid": "ec"})
STRANGER = RSAKey.generate_key(2048, {"kid": "rsa"})
SHORT = ECKey.generate_key("P-256")  # no key that SNS has
OIDC: Mapping[str, Any] = {"scheme": "oidc", "audience": AUDIENCE, "email": ACCOUNT}


def key_set(*keys: Key) -> bytes:
    return json.dumps({"keys": [key.as_dict(private=False) for key in keys]}).encode()


@dataclass
class Published:
    """What is at each address, as a `Fetch`. `asked` are the requests for it."""

    at: dict[str, bytes] = field(default_factory=lambda: {KEYS: key_set(RSA, EC)})
    asked: list[str] = field(default_factory=list)

    async def __call__(self, address: str) -> bytes:
        self.asked.append(address)
        if address not in self.at:
            raise KeysUnavailable("does not answer")
        return self.at[address]


def claims(now: float, **changes: Any) -> dict[str, Any]:
    """Return what Pub/Sub says of its account; a change to None leaves a claim out."""
    stated = {"iss": GOOGLE, "aud": AUDIENCE, "azp": "1", "sub": "1", "email": ACCOUNT, "email_verified": True,
              "iat": int(now), "exp": int(now) + 3600} | changes  # fmt: skip
    return {name: value for name, value in stated.items() if value is not None}


def token(now: float, key: Key = RSA, *, header: Mapping[str, Any] | None = None, **changes: Any) -> str:
    head = {"alg": "ES256" if isinstance(key, ECKey) else "RS256", "kid": key.kid, **(header or {})}
    return str(jwt.encode(head, claims(now, **changes), key, algorithms=[head["alg"]]))


TOPIC, CERTIFICATE = "arn:aws:sns:eu-central-1:123456789012:runs", "https://sns.eu-central-1.amazonaws.com/"
CERTIFICATE += f"SimpleNotificationService-{'7a' * 16}.pem"
CONFIRM = (
    "https://sns.eu-central-1.amazonaws.com/?Action=ConfirmSubscription"
    "&TopicArn=arn%3Aaws%3Asns%3Aeu-central-1%3A123456789012%3Aruns&Token=t%2F1"
)


def certificate(key: Key = RSA, *, now: float, days: int = 30) -> bytes:
    """Return a certificate of this key that began a day ago."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sns.amazonaws.com")])
    begins = datetime.fromtimestamp(now, UTC) - timedelta(days=1)
    draft = x509.CertificateBuilder().subject_name(name).issuer_name(name).serial_number(7)
    draft = draft.public_key(key.public_key).not_valid_before(begins).not_valid_after(begins + timedelta(days=days))
    return draft.sign(key.private_key, hashes.SHA256()).public_bytes(Encoding.PEM)


def sns(message: Any, now: float, key: Key = RSA, *, version: str = "2", **changes: Any) -> dict[str, Any]:
    """Return a message as SNS posts it; `changes` are made before it is signed."""
    moment = datetime.fromtimestamp(now, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    text = message if isinstance(message, str) else json.dumps(message)
    body = {"Type": "Notification", "MessageId": "m-1", "TopicArn": TOPIC, "Message": text, "Timestamp": moment,
            "SigningCertURL": CERTIFICATE, "SignatureVersion": version, **changes}  # fmt: skip
    names = [name for name in SIGNED[body["Type"]] if name in body]
    signed = "".join(f"{name}\n{body[name]}\n" for name in names).encode()
    hashed = hashes.SHA256() if version == "2" else hashes.SHA1()  # noqa: S303 - SNS's version 1
    return body | {"Signature": b64encode(key.private_key.sign(signed, PKCS1v15(), hashed)).decode()}


def confirming(now: float, **changes: Any) -> dict[str, Any]:
    elsewhere = "https://sns.eu-central-1.amazonaws.com.evil.example/?Action=ConfirmSubscription"
    asked = {"Type": "SubscriptionConfirmation", "Token": "t/1", "SubscribeURL": elsewhere}
    return sns("Confirm", now, **(asked | changes))


def pubsub(document: Any) -> dict[str, Any]:
    data = b64encode(json.dumps(document).encode()).decode()
    return {"message": {"data": data, "messageId": "9", "attributes": {}}, "subscription": "projects/shop/s/builds"}
