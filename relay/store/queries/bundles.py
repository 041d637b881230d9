"""Bundles (digests, round-ups, overflow lists): read for people, made and sent on demand."""

from collections.abc import Mapping

from relay.domain.deliveries import Kind, Target, Window
from relay.domain.events import Event
from relay.engine import names, records
from relay.engine.bundles import Baseline, ScheduleDigest, SendDigest, figures, zone_of
from relay.engine.draft import Draft
from relay.engine.handing import OF_BUNDLES, bundle_event
from relay.engine.recipients import milliseconds
from relay.store.queries.questions import Questions

BUNDLE_KINDS: Mapping[str, Kind] = OF_BUNDLES


class Bundles(Questions):
    async def event(self, bundle: str) -> Event:
        """Return the present contents as the event of its delivery."""
        return await self._ask(lambda d: bundle_event(d, d.get(records.Bundle, bundle) or records.Bundle(bundle)))

    async def preview(self, target: Target, window: Window) -> Event:
        """Return the digest of this window as it would be now; nothing is closed and nothing sent."""

        def preview(d: Draft) -> Event:
            bundle = d.edit(records.Bundle, _name(target, window))
            bundle.kind = "digest"
            if not bundle.end:
                bundle.start, bundle.end = milliseconds(window)
                bundle.zone = zone_of(target.how)
            past = d.get(Baseline, names.of_address(target.destination, target.address))
            if past:
                bundle.baseline = figures(past)
            return bundle_event(d, bundle)

        return await self._ask(preview)

    async def size(self, target: Target, window: Window) -> int:
        [count] = await self._reader.table_sizes([records.rows(_name(target, window))])
        return count

    async def schedule(self, target: Target, window: Window) -> bool:
        """Make this window's delivery, so that it is sent even if nothing comes in. False: there is one already."""
        return bool(await self._store.submit(ScheduleDigest(target, window)))

    async def send_now(self, target: Target, window: Window) -> bool:
        """Send what the window at hand holds so far; what comes later is sent at its end. False: it holds nothing."""
        return bool(await self._store.submit(SendDigest(target, window)))


def _name(target: Target, window: Window) -> str:
    place = target.destination, target.address
    return names.bundle(names.home_of(target), "digest", place, *milliseconds(window))
