"""The whole error vocabulary. Each error says who can do something about it."""

import traceback
from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass
from errno import EADDRINUSE
from pathlib import Path
from typing import Literal

Pause = Literal["", "limit", "destination", "channel"]  # "limit": the rate limit that the attempt ran under
Bounce = Literal["", "hard", "soft"]


class RelayError(Exception):
    """Anything relay raises on purpose."""


@dataclass
class Problem:
    """One fault of the configuration: where it is and what was expected there."""

    path: str
    message: str
    line: int | None = None


class ConfigError(RelayError):
    """The configuration cannot be used; `problems` lists every fault found, not only the first."""

    def __init__(self, problems: list[Problem], file: str = "") -> None:
        self.problems = problems
        self.file = file
        super().__init__("\n".join(self._describe(problem) for problem in problems))

    def _describe(self, problem: Problem) -> str:
        location = ":".join(str(part) for part in (self.file, problem.line) if part)
        return ": ".join(part for part in (location, problem.path, problem.message) if part)


# Where each listener gets its port from: the key of the configuration, and the variable that decides over it.
PORTS = {"server": ("server.port", "RELAY_PORT"), "server.admin": ("server.admin.port", "RELAY_ADMIN_PORT")}


class CannotListen(RelayError):
    """An address of relay's own is not to be had: it is taken, or none of this machine."""

    def __init__(self, section: str, host: str, port: int, error: OSError) -> None:
        in_use = f"it is taken; stop what listens there, or choose another port ({', '.join(PORTS[section])})"
        reason = in_use if error.errno == EADDRINUSE else error.strerror or error
        super().__init__(f"relay cannot serve on {host}:{port}: {reason}")


class NotJson(RelayError):
    """The body is not a JSON object that can be read in one way only; the sender has to change it (400)."""


class InvalidEvent(RelayError):
    """JSON, but no event of an operation or batch (422): `field` is at fault, `kind` is what it is counted as."""

    kind = "invalid"

    def __init__(self, field: str, message: str) -> None:
        self.field = field
        self.message = message
        super().__init__(f"{field}: {message}")


class AmbiguousId(InvalidEvent):
    """An id of several tenants, projects or platforms (422); `spaces` are theirs, as options of a command."""

    def __init__(self, id_: str, spaces: Sequence[object]) -> None:
        self.id = id_
        self.spaces = spaces
        message = f"at least {len(spaces)} operations or batches have the id {id_}; expected tenantId and projectId"
        super().__init__("operation", message)


class Ignored(InvalidEvent):
    """A genuine document of a foreign sender that is not about a run (202)."""

    kind = "ignored"

    def __init__(self, reason: str) -> None:
        super().__init__("ignored", reason)


class NotPermitted(InvalidEvent):
    """An event, but not one that its source may say (422)."""

    kind = "reach"


class NotYetKnown(NotPermitted):
    """An operation, or a run of it, that no source has reported which may begin one (422). One may any moment."""

    kind = "early"


class OutOfTime(InvalidEvent):
    """An event, but its time is too long ago, or still to come (422)."""

    kind = "time"


class HandlingFailed(RelayError):
    """relay itself failed on this event: quarantined (422). Has class, file and line, never the error's text."""

    def __init__(self, kind: str, where: str) -> None:
        self.kind = kind
        self.where = where
        super().__init__(f"{kind} at {where}")


class InvalidSignature(RelayError):
    """The signature is missing, wrong or too old. The message is for our log, never for the sender (401)."""


class KeysUnavailable(RelayError):
    """A sender's public key cannot be fetched, so nobody can say whether it signed (503)."""


class StoreUnavailable(RelayError):
    """Redis did not confirm in time. Whether it acted is unknown, so every caller may repeat the call (503)."""


class WrongType(StoreUnavailable):
    """Another program's value is where relay keeps something: nothing was written (503)."""

    def __init__(self, found: str, expected: str, key: str) -> None:
        super().__init__(
            f"Redis: {key} is a {found}, expected a {expected}: another program wrote it, or it was restored wrongly. "
            "Rename that key in Redis (RENAME) or delete it, and give other programs a database of their own"
        )


class NotYetDone(StoreUnavailable):
    """An act is taken, and will be done; its outcome is not known yet."""


class NoRoom(StoreUnavailable):
    """Redis is well, and yet this one event cannot be taken now: its sender keeps it (503)."""


class Unreadable(NoRoom):
    """A value in Redis that is damaged, or that a newer release wrote (503)."""

    def __init__(self, key: str, why: str) -> None:
        super().__init__(f"the value of {key} in Redis cannot be read: {why}")


class EmbeddedRedisError(RelayError):
    """The private Redis could not be started or kept running; the message says what to do."""


class TemplateError(RelayError):
    """A template could not be rendered; names file and line."""


@dataclass(eq=False, repr=False)
class PlatformError(RelayError):
    """A call of the platform's API, or of a sender's, failed; the message names the call and never the token."""

    message: str
    _: KW_ONLY
    status: int = 0  # of the answer, 200 too where nothing can be made of it; 0 if there was none
    temporary: bool = False  # the same call may succeed later
    unsent: bool = False  # it never left, so repeating it is safe whatever it does
    retry_after: float | None = None  # seconds, if the platform says so

    def __str__(self) -> str:
        return self.message


@dataclass(eq=False, repr=False)
class DeliveryError(RelayError):
    """One attempt failed. The fields are the whole decision of what happens next."""

    message: str
    _: KW_ONLY
    permanent: bool = False  # trying again cannot help: it becomes a dead letter with this message
    retry_after: float | None = None  # seconds before which the other side must not be called again
    outcome_unknown: bool = False  # it may have arrived: its channel is asked before it is repeated, if it can answer
    pause: Pause = ""  # what else would fail now, and so waits too, without losing an attempt (relay.policy.retry)
    unsent: bool = False  # surely nothing was sent, so one such failure is enough to pause the channel
    refused: bool = False  # relay's credentials, or relay itself, were refused: an operator has to act
    bounce: Bounce = ""  # of a permanent one: "hard", there is no such address; "soft", it does not take this

    def __str__(self) -> str:
        return self.message


class CannotFind(DeliveryError):
    """The channel cannot look for a message whose answer was lost: it is sent again."""


class handling:  # noqa: N801 - a context manager
    """Raise unexpected errors of pure steps as HandlingFailed, for a retry cannot help; relay's own errors pass."""

    def __enter__(self) -> None: ...

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if isinstance(error, Exception) and not isinstance(error, RelayError):
            raise HandlingFailed(type(error).__name__, relay_line(error)) from error


def relay_line(error: BaseException) -> str:
    """Return the last line of relay's code that the error came through, for instance `relay/engine/order.py:40`."""
    frames, here = traceback.extract_tb(error.__traceback__), Path(__file__).parent
    inside = [frame for frame in frames if Path(frame.filename).is_relative_to(here)]
    if inside:
        return f"{Path(inside[-1].filename).relative_to(here.parent)}:{inside[-1].lineno}"
    return f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else "an unknown place"
