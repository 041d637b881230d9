"""A secret is found wherever it is written, and however."""

import json
from base64 import b64encode
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from campaign.canaries import Canaries
from campaign.outputs import Outputs
from campaign.report import Report
from campaign.secrets import NOWHERE, broken, look

CANARIES = Canaries()
SECRET = CANARIES.make("a.secret").encode()
WHSEC = CANARIES.make("a.whsec", "whsec_{base64}").encode()
TARGET: Any = SimpleNamespace(canaries=CANARIES)


@pytest.mark.parametrize(
    "written",
    [
        SECRET, SECRET[:14], WHSEC, SECRET.hex().encode(), SECRET.hex().upper().encode(), SECRET[::-1], SECRET.lower(),
        b64encode(SECRET), b64encode(b"r:" + SECRET), b64encode(b"ab:" + SECRET + b"!"), b"Bearer " + SECRET + b"'",
        json.dumps({"x": SECRET.decode()}).encode(),
    ],
    ids=range(12),
)  # fmt: skip
def test_a_secret_is_found_in_every_spelling(written: bytes) -> None:
    report, said = Report("secrets"), Outputs()
    said.add("the log", b"before " + written + b" after")

    look(report, said, TARGET)

    assert {*report.broken} == {NOWHERE}


def test_a_secret_that_relay_made_is_found() -> None:
    canaries, report, said = Canaries(made={"console.link": "hA7-token"}), Report("secrets"), Outputs()
    said.add("the log", b"path=/console/enter/hA7-token")

    target: Any = SimpleNamespace(canaries=canaries)
    look(report, said, target)

    assert "console.link" in report.broken[NOWHERE][0]


def test_what_is_none_is_not_found_and_a_secret_is_named() -> None:
    assert [*CANARIES.within(b"q9LEAK, x7Kw, sha256=abc, whsec_AAAA" * 100)] == []
    assert "a.secret" in next(CANARIES.within(b"token=" + SECRET))
    assert "a.whsec" in next(CANARIES.within(b"token=" + WHSEC))


def test_a_secret_across_two_pieces_of_a_file_is_found(tmp_path: Path) -> None:
    file, report, said = tmp_path / "log", Report("secrets"), Outputs(piece_size=64)
    file.write_bytes(b"." * 50 + SECRET + b"." * 100)
    said.add_file("the log", file)

    look(report, said, TARGET)

    assert not report.kept
    assert report.counts["outputs"] > 1


def test_a_configuration_is_broken_beside_each_secret() -> None:
    text = json.dumps(
        {"sources": {"a": {"signature": {"secrets": {"current": "S"}}}}, "channels": {"token": "T"}}, indent=1
    )

    texts = [*broken(text)]

    assert len({*texts}) == len(texts) > 8
    assert text not in texts
    assert all("S" in each and "T" in each for each in texts)
