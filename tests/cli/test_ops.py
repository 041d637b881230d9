"""relay ops against the sandbox: every command, for people and as JSON, on a terminal of 80 columns."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from tests.support.inprocess import relay_beside
from tests.support.sandbox import TOKEN, Stage

MINUTE = 60.0
NAME = "Monthly report of the north"


async def ops(sandbox: Stage, *arguments: object, **changes: str) -> Result:
    place = {"PLATFORM_URL": sandbox.url, "PLATFORM_TENANT": "tenant-1", "PLATFORM_PROJECT": "project-1",
             "PLATFORM_TOKEN": TOKEN, "COLUMNS": "80"}  # fmt: skip
    return await relay_beside("ops", *arguments, env=place | changes)


async def said(sandbox: Stage, *arguments: object) -> str:
    done = await ops(sandbox, *arguments)
    assert done.exit_code == 0, done.output
    wide = [line for line in done.output.splitlines() if len(line) > 80 and "http" not in line]
    assert {"--json", "get", "start"} & {*arguments} or wide == []
    return done.output


async def facts(sandbox: Stage, *arguments: object) -> Any:
    return json.loads(await said(sandbox, *arguments, "--json"))


async def failed(sandbox: Stage) -> str:
    play = {"scenario": "failure", "code": "NO_DATA", "message": "The extractor gave no data"}
    started = await sandbox.start(operationName=NAME, operationType="ReportGeneration", parameters={"sandbox": play})
    await sandbox.advance(20 * MINUTE)
    return str(started["operationId"])


async def test_start_says_the_id_and_takes_what_is_named_before_what_is_in_the_file(
    sandbox: Stage, tmp_path: Path
) -> None:
    file = tmp_path / "operation.json"
    file.write_text(json.dumps({"operationType": "DataEnrichment", "operationName": "Sales", "timeout": 60}))

    id_, status = (await said(sandbox, "start", file, "--name", NAME)).split()

    found = await sandbox.get(id_)
    assert (status, found["operationName"], found["operationType"]) == ("Initiated", NAME, "DataEnrichment")
    assert (await facts(sandbox, "start", "--type", "A", "--name", "B"))["webhooksRegistered"] == 0


async def test_get_tells_what_matters_now(sandbox: Stage) -> None:
    id_ = (await sandbox.start(operationName=NAME, priority="High"))["operationId"]
    await sandbox.advance(30 * MINUTE)

    told = [line.split(maxsplit=1) for line in (await said(sandbox, "get", id_)).splitlines()]

    for fact in (["operationId", id_], ["operationName", NAME], ["status", "Running"], ["percentage", "66.0"],
                 ["currentPhase", "Machine Learning Analysis"]):  # fmt: skip
        assert fact in told
    assert (await facts(sandbox, "get", id_))["progress"]["percentage"] == 66
    await sandbox.advance(30 * MINUTE)
    assert "Process Mining Analysis Report" in await said(sandbox, "get", id_)


async def test_the_list_fits_and_shows_every_id_and_name_whole(sandbox: Stage) -> None:
    ids = [await failed(sandbox)]
    retried = await sandbox.ask("POST", f"/operation/{ids[0]}/retry", status=202)
    ids.append(retried["newOperationId"])
    await sandbox.advance(1)
    ids.append((await sandbox.start(operationName="[red]not markup[/red]\x1b[31m"))["operationId"])
    await sandbox.advance(4 * MINUTE)

    text = await said(sandbox)

    lines = text.splitlines()
    assert lines[0].split() == ["status", "done", "priority", "operation"]
    assert [line.strip() for line in lines if line.strip().startswith("op-")] == ids[::-1]
    assert lines[1].startswith("Running") and "[red]not markup[/red]\N{REPLACEMENT CHARACTER}[31m" in lines[1]
    assert ["Failed", "50%", "Normal", f"{NAME} (ReportGeneration)"] in [line.rstrip().split(None, 3) for line in lines]
    assert lines[-1] == "3 in all: 2 running, 1 failed"
    assert (await facts(sandbox))["summary"]["failed"] == 1


async def test_a_run_is_cancelled_and_retried(sandbox: Stage) -> None:
    first, failing = (await sandbox.start())["operationId"], await failed(sandbox)

    assert await said(sandbox, "cancel", first, "--reason", "no longer needed") == f"{first}  Cancelled\n"
    again = await ops(sandbox, "cancel", first)
    fresh, status, begins = (await said(sandbox, "retry", failing, "--reason", "data is there")).split(maxsplit=2)
    restarted = await facts(sandbox, "retry", failing, "--restart")

    assert (again.exit_code, "409 Conflict: The operation is Cancelled already." in again.output) == (1, True)
    assert (fresh.startswith("op-retry-"), status, begins) == (True, "Initiated", "from Visualization\n")
    assert (restarted["retryMode"], restarted["resumeFromPhase"]) == ("restart", "Data Collection")


async def test_a_batch_is_started_from_a_file_and_shown_by_its_id(sandbox: Stage, tmp_path: Path) -> None:
    members = [
        {"operationKey": "clean", "operationName": "Cleaning", "operationType": "DataEnrichment"},
        {"operationKey": "report", "operationName": "Report", "operationType": "ReportGeneration",
         "dependencies": ["clean"]},
    ]  # fmt: skip
    file = tmp_path / "batch.json"
    file.write_text(json.dumps({"batchName": "Pipeline", "operations": members}))

    told = dict(line.split(maxsplit=1) for line in (await said(sandbox, "start", file)).splitlines() if " " in line)

    id_ = told["batchId"].strip()
    assert (told["batchName"], told["dependencies"]) == ("Pipeline", "clean")
    await sandbox.advance(60 * MINUTE)
    assert re.search(r"^status +Completed$", await said(sandbox, "get", id_), re.M)
    assert (await facts(sandbox, "get", id_))["completedOperations"] == 2
    file.write_text(json.dumps({"batchName": "Round", "operations": [members[0] | {"dependencies": ["clean"]}]}))
    circle = await ops(sandbox, "start", file)
    assert (circle.exit_code, "circle: clean → clean" in circle.output) == (1, True)


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["get", "op-unknown"], 1, "404 Not Found: This project has no operation op-unknown."),
        (["get", "../x"], 1, "'../x': expected an id without '.' and '..' between slashes"),
        (["--status", "Runing"], 1, "status: input should be 'Initiated', 'Running'"),
        (["start", "--name", "x"], 2, "There is no operationType: say --type"),
        (["start", "--type", "x"], 2, "There is no operationName: say --name"),
        (["start", "missing.json"], 2, "'missing.json' does not exist"),
    ],
)
async def test_what_is_wrong_is_said(sandbox: Stage, arguments: list[str], code: int, message: str) -> None:
    done = await ops(sandbox, *arguments)

    assert (done.exit_code, message in done.output) == (code, True), done.output
    assert "Traceback" not in done.output


async def test_the_place_is_taken_from_the_configuration_unless_it_is_named(sandbox: Stage, tmp_path: Path) -> None:
    config = tmp_path / "relay.yaml"
    config.write_text(f"""
sources: {{async-operations: {{signature: {{secrets: {{current: "${{NOT_SET}}"}}}}}}}}
platform: {{base_url: "{sandbox.url}", tenant: tenant-1, project: elsewhere, token: {TOKEN}}}
rules: []
""")
    await sandbox.start()
    nothing = dict.fromkeys(("PLATFORM_URL", "PLATFORM_TENANT", "PLATFORM_PROJECT", "PLATFORM_TOKEN"), "")

    there = await ops(sandbox, "-c", config, **nothing)
    named = await ops(sandbox, "list", "-c", config, **{**nothing, "PLATFORM_PROJECT": "project-1"})

    assert there.output == "There are none.\n\n0 in all\n"
    assert named.output.endswith("1 in all: 1 running\n")
