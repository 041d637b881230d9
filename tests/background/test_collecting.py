"""What a running relay counts for people to look at stands in Redis a moment later."""

from relay.store.history import History
from relay.store.noise import Figures, NoiseDay, NoiseFigures
from relay.store.refusals import Refusals, Refused
from relay.store.repeats import RepeatFigures
from tests.support.events import body
from tests.support.redis_server import RedisServer
from tests.support.stage import Stage, now, post, running, surroundings
from tests.support.waiting import until


async def test_what_became_of_each_request_can_be_looked_up(redis_server: RedisServer) -> None:
    async with surroundings(redis_server.url) as around, running(around) as relay:
        stage = Stage(around, relay)
        for _ in range(2):
            await stage.post(body("operation.completed", 100, status="Completed") | {"tenantId": "room"})
        await post(stage.url, body(), secret="another-secret-altogether")
        await around.settled()

        async def written() -> tuple[NoiseDay, Refused] | None:
            days = await NoiseFigures(around.store).days(now(), days=2)
            day = next((day for day in days if day.repeated and day.destinations["room"].messages), None)
            refusals = await Refusals(around.store.redis).totals(now(), days=2)
            return (day, *refusals) if day and refusals else None

        day, refused = await until(written)
        (row,) = (await History(around.store).page()).rows
        (repeat,) = await RepeatFigures(around.store).of_operation(row.subject)

    assert day.destinations == {"room": Figures(matched=1, queued=1, messages=1)}
    assert (refused.source, refused.reason, refused.count) == ("async-operations", "signature_wrong", 1)
    assert (row.destination, row.outcome) == ("room", "delivered")
    assert (repeat.event, repeat.count) == ("operation.completed", 1)
