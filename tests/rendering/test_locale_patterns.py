"""Names of zones."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from babel import Locale

from relay.rendering.translations import LocalePatterns


@pytest.mark.parametrize(
    ("code", "zone", "names"),
    [
        ("en-GB", "Europe/Berlin", ("CET", "CEST")),
        ("de", "Europe/Berlin", ("MEZ", "MESZ")),
        ("fr", "Europe/Berlin", ("UTC+1", "UTC+2")),
        ("en-GB", "Europe/London", ("GMT", "BST")),
        ("de", "Europe/London", ("UTC", "UTC+1")),
        ("en-GB", "America/New_York", ("UTC−5", "UTC−4")),
        ("en-GB", "Asia/Kathmandu", ("UTC+5:45", "UTC+5:45")),
        ("en-GB", "America/St_Johns", ("UTC−3:30", "UTC−2:30")),
    ],
)
def test_a_zone_without_a_short_name_is_called_by_its_offset(code: str, zone: str, names: tuple[str, str]) -> None:
    patterns = LocalePatterns(Locale.parse(code, sep="-"))
    times = [datetime(2024, month, 20, 12, tzinfo=ZoneInfo(zone)) for month in (1, 7)]

    assert tuple(map(patterns.zone, times)) == names
