"""Forgeries of links to unsubscribe, without relay's key. Each is one line of a table."""

import base64
import json
from collections.abc import Callable, Mapping
from random import Random

ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

Make = Callable[[Random, Mapping[str, str]], str]


def _changed_letter(dice: Random, tokens: Mapping[str, str]) -> str:
    """One letter, the last of all too: its spare bits must not make a second spelling."""
    token = tokens["unsubscribe"]
    place = dice.choice((len(token) - 1, dice.randrange(len(token))))
    other = dice.choice(ALPHABET.replace(token[place], ""))
    return token[:place] + other + token[place + 1 :]


def _for_somebody_else(dice: Random, tokens: Mapping[str, str]) -> str:
    """Other facts under the seal of these."""
    facts = json.dumps(["english", f"reader-{dice.randrange(10**6)}@example.com", "en"]).encode()
    return base64.urlsafe_b64encode(facts).rstrip(b"=").decode() + "." + tokens["unsubscribe"].partition(".")[2]


def _junk(dice: Random, _tokens: Mapping[str, str]) -> str:
    return "".join(dice.choices(ALPHABET + ".~%", k=dice.choice((1, 8, 60, 1999, 2001)))).replace("%", "%25")


TOKENS: Mapping[str, Make] = {
    "token: a letter": _changed_letter,
    "token: somebody else": _for_somebody_else,
    "token: of a button": lambda _, tokens: tokens["button"],
    "token: for something else": lambda _, tokens: tokens["another"],
    "token: no seal": lambda _, tokens: tokens["unsubscribe"].partition(".")[0] + ".",
    "token: the seal alone": lambda _, tokens: "." + tokens["unsubscribe"].partition(".")[2],
    "token: cut": lambda dice, tokens: tokens["unsubscribe"][: -dice.randrange(1, 20)],
    "token: padded": lambda dice, tokens: tokens["unsubscribe"] + dice.choice(("=", "%3D", "A", "%20", "%00", ".")),
    "token: small letters": lambda _, tokens: tokens["unsubscribe"].lower(),
    "token: junk": _junk,
}
