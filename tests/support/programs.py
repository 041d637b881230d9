"""Programs that others wrote, which some tests need: without one a test is skipped, but never where all must be."""

import os
import shutil

import pytest


def needs(command: str, package: str) -> str:
    """Return where this program is; it comes in that package of Debian's."""
    found = shutil.which(command) or shutil.which(command, path="/usr/sbin:/usr/local/sbin")
    if not found:
        missing = f"{command} is not installed: apt-get install {package}"
        assert not os.environ.get("CI"), missing
        pytest.skip(missing)
    return found
