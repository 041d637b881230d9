"""Times, spans, sizes and addresses as the API writes them. Pure."""

import hmac
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import quote

UNITS = ("B", "KB", "MB", "GB")


def iso(at: float) -> str:
    """Epoch seconds as `2024-01-20T11:15:00Z`; what is left of a second is left out."""
    moment = datetime.fromtimestamp(at, UTC)
    return moment.isoformat(timespec="seconds").replace("+00:00", "Z")


def span(seconds: float) -> str:
    """`45 minutes`, `23 minutes 15 seconds`, `2 hours 5 minutes`."""
    whole = max(0, round(seconds))
    hours, minutes, rest = whole // 3600, whole // 60 % 60, whole % 60
    parts = [(hours, "hour"), (minutes, "minute"), (0 if hours else rest, "second")]
    words = [f"{number} {unit}{'' if number == 1 else 's'}" for number, unit in parts if number]
    return " ".join(words) or "0 seconds"


def estimate(seconds: float) -> str:
    """An approximate span: `45-60 minutes`, `40-53 seconds`."""
    unit, size = ("minutes", 60) if seconds >= 120 else ("seconds", 1)
    low, high = max(0, round(seconds / size)), max(0, round(seconds * 4 / 3 / size))
    return f"{low}-{high} {unit}" if high > low else span(low * size)


def size(count: float) -> str:
    """A number of bytes as `3.2 MB`."""
    step = 0
    while count >= 1000 and step < len(UNITS) - 1:
        count, step = count / 1000, step + 1
    return f"{count:.0f} {UNITS[step]}" if not step else f"{count:.1f} {UNITS[step]}"


def money(amount: float) -> str:
    return f"${amount:.2f}"


@dataclass
class Links:
    """Addresses that carry their own permission: who follows one from a message has no token.

    base_url   where the outside reaches the sandbox, without a slash at the end; known once it listens
    """

    base_url: str
    key: bytes

    def download(self, operation: str, filename: str) -> str:
        return f"{self.base_url}/downloads/{self.proof(operation, filename)}/{operation}/{quote(filename)}"

    def proof(self, operation: str, filename: str) -> str:
        return hmac.new(self.key, f"{operation}/{filename}".encode(), "sha256").hexdigest()[:32]
