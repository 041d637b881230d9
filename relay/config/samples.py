"""Samples of senders' documents: files beside the configuration, against which `relay check` holds its formats."""

from collections.abc import Iterator
from pathlib import Path

from relay.config.schema import Config
from relay.configfile.document import Document, KeyPath
from relay.domain.documents import decode
from relay.errors import NotJson
from relay.formats.compiling import SAMPLES, compile_format
from relay.formats.mapping import Format
from relay.formats.samples import Sample, findings


def check_samples(config: Config, document: Document, folder: Path) -> None:
    """Report to the document what samples show of the formats. `folder`: where their paths begin."""
    for name, spec in config.formats.items():
        path: KeyPath = ("formats", name)
        if isinstance(spec, dict) and SAMPLES in spec:
            form = compile_format(spec)
            samples = list(_samples(folder / spec[SAMPLES], form, document, (*path, SAMPLES)))
            for place, message, certain in findings(form, samples) if samples else ():
                (document.report if certain else document.warn)((*path, *place), message)


def _samples(where: Path, form: Format, document: Document, path: KeyPath) -> Iterator[Sample]:
    try:
        files = sorted(where.glob("*.json")) if where.is_dir() else [where]
        for file in files:
            raw = file.read_bytes().replace(b"\r\n", b"\n").strip()
            head, _, body = raw.partition(b"\n\n") if not raw.startswith((b"{", b"[")) else (b"", b"", raw)
            lines = (line.partition(":") for line in head.decode("latin-1").splitlines())
            headers = {name.strip().lower(): text.strip() for name, _, text in lines}
            try:
                yield Sample(file.name, form.roots(decode(body), headers))
            except NotJson as error:
                document.report(path, f"{file}: {error}; expected JSON, below headers and an empty line if it has any")
        if not files:
            document.report(path, f"{where} has no .json file")
    except OSError as error:
        document.warn(path, f"cannot read {error.filename}: {error.strerror}; nothing is held against it")
