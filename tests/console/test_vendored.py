"""Vendored scripts are unchanged, with their licence."""

from hashlib import sha256

from relay.console.pages import HERE

# htmx 4.0.1 as the npm registry has it (dist/htmx.min.js), under the Zero-Clause BSD licence.
VENDORED = {
    "LICENSE-htmx": "d3d2456f76414f2456104660ebd65aff1c04cd7966b942bdabd63f3cdb316a38",
    "htmx.min.js": "a0abb04f2f45a1f89d1d4844023245537e5e6014c87b144553e0607b4cc32130",
}


def test_is_as_its_authors_published_it() -> None:
    files = (HERE / "static" / "vendor").iterdir()
    assert {file.name: sha256(file.read_bytes()).hexdigest() for file in files} == VENDORED
