"""Labels of a run: texts by name, such as its branch, as its sender states them. Kept as one text, JSON. Pure.

No document is refused for its labels: what fits no bound is left out.
"""

import json
from collections.abc import Mapping
from functools import lru_cache

from relay.domain.documents import finite, mapping

MOST = 20  # of a run
MAX_NAME, MAX_TEXT = 64, 200  # characters
BRANCH = "branch"  # runs of two branches are not of one job (relay/domain/jobs.py)


def labels_in(value: object) -> str:
    """Return the labels that a document states; '' for none."""
    if value is None:  # as in most
        return ""
    texts = {name.strip(): _text(stated) for name, stated in mapping(value).items()}
    return _dump({name: text for name, text in texts.items() if text and 0 < len(name) <= MAX_NAME})


@lru_cache(1024)  # they are the same in every event of a run
def labels_of(text: str) -> Mapping[str, str]:
    """Read what `labels_in` wrote."""
    labels: dict[str, str] = json.loads(text) if text else {}
    return labels


def merged(stated: str, remembered: str) -> str:
    """Add the labels that are remembered and not stated again."""
    ours = labels_of(stated)
    return _dump({**ours, **labels_of(remembered), **ours}) if remembered else stated


def _text(value: object) -> str:
    if isinstance(value, bool):
        return f"{value}".lower()
    text = " ".join(value.split()) if isinstance(value, str) else "" if finite(value) is None else f"{value}"
    return text if len(text) <= MAX_TEXT else ""  # a part of it would be another label's


def _dump(labels: Mapping[str, str]) -> str:
    bounded = dict([*labels.items()][:MOST])
    return json.dumps(bounded, ensure_ascii=False, sort_keys=True, separators=(",", ":")) if bounded else ""
