"""Names of operations, lanes, deliveries and bundles. Ids from outside never become part of a key: they are hashed.

A name begins with two hex digits, its home: an operation's are those of its id, a lane's and its deliveries' those of
the address.
"""

from base64 import b64encode
from functools import lru_cache
from hashlib import blake2b, sha1

from relay.domain.deliveries import Target

REMEMBERED = 2048  # names that a process makes once: all events of a run ask for the same
HOME = 2  # hex digits
DIGEST = 11  # characters of 8 bytes in base64, by which an operation remembers a fact or a sender's id


def digest(*parts: str) -> bytes:
    """Return a digest of 16 bytes of these texts, in this order."""
    pieces = [len(text := part.encode("utf-8", "surrogatepass")).to_bytes(4, "big") + text for part in parts]
    return blake2b(b"".join(pieces), digest_size=16).digest()


def short_digest(*parts: str) -> str:
    return b64encode(digest(*parts)[:8])[:DIGEST].decode()


@lru_cache(maxsize=REMEMBERED)  # there are few addresses, and each is in many events
def home(channel: str, address: str) -> str:
    """The home of what is sent to this address; of a channel whose addresses share limits, `address` is empty."""
    return digest("home", channel, address.encode("utf-8", "replace").lower().decode()).hex()[:HOME]


def home_of(target: Target) -> str:
    requested = target.limits.requested  # what is counted together lives together
    return home(target.channel, "" if target.limits.together else requested.reader if requested else target.address)


def at_home(where: str, name: str) -> str:
    return where[:HOME] + name[HOME:]


@lru_cache(maxsize=REMEMBERED)
def operation(subject: str, space: str = "") -> str:
    """The name of an operation or a batch; `space` for all but the first with this id."""
    first = digest("operation", subject).hex()
    return at_home(first, digest("operation", subject, space).hex()) if space else first


@lru_cache(maxsize=REMEMBERED)
def lane(where: str, subject: str, destination: str, address: str, space: str = "") -> str:
    """The name of the messages of one operation at one address."""
    return at_home(where, digest("lane", subject, destination, address, *filter(None, [space])).hex())


def bundle(where: str, kind: str, place: tuple[str, str], start: int, end: int) -> str:
    """The name of a bundle and of its delivery. `where`: lane or home of the address; `place`: destination, address."""
    parts = (kind, *place, str(start), str(end))
    name = sha1("\0".join(parts).encode("utf-8", "replace"), usedforsecurity=False).hexdigest()
    return at_home(where, name)


def of_address(destination: str, address: str) -> str:
    """Return the name of a record about an address of a destination."""
    return sha1(f"{destination}\0{address}".encode("utf-8", "replace"), usedforsecurity=False).hexdigest()
