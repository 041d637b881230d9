"""The cause of an error, of what tools print."""

from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from relay.domain.error_reader import LONGEST, cause_of

ERRORS: list[dict[str, Any]] = YAML(typ="safe").load((Path(__file__).with_name("errors.yaml")).read_text("utf-8"))


@pytest.mark.parametrize("error", [pytest.param(error, id=error["tool"]) for error in ERRORS])
def test_the_cause_stands_in_one_line(error: dict[str, Any]) -> None:
    cause = cause_of(error["error"])

    assert cause == error["cause"]
    assert len(cause) <= LONGEST
    assert cause_of(cause) == cause
