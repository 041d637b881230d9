"""Senders with public keys: tokens of an issuer that the campaign is, and forged messages of Amazon SNS.

No certificate of SNS can be had here, so each of its messages must be refused before relay asks for one.
"""

import json
import time
from random import Random
from typing import Any

from tests.support.issuers import (
    ACCOUNT,
    AUDIENCE,
    CERTIFICATE,
    EC,
    RSA,
    STRANGER,
    TOPIC,
    confirming,
    key_set,
    sns,
    token,
)

ISSUED, SNS = "issued", "sns"  # the sources
PUBLISHED = key_set(RSA, EC)


def bearer(*, forged: bool = False) -> dict[str, str]:
    return {"Authorization": f"Bearer {token(time.time(), STRANGER if forged else RSA)}"}


def sources(keys: str) -> dict[str, Any]:
    """Return the sources as the configuration has them. `keys`: where the issuer's are."""
    issued = {"scheme": "oidc", "audience": AUDIENCE, "email": ACCOUNT, "keys": keys}
    aws = {"format": "aws-eventbridge", "signature": {"scheme": "sns", "topics": TOPIC}}
    return {ISSUED: {"event": "operation.progress", "signature": issued}, SNS: aws}


def forged_message(dice: Random, platform: str) -> bytes:
    """Return a message of SNS that anyone can make: signed by another's key, of another topic or certificate."""
    elsewhere = [
        f"{platform}/cert.pem", "https://sns.eu-central-1.amazonaws.com.example.com/a.pem", CERTIFICATE[:-4],
        CERTIFICATE.replace("https", "http"), CERTIFICATE.replace("sns.", "s3."), f"file://{CERTIFICATE[8:]}", "", None,
    ]  # fmt: skip
    changes: dict[str, Any] = dice.choice((
        {"TopicArn": dice.choice((TOPIC + "x", TOPIC.upper(), "", None, [TOPIC]))},
        {"SigningCertURL": dice.choice(elsewhere)}, {"SignatureVersion": dice.choice(("3", "", None, 1))},
    ))  # fmt: skip
    make = dice.choice((confirming, lambda now, **more: sns({"source": "aws.states"}, now, STRANGER, **more)))
    message = json.dumps(make(time.time(), **changes)).encode()
    return message if dice.random() < 0.9 else message[: dice.randrange(len(message))]
