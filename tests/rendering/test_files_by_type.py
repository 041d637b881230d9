"""A template for one type of operation, by its file's name."""

from typing import Any

import pytest

from relay.rendering.checks import cases
from relay.rendering.template_files import FileName, mark, parsed
from tests.support import samples
from tests.support.renderers import BUILT_IN, Build, render

TYPE = "@type=ProcessMiningAnalysis"  # the samples'


def completed(**operation: Any) -> Any:
    body = samples.bodies()["operation.completed"]
    body["operation"] = body["operation"] | operation
    return samples.event_of(body)


@pytest.mark.parametrize(
    ("files", "kind", "destination", "told"),
    [
        (["", TYPE], "each", "team", TYPE),
        (["", TYPE], "reply", "team", TYPE),
        (["", TYPE], "live", "team", TYPE),
        (["", "@team", TYPE], "each", "team", "@team"),
        (["", "@team", TYPE], "each", "analysts", TYPE),
        (["", "@team", TYPE, f"@team{TYPE}"], "each", "team", f"@team{TYPE}"),
        (["", TYPE, f".reply{TYPE}"], "reply", "team", f".reply{TYPE}"),
        (["", TYPE, f".reply{TYPE}"], "each", "team", TYPE),
        ([".reply", TYPE], "reply", "team", TYPE),
        (["", "@type=Other"], "each", "team", ""),
        (["", "@type=processmininganalysis"], "each", "team", ""),
    ],
)
def test_a_destinations_file_goes_before_a_types_and_that_before_the_plain_one(
    own: Build, files: list[str], kind: Any, destination: str, told: str
) -> None:
    renderer = own({f"slack/operation.completed{mark}.yaml": f"text: 'mine{mark}'" for mark in files})

    assert render(renderer, completed(), kind=kind, destination=destination)["text"] == f"mine{told}"
    assert renderer.overriding_file("slack", kind, completed(), destination) == f"slack/operation.completed{told}.yaml"


def test_a_type_that_an_earlier_event_told_counts(own: Build) -> None:
    renderer = own({f"slack/operation.completed{TYPE}.yaml": "text: mine"})
    operation = {"operationId": "op-1", "status": "Completed"}
    short = samples.event_of(samples.envelope("operation.completed", "2024-01-20T12:03:00Z", operation=operation))

    assert render(renderer, short)["text"] != "mine"
    assert render(renderer, short, history=(completed(), short))["text"] == "mine"


@pytest.mark.parametrize(
    ("operation_type", "file"),
    [
        ("Data load", "Data%20load"),
        ("a/b", "a%2Fb"),
        ("../../etc/passwd", "..%2F..%2Fetc%2Fpasswd"),
        ("Prüfung", "Prüfung"),
        ("x@analysts", "x%40analysts"),
        ("50%", "50%25"),
        ("x\ny", "x%0Ay"),
    ],
)
def test_a_type_of_any_spelling_has_a_file_name(own: Build, operation_type: str, file: str) -> None:
    assert mark("", operation_type) == f"@type={file}"
    assert parsed(f"operation.failed@type={file}") == FileName("operation.failed", "", "", operation_type)
    renderer = own({f"slack/operation.completed@type={file}.yaml": "text: mine"})

    assert render(renderer, completed(operationType=operation_type))["text"] == "mine"


def test_each_type_with_a_file_is_tried_out(own: Build) -> None:
    renderer = own({"slack/operation.completed@type=Report%20run.yaml": "text: mine"})

    names = {(case.channel, case.name) for case in cases(renderer.library, renderer.directories, ("en",))}

    assert ("slack", "operation.completed@type=Report%20run") in names
    assert ("email", "operation.completed@type=Report%20run") not in names
    assert ("slack", "operation.failed@type=Report%20run") not in names
    assert BUILT_IN in renderer.directories
