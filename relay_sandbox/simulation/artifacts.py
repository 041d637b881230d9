"""The files that a simulated operation leaves: small, real, and made on request. Pure."""

import io
import json
import re
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from random import Random
from typing import Any

from relay_sandbox.simulation.views import View


@dataclass(frozen=True, slots=True)
class File:
    name: str
    kind: str
    format: str
    filename: str
    description: str
    content: bytes


LONGEST = 500  # lines of a CSV
STAMP = (2024, 1, 1, 0, 0, 0)  # the same bytes each time


def files(view: View) -> list[File]:
    """Return the artifacts of an operation that completes."""
    kinds = FILES.get(view.operation.request.operation_type, ("summary",))
    return [_file(kind, view) for kind in kinds]


def _file(kind: str, view: View) -> File:
    name, group, format_, extension, description, make = MAKERS[kind]
    return File(name, group, format_, f"{kind}.{extension}", description, make(view))


def archive(members: Mapping[str, bytes]) -> bytes:
    """A ZIP of these files."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as whole:
        for name, content in members.items():
            whole.writestr(zipfile.ZipInfo(name, STAMP), content, zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


def pretty(document: Any) -> bytes:
    return json.dumps(document, indent=2, ensure_ascii=False).encode()


def pdf(lines: Sequence[str]) -> bytes:
    """One page of text as PDF 1.4 (ISO 32000-1), in a font that every reader has."""
    quoted = (re.sub(rb"([()\\])", rb"\\\1", line.encode("cp1252", "replace")) for line in lines)
    stream = b"BT /F1 12 Tf 18 TL 56 780 Td " + b" ".join(b"(%s) Tj T*" % line for line in quoted) + b" ET"
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R"
        b" /Resources << /Font << /F1 5 0 R >> >> >>",
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(stream), stream),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
    ]
    out, offsets = bytearray(b"%PDF-1.4\n"), []
    for number, body in enumerate(objects, 1):
        offsets.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    start = len(out)
    table = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    out += b"xref\n0 %d\n0000000000 65535 f \n%s" % (len(objects) + 1, table)
    out += b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, start)
    return bytes(out)


def _report(view: View) -> bytes:
    number, request = view.figures, view.operation.request
    return pdf([
        request.operation_name[:70], f"{request.operation_type}, made by relay's sandbox", "",
        f"Records analysed: {number.valid}", f"Activities: {number.activities}", f"Variants: {number.variants}",
        f"Anomalies: {number.anomalies}", f"Data quality: {number.quality} %",
    ])  # fmt: skip


def _map(view: View) -> bytes:
    steps = ("Register", "Check", "Review Application", "Manager Approval", "Close")
    boxes = "".join(
        f'<rect x="20" y="{20 + 70 * n}" width="220" height="40" rx="8" fill="#eef3fb" stroke="#3b6fb6"/>'
        f'<text x="130" y="{45 + 70 * n}" text-anchor="middle" font-family="sans-serif" font-size="14">{step}</text>'
        + (f'<path d="M130 {60 + 70 * n}v28" stroke="#3b6fb6"/>' if n < len(steps) - 1 else "")
        for n, step in enumerate(steps)
    )
    title = escape(view.operation.request.operation_name)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 260 380"><title>{title}</title>{boxes}</svg>\n'.encode()
    )


def _anomalies(view: View) -> bytes:
    chance, number = Random(view.operation.seed), view.figures  # noqa: S311 - it only has to vary
    grades = ["high"] * number.high + ["medium"] * number.medium + ["low"] * number.low
    rows = (f"case-{chance.randrange(10_000):04},{grade},{chance.uniform(0.5, 1):.2f}" for grade in grades)
    return "\n".join(["case,severity,score", *rows, ""]).encode()


def _dataset(view: View) -> bytes:
    chance = Random(view.operation.seed)  # noqa: S311 - it only has to vary
    rows = (f"case-{n:04},{chance.choice('ABC')},{chance.randrange(100)}"
            for n in range(min(view.figures.valid, LONGEST)))  # fmt: skip
    return "\n".join(["case,segment,score", *rows, ""]).encode()


def _models(view: View) -> bytes:
    names = ("cycle-time", "path")
    return archive({f"{name}.json": pretty({"model": name, "seed": view.operation.seed}) for name in names})


def _summary(view: View) -> bytes:
    return pretty({"recordsAnalyzed": view.figures.valid, "dataQualityScore": view.figures.quality})


MAKERS: Mapping[str, tuple[str, str, str, str, str, Callable[[View], bytes]]] = {
    "report": ("Process Mining Analysis Report", "Report", "PDF", "pdf",
               "Analysis report with insights and recommendations", _report),
    "process-map": ("Process Model Visualization", "Visualization", "SVG", "svg", "Process flow diagram", _map),
    "anomalies": ("Anomaly Detection Results", "Dataset", "CSV", "csv", "Anomalies by severity", _anomalies),
    "models": ("Predictive Models", "Model", "ZIP", "zip", "Parameters of the trained models", _models),
    "dataset": ("Enriched Dataset", "Dataset", "CSV", "csv", "The first cleaned and enriched records", _dataset),
    "document": ("Report", "Report", "PDF", "pdf", "The finished report", _report),
    "summary": ("Summary", "Report", "JSON", "json", "What was found, as JSON", _summary),
}  # fmt: skip
FILES: Mapping[str, tuple[str, ...]] = {
    "ProcessMiningAnalysis": ("report", "process-map", "anomalies", "models"),
    "DataEnrichment": ("dataset",),
    "ReportGeneration": ("document",),
}
