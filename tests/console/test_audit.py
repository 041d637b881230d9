"""The audit trail in the console, and how its pages are read."""

from relay.store import Store
from relay.store.audit import LOOKED, READ, Act, AuditTrail
from tests.support.console import Open


async def test_acts_are_listed_with_what_came_of_them(page: Open, store: Store) -> None:
    trail = AuditTrail(store.plain)
    async with trail.act(Act("jana@host", "dead replay", "0123", {"destination": "<i>room</i>"})) as act:
        act.outcome = "1 of 1"
    await trail.note(Act("bob", "test-send", "ops"))  # cut off
    acts = (await page.api("/audit"))["rows"]
    assert {(row["actor"], row["action"], row["outcome"]) for row in acts} == {
        ("bob", "test-send", ""),
        ("jana@host", "dead replay", "1 of 1"),
    }
    html = await page.page("/audit")
    assert "destination &lt;i&gt;room&lt;/i&gt;" in html
    assert "it may have been done" in html
    filtered = await page.api("/audit?actor=JANA&action=dead")
    assert [row["actor"] for row in filtered["rows"]] == ["jana@host"]
    assert (await page.api("/audit?action=reload"))["rows"] == []
    assert (await page.api("/audit?actor=bob&action=dead"))["rows"] == []


async def test_pages_follow_each_other(store: Store) -> None:
    trail = AuditTrail(store.plain)
    for number in range(7):
        async with trail.act(Act("ana", f"dead {number}")):
            await trail.note(Act("x", f"press {number}", outcome="refused"))

    listed, cursor = list[str](), ""
    while True:
        page = await trail.page(lambda _: True, cursor=cursor, limit=3)
        listed += [f"{row.action} {row.outcome}" for row in page.rows]
        if not (cursor := page.cursor):
            break

    assert sorted(listed) == sorted(f"{what} {n} {how}" for n in range(7) for what, how in
                                    (("dead", "done"), ("press", "refused")))  # fmt: skip
    assert len(listed) == 14


async def test_a_page_reads_few_rows_however_many_there_are(store: Store) -> None:
    trail = AuditTrail(store.plain)
    await trail.note(Act("old", "dead drop", outcome="1 of 1"))
    async with store.redis.pipeline(transaction=False) as pipeline:
        for _ in range(LOOKED + READ):
            pipeline.xadd("{relay}:audit", {"r": '{"actor": "x", "action": "press"}'})
        await pipeline.execute()

    first = await trail.page(lambda act: act.actor == "old")
    second = await trail.page(lambda act: act.actor == "old", cursor=first.cursor)

    assert (first.rows, bool(first.looked_to)) == ([], True)
    assert [row.action for row in second.rows] == ["dead drop"]
    assert (second.cursor, second.looked_to) == ("", None)
