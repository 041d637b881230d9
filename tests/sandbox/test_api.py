"""The sandbox answers the whole documented API, with every documented field."""

from tests.sandbox.documented import shape
from tests.support.events import SEED, seed
from tests.support.sandbox import Stage

MINUTE = 60.0


async def test_every_documented_answer_has_every_documented_field(sandbox: Stage) -> None:
    enriched = await sandbox.start(operationType="DataEnrichment")
    await sandbox.advance(20 * MINUTE)
    started = await sandbox.ask("POST", "/operation", sandbox.example("start-operation"), status=202)
    failing = await sandbox.start(parameters={"sandbox": {"scenario": "failure"}})
    await sandbox.advance(25 * MINUTE)
    running, failed = f"/operation/{started['operationId']}", f"/operation/{failing['operationId']}"
    answers = {
        "start-operation": started,
        "operation-status": await sandbox.ask("GET", running, status=200),
        "list-operations": await sandbox.ask("GET", "/operations", params={"operationType": "ProcessMiningAnalysis"}),
        "register-webhook": await sandbox.ask("POST", "/webhooks", sandbox.example("register-webhook"), status=201),
        "submit-batch": await sandbox.ask("POST", "/batch", sandbox.example("submit-batch"), status=202),
        "cancel-operation": await sandbox.ask("DELETE", running, sandbox.example("cancel-operation"), status=200),
    }
    await sandbox.advance(15 * MINUTE)
    answers["retry-operation"] = await sandbox.ask(
        "POST", f"{failed}/retry", sandbox.example("retry-operation"), status=202
    )
    await sandbox.advance(60 * MINUTE)
    again = f"/operation/{answers['retry-operation']['newOperationId']}"
    answers["operation-results"] = await sandbox.ask("GET", f"{again}/results", status=200)
    ended = await sandbox.ask("GET", "/operations", params={"operationType": "DataEnrichment"}, status=200)
    answers["list-operations"]["operations"][1:] = [
        row for row in ended["operations"] if row["operationId"] == enriched["operationId"]
    ]

    assert answers.keys() == {file.name.removesuffix(".response.json") for file in SEED.glob("*.response.json")}
    assert [fault for name, answer in answers.items() for fault in shape(seed(f"{name}.response"), answer, name)] == []


async def test_every_artifact_can_be_downloaded_and_is_as_large_as_it_says(sandbox: Stage) -> None:
    started = await sandbox.start()
    await sandbox.advance(46 * MINUTE)
    results = await sandbox.ask("GET", f"/operation/{started['operationId']}/results", status=200)
    magic = {"PDF": b"%PDF-", "SVG": b"<svg", "CSV": b"case,severity,score", "ZIP": b"PK"}
    for artifact in results["artifacts"]:
        async with sandbox.session.get(artifact["downloadUrl"]) as answer:
            content = await answer.read()
            assert answer.status == 200
            assert "attachment" in answer.headers["Content-Disposition"]
        assert content.startswith(magic[artifact["format"]])
        assert artifact["size"].startswith(f"{len(content)}" if len(content) < 1000 else f"{len(content) / 1000:.1f}")
    forged = results["artifacts"][0]["downloadUrl"].replace("report.pdf", "models.zip")
    async with sandbox.session.get(forged) as answer:
        assert answer.status == 404


async def test_the_list_filters_counts_and_turns_pages(sandbox: Stage) -> None:
    for number in range(5):
        await sandbox.start(operationName=f"Run {number}", priority="High" if number % 2 else "Low")
        await sandbox.advance(10 * MINUTE)
    await sandbox.start(operationType="DataEnrichment")
    page = await sandbox.ask("GET", "/operations", params={"pageSize": "4"}, status=200)
    assert (page["page"], page["pageSize"], page["hasNextPage"]) == (1, 4, True)
    assert page["summary"] == {"totalOperations": 6, "running": 5, "completed": 1, "failed": 0, "cancelled": 0}
    documented = seed("list-operations.response")
    assert shape(documented["summary"], page["summary"]) == []
    assert shape(documented["operations"][0], page["operations"][2]) == []
    rest = await sandbox.ask("GET", "/operations", params={"pageSize": "4", "page": "2"}, status=200)
    assert [row["operationName"] for row in rest["operations"]] == ["Run 1", "Run 0"]
    assert not rest["hasNextPage"]
    assert shape(documented["operations"][1], rest["operations"][1]) == []
    high = await sandbox.ask("GET", "/operations", params={"priority": "High", "status": "Running"}, status=200)
    assert [row["operationName"] for row in high["operations"]] == ["Run 3", "Run 1"]
    kind = await sandbox.ask("GET", "/operations", params={"operationType": "DataEnrichment"}, status=200)
    assert len(kind["operations"]) == 1
    since = {"dateFrom": "2024-01-20T11:35:00Z", "dateTo": "2024-01-20T11:55:00", "includeDetails": "true"}
    some = await sandbox.ask("GET", "/operations", params=since, status=200)
    assert [row["operationName"] for row in some["operations"]] == ["Run 3", "Run 2"]
    assert shape(seed("operation-status.response")["execution"], some["operations"][0]["execution"]) == []
