"""Obstacles to a replayed dead letter, each in a sentence that says what ends it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from relay.config import Config
from relay.domain.deliveries import Delivery
from relay.domain.events import ACTION_REQUESTED
from relay.domain.parsing import load
from relay.engine.suppressions import EVERYWHERE
from relay.policy.presentation import OWNER
from relay.policy.reachability import scopes_at
from relay.policy.recipients import NAME as DYNAMIC
from relay.policy.silences import Silences
from relay.reasons import Held
from relay.store import Store
from relay.store.queries.admin import Admin
from relay.store.queries.bundles import BUNDLE_KINDS
from relay.store.queries.dead_letters import DeadLetter
from relay.store.queries.silences import SilenceList
from relay.store.queries.suppressions import Suppressions

REASONS: Mapping[str, str] = {Held.UNSUBSCRIBED: "its reader unsubscribed", Held.BOUNCED: "bounced"}


@dataclass(frozen=True, slots=True)
class Blocker:
    """`refuses`: sent there it would be lost, so it stays a dead letter; else it waits in the queue."""

    sentence: str
    refuses: bool = False


class Blockers:
    """For one act: what holds of a place is read once. Every failure is StoreUnavailable."""

    def __init__(self, store: Store, admin: Admin, config: Config, now: float) -> None:
        self._suppressions = Suppressions(store)
        self._silence_list = SilenceList(store)
        self._silences: Silences | None = None
        self._admin = admin
        self._config = config
        self._now = now
        self._places = dict[tuple[str | bool, ...], Blocker | None]()

    async def of(self, letter: DeadLetter) -> Blocker | None:
        """The first that would hold it, in the order in which a delivery meets them; None where it is sent at once."""
        where = letter.destination, letter.channel, letter.address
        key = (*where, letter.kind, letter.event, letter.essential, letter.posted)
        if key not in self._places:
            self._places[key] = await self._of_place(letter)
        return self._places[key] or await self._silenced(letter)

    async def _of_place(self, letter: DeadLetter) -> Blocker | None:
        if not self._is_configured(letter):
            gone = f"the configuration has no {letter.address} at {letter.destination} any more"
            present = await self._admin.present(letter.destination, letter.channel)
            letter = replace(letter, address=present)
            if not present or letter.posted:
                return Blocker(f"{gone}: restore it, or `relay dead drop` it", refuses=True)
        entry = (await self._suppressions.among(letter.destination, [letter.address])).get(letter.address)
        passes = letter.kind == "roundup" or (entry and entry.reason == Held.UNSUBSCRIBED and letter.essential)
        if entry and not passes:
            scope = "" if entry.destination == EVERYWHERE else f" -d {entry.destination}"
            why = ": ".join(filter(None, (REASONS.get(entry.reason, ""), entry.detail)))
            lift = f"`relay suppressed remove {letter.address}{scope}` first"
            return Blocker(f"{letter.address} is suppressed{f' ({why})' if why else ''}: {lift}", refuses=True)
        return await self.paused(letter.destination, letter.channel, letter.address)

    def _is_configured(self, letter: DeadLetter) -> bool:
        if letter.event == ACTION_REQUESTED or (letter.destination == DYNAMIC and self._config.dynamic_destinations):
            return True
        destination = self._config.destinations.get(letter.destination)
        return destination is not None and not {letter.address, OWNER}.isdisjoint(destination.addresses)

    async def paused(self, destination: str, channel: str, address: str) -> Blocker | None:
        """Return what holds back messages to this address: an operator's pause, or a failure."""
        by_hand, *others = scopes = scopes_at(self._config, destination, channel, address)
        paused = await self._admin.paused(scopes)
        if by_hand in paused:
            resume = f"`relay resume {destination}` ends that"
            return Blocker(f"it waits: {destination} is paused ({paused[by_hand][1]}); {resume}")
        for scope in others:
            if scope in paused:
                return Blocker(f"it waits until {scope.partition(':')[2]} works again: {paused[scope][1]}")
        return None

    async def remaining(self, destination: str) -> list[str]:
        """Return what still holds back messages at a resumed destination, by address."""
        settings = self._config.destinations.get(destination)
        addresses = dict[str, str]()
        for address in settings.addresses if settings else ():
            if settings and (blocker := await self.paused(destination, settings.channel, address)):
                addresses.setdefault(blocker.sentence, address)
        return [f"{address}: {sentence}" for sentence, address in addresses.items()]

    async def _silenced(self, letter: DeadLetter) -> Blocker | None:
        """Return the silence that would hold it; without an event of its own it is not known."""
        if not letter.body or letter.kind in BUNDLE_KINDS:
            return None
        if self._silences is None:
            self._silences = Silences(await self._silence_list.all())
        try:
            event = load(letter.body.encode())
        except (KeyError, TypeError, ValueError):  # a body that this release cannot read
            return None
        where = letter.destination, letter.channel, letter.address
        delivery = Delivery(letter.id, "", *where, "each", event, (), {}, 1, letter.died_at)
        hold = self._silences.hold(delivery, self._now, self._config.job)
        if hold is None:
            return None
        end = f"`relay silence expire {hold.silence.id}`"
        if hold.how == "dropped":
            return Blocker(f"silence {hold.silence.id} would drop it: {end} first", refuses=True)
        return Blocker(f"it waits for the end of silence {hold.silence.id}; {end} ends that now")
