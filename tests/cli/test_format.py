"""relay format: what a format makes of a document, without a relay, and the last bodies that a running one got."""

import json
from functools import partial
from pathlib import Path

from relay.store.bodies import Bodies
from tests.support.foreign import PING, workflow_run
from tests.support.inprocess import relay, relay_beside
from tests.support.redis_server import RedisServer
from tests.support.stage import running, surroundings

SENDERS = Path(__file__).parents[1] / "data" / "senders.yaml"
OWN = """formats:
  broken: {run: 'x[0]', status: {of: s}}
  billing: {run: batch.no, job: batch.title, status: {of: state, Running: RUN, Failed: ERR}}
"""


def tried(name: str, document: object, *options: str | Path, status: int = 0) -> str:
    result = relay("format", "try", name, "-", *options, stdin=json.dumps(document))
    assert result.exit_code == status, result.output
    return result.output


def test_a_format_shows_the_case_its_fields_and_relays_own_document(tmp_path: Path) -> None:
    (tmp_path / "relay.yaml").write_text(f"{OWN}sorces: {{}}\nchannels: x\n", "utf-8")
    options = ("-c", tmp_path / "relay.yaml")
    unknown = {"batch": {"no": 7, "title": "Invoices\u202e"}, "state": "HALF\ncase 9: forged"}
    said = tried("github-actions", workflow_run("completed", "failure"))
    (facts,) = json.loads(tried("billing", unknown, *options, "--json", status=1))

    assert said.startswith("case 1 of the format\n    run             7700000001 (workflow_run.id)\n")
    document = json.loads(said[said.index("\n{") :])
    assert document["operation"]["trackingUrl"].endswith("/7700000001/attempts/1")
    assert tried("github-actions", {"x": 1}).endswith("ignored: no case of the format is about it\n")
    assert '"operationId": "7"' in tried("billing", unknown | {"state": "RUN"}, *options)
    assert facts["refused"].endswith('no row has the word "half case 9: forged"')
    assert "\ncase 9" not in tried("billing", unknown, *options, status=1)
    assert "relay.yaml:2: formats.broken.run: x[0] has brackets" in tried("broken", {}, *options, status=2)
    assert "there is no format biling; did you mean billing?" in tried("biling", {}, *options, status=2)
    assert "it is no unambiguous JSON object" in tried("billing", 7, *options, status=1)


async def test_the_last_bodies_of_a_running_relay_are_listed_and_printed(redis_server: RedisServer, home: Path) -> None:
    (config := home / "relay.yaml").write_text(SENDERS.read_text("utf-8").replace("/nonexistent", f"{home}"), "utf-8")
    long = workflow_run() | {"x": "y" * 70_000}
    async with surroundings(redis_server.url) as around, running(around, config):
        bodies = Bodies(around.store.plain)
        for document in (PING, long):
            bodies.add("github", json.dumps(document).encode(), {}, 1_796_000_000.0)
        await bodies.flush()
        asked = partial(relay_beside, "format", "bodies", "-c", config, env=around.env)
        listed, first, cut, gone = [(await asked("github", *number)).output for number in ((), "1", "2", "3")]
        none = await asked("gitlab")

    rows = [(row.split()[0], row.split()[-1]) for row in listed.splitlines()[1:]]
    assert rows == [("2", "operation.completed"), ("1", "ignored")]
    assert json.loads(first) == PING
    assert "too long" in cut
    assert "not there any more" in gone
    assert none.output == "gitlab has no bodies.\n"
