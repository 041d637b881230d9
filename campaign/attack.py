"""One attack of the fuzzer by its number: the same for the same seed, so that any of them can be looked at again."""

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from campaign.mutations import SPOILS, TEARS
from campaign.requests import Request

PIECES = 8  # of a request that comes slowly
PEERS = 60  # addresses of loopback that play strangers, so that no limit of one hides the others


@dataclass(frozen=True)
class Attack:
    """`answers` is how many there may be at least, before nothing more is waited for."""

    kinds: tuple[str, ...]
    pieces: tuple[bytes, ...]
    answers: int
    ending: bool  # we say when nothing more comes; else relay has to give up by itself
    peer: str


def attack(seed: int, number: int, good: Sequence[Request]) -> Attack:
    dice = Random(f"{seed} {number}")
    request, kinds = dice.choice(good), []
    for _ in range(dice.choice((0, 1, 1, 1, 2, 3))):
        kinds.append(dice.choice((*SPOILS,)))
        request = SPOILS[kinds[-1]](dice, request)
    raw, answers = request.raw(), 1
    if not kinds or dice.random() < 0.3:
        kinds.append(dice.choice((*TEARS,)))
        raw = TEARS[kinds[-1]](dice, raw)
    if dice.random() < 0.1:
        kinds.append("pipelined")
        answers = dice.randrange(2, 12)
        more = [dice.choice(good).raw() for _ in range(answers - 1)]
        raw = b"".join((raw, *more) if dice.random() < 0.5 else (*more, raw))
    pieces: tuple[bytes, ...] = (raw,)
    if dice.random() < 0.05:
        kinds.append("in pieces")
        places = sorted(dice.randrange(len(raw) + 1) for _ in range(PIECES - 1))
        pieces = tuple(raw[start:end] for start, end in zip((0, *places), (*places, len(raw)), strict=True))
    patient = dice.random() < 0.002
    return Attack(tuple(kinds), pieces, answers, not patient, f"127.0.0.{2 + dice.randrange(PEERS)}")
