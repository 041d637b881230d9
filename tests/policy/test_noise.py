"""What destinations and rules let through, as a process counts it."""

from collections import Counter

from relay.policy.noise import Noise
from tests.support.targets import mail, team

RULES = {"team": ["all", "failures"], "analysts": ["all"]}


def test_events_are_counted_for_destinations_and_rules() -> None:
    noise, targets = Noise(), (team(), mail("a@example.com"), mail("b@example.com"))
    noise.decided(targets, (), RULES)
    noise.decided(targets, (("team", "increment"), ("analysts", "unsubscribed")), RULES)

    assert noise.take() == Counter({
        ("dteam", "matched"): 2, ("dteam", "queued"): 1, ("dteam", "held:increment"): 1,
        ("danalysts", "matched"): 2, ("danalysts", "queued"): 3, ("danalysts", "held:unsubscribed"): 1,
        ("rall", "matched"): 2, ("rall", "queued"): 4, ("rall", "held:increment"): 1, ("rall", "held:unsubscribed"): 1,
        ("rfailures", "matched"): 2, ("rfailures", "queued"): 1, ("rfailures", "held:increment"): 1,
    })  # fmt: skip
    assert noise.take() == Counter()


def test_an_event_that_nobody_hears_of_is_counted_as_such() -> None:
    noise = Noise()
    noise.decided((), (("", "no_rule"),), {})

    assert noise.take() == Counter({("d", "matched"): 1, ("d", "held:no_rule"): 1})


def test_what_arrives_is_told_from_edits() -> None:
    noise = Noise()
    for edit in (False, True, True):
        noise.sent("team", edit=edit)
    taken = noise.take()
    noise.give_back(taken)

    assert noise.take() == taken == Counter({("dteam", "told"): 1, ("dteam", "edits"): 2})
