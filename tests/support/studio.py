"""Templates of an author's own, as an editor saves them."""

from pathlib import Path

OWN = "text: '{{ op.status_label }}, mine: {{ op.name }}'\n"


def write(folder: Path, name: str, text: str) -> Path:
    """Save a file as an editor does: at once."""
    file = folder / name
    file.parent.mkdir(parents=True, exist_ok=True)
    saved = file.with_name(f".{file.name}.new")
    saved.write_text(text, "utf-8")
    saved.replace(file)
    return file
