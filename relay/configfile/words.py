"""Names that were probably meant: by words of other programs, by how a name begins, and by its letters. Pure."""

from collections.abc import Iterable, Mapping
from difflib import get_close_matches

PREFIX = 3  # letters from which on the beginning of a name means it
# Words of other programs, and what relay calls it: of several, the one that may stand there.
FOREIGN: Mapping[str, str] = {
    "match": "where", "matchers": "where", "severity": "priorities priority", "receiver": "notify",
    "receivers": "notify destinations", "to": "notify email", "teams": "destinations apprise", "route": "rules",
    "routes": "rules", "cron": "ping", "github": "github-actions", "airflow": "openlineage", "run": "serve",
    "start": "serve", "failed": "operation.failed", "success": "operation.completed",
}  # fmt: skip


def suggest(wrong: str, names: Iterable[str], otherwise: str = "") -> str:
    """The way to go on after an unknown name: the one that was probably meant, else `otherwise`, else all there are."""
    names = sorted(names)
    if near := nearest(wrong, names):
        return f"did you mean {near}?"
    return otherwise or (f"expected {' or '.join(names)}" if names else "there are none")


def nearest(wrong: str, names: Iterable[str]) -> str:
    """The name that was probably meant; empty if none is near."""
    folded, lowered = {name.casefold(): name for name in sorted(names)}, wrong.casefold()
    foreign = [name for name in FOREIGN.get(lowered, "").split() if name in folded]
    longer = [name for name in folded if len(lowered) >= PREFIX and name.startswith(lowered)]
    near = foreign or sorted(longer, key=len) or get_close_matches(lowered, folded, n=1)
    return folded[near[0]] if near else ""
