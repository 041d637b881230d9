"""Samples of senders' documents: files beside the configuration, against which `relay check` holds its formats."""

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path

from relay.configfile.document import Document, KeyPath, read
from relay.domain.documents import decode_any
from relay.errors import NotJson, Problem
from relay.formats.compiling import SAMPLES, compile_format
from relay.formats.faults import FormatError
from relay.formats.findings import Sample, findings, indistinct_runs
from relay.formats.mapping import roots_of


def check_samples(file: Path, env: Mapping[str, str]) -> tuple[list[Problem], list[Problem]]:
    """Return what samples show to be wrong with the formats of a configuration, and what may be. Raises ConfigError.

    Whoever writes a format may have none of the secrets: nothing else of the configuration needs to be right.
    """
    document = read(file.read_text("utf-8-sig"), file=str(file), env=env, needed=())
    formats = document.section("formats")
    problems, warnings = len(document.problems), len(document.warnings)
    for name, spec in formats.items():
        with contextlib.suppress(FormatError):  # which is reported elsewhere
            form, path = compile_format(spec), ("formats", name)
            found = list(indistinct_runs(form))
            if isinstance(spec, dict) and SAMPLES in spec:
                samples = list(_samples(file.parent / spec[SAMPLES], document, (*path, SAMPLES)))
                found += findings(form, samples) if samples else ()
            for place, message, certain in found:
                (document.report if certain else document.warn)((*path, *place), message)
    return document.problems[problems:], document.warnings[warnings:]


def _samples(where: Path, document: Document, path: KeyPath) -> Iterator[Sample]:
    try:
        files = sorted(where.glob("*.json")) if where.is_dir() else [where]
        for file in files:
            raw = file.read_bytes().replace(b"\r\n", b"\n").strip()
            head, _, body = raw.partition(b"\n\n") if not raw.startswith((b"{", b"[")) else (b"", b"", raw)
            lines = (line.partition(":") for line in head.decode("latin-1").splitlines())
            headers = {name.strip().lower(): text.strip() for name, _, text in lines}
            try:
                yield Sample(file.name, roots_of(decode_any(body), headers))
            except NotJson as error:
                document.report(path, f"{file}: {error}; expected JSON, below headers and an empty line if it has any")
        if not files:
            document.report(path, f"{where} has no .json file")
    except OSError as error:
        document.warn(path, f"cannot read {error.filename}: {error.strerror}; nothing is held against it")
