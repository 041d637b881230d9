"""Noise in the console: what got through and what was held, of destinations and rules, over a stretch of days."""

from collections import Counter

from relay.policy.noise import Noise
from relay.store import Store
from relay.store.noise import DAY, NoiseFigures
from tests.support.clock import Clock
from tests.support.console import console


async def count(store: Store, clock: Clock, **counts: int) -> None:
    """`room__told=3`: figures of a destination; `rule__every__queued`: of a rule; `source__api__repeated`."""
    noise = Noise()
    rows = Counter[tuple[str, str]]()
    for name, number in counts.items():
        *kind, whose, figure = name.split("__")
        letter = {"rule": "r", "source": "s"}.get(kind[0], "d") if kind else "d"
        rows[f"{letter}{whose}", figure.replace("held_", "held:")] = number
    noise.give_back(rows)
    await NoiseFigures(store).write(noise, clock())


async def fill(store: Store, clock: Clock) -> None:
    """Loud yesterday and quiet today; and something ten days ago."""
    now = clock.now
    clock.now = now - 10 * DAY
    await count(store, clock, room__matched=7, room__told=7)
    clock.now = now - DAY
    await count(store, clock, room__matched=500, room__told=40, room__edits=60, room__held_increment=400,
                quiet__matched=3, quiet__held_no_outcome=3, rule__every__matched=503, rule__every__queued=100,
                rule__every__held_increment=400, source__api__repeated=2)  # fmt: skip
    clock.now = now
    await count(store, clock, room__matched=2, room__told=1, room__held_quiet_hours=1)


async def test_sums_of_seven_days_the_loudest_first(store: Store, clock: Clock) -> None:
    await fill(store, clock)
    async with console(store, clock) as open_console:
        facts = await open_console.api("/noise")
        room, quiet = facts["destinations"]
        assert (room["name"], room["matched"], room["messages"], room["edits"]) == ("room", 502, 41, 60)
        assert [(row["reason"], row["count"]) for row in room["held"]] == [("increment", 400), ("quiet_hours", 1)]
        assert room["held"][0]["why"] == "it has not moved far enough since it was last told here"
        assert (quiet["name"], quiet["withheld"]) == ("quiet", 3)
        [rule] = facts["rules"]
        assert (rule["name"], rule["matched"], rule["queued"], rule["withheld"]) == ("every", 503, 100, 400)
        assert facts["repeated"] == {"api": 2}
        assert len(facts["days"]) == 7
        assert [(day["messages"], day["withheld"]) for day in facts["days"][-2:]] == [(40, 403), (1, 1)]


async def test_a_longer_and_a_shorter_stretch(store: Store, clock: Clock) -> None:
    await fill(store, clock)
    async with console(store, clock) as open_console:
        for days, messages in (("1", 1), ("30", 48)):
            facts = await open_console.api(f"/noise?days={days}")
            assert facts["destinations"][0]["messages"] == messages
            assert len(facts["days"]) == int(days)
            page = await open_console.page(f"/noise?days={days}")
            assert ("<title>" in page.partition("</head>")[2]) == (days != "1")  # one day has no chart
        async with open_console.client.get(open_console.server.make_url("/console/noise?days=8")) as response:
            assert response.status == 400


async def test_the_page_says_why_in_words_and_bars_need_no_style(store: Store, clock: Clock) -> None:
    await fill(store, clock)
    async with console(store, clock) as open_console:
        page = await open_console.page("/noise")
        assert "it came in quiet hours, and is told together with the rest at their end" in page
        assert "style=" not in page
        assert '<rect class="told"' in page


async def test_nothing_counted_is_said(store: Store, clock: Clock) -> None:
    async with console(store, clock) as open_console:
        assert "Nothing was counted in these days." in await open_console.page("/noise")
