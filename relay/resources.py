"""Files that come with relay."""

from pathlib import Path


def resource_dir(name: str) -> Path:
    """The folder of the built-in `templates` or `config`: inside an installed package, or beside a checkout's."""
    installed = Path(__file__).parent / "_share" / name
    return installed if installed.is_dir() else Path(__file__).parents[1] / name
