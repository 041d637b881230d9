"""Numbers, times, amounts and ids as the readers of each language expect them."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from relay.rendering.filters import short_id
from relay.rendering.localized_values import Localizer
from relay.rendering.translations import Catalogues
from tests.support.renderers import BUILT_IN, NOW

CATALOGUES = Catalogues([BUILT_IN])


def formats(language: str, zone: str = "Europe/Berlin", now: datetime = NOW) -> Localizer:
    return Localizer(CATALOGUES.language(language), ZoneInfo(zone), now)


@pytest.mark.parametrize(
    ("method", "value", "english", "german"),
    [
        ("num", 1284530, "1,284,530", "1.284.530"),
        ("num", 94.7, "94.7", "94,7"),
        ("num", 2.0, "2", "2"),
        ("num", "many", "many", "many"),
        ("num", 1e30, "1e+30", "1e+30"),
        ("pct", -1e300, "-1e+300", "-1e+300"),
        ("bytes", 1e300, "1e+300", "1e+300"),
        ("duration", float("inf"), "inf", "inf"),
        ("amount", 2**63, "9223372036854775808", "9223372036854775808"),
        ("pct", 42, "42%", "42\u00a0%"),
        ("pct", 99.99, "99%", "99\u00a0%"),
        ("duration", 5700, "1 h 35 min", "1 h 35 min"),
        ("duration", 3600, "1 h", "1 h"),
        ("duration", 0, "0 s", "0 s"),
        ("duration", 59.6, "1 min", "1 min"),
        ("duration", 75, "1 min 15 s", "1 min 15 s"),
        ("duration", 1395, "23 min", "23 min"),
        ("duration", 97_200, "1 d 3 h", "1 d 3 h"),
        ("duration", "45 minutes", "45 min", "45 min"),
        ("duration", "23 minutes 15 seconds", "23 min", "23 min"),
        ("duration", "1 hour and 5 minutes", "1 h 5 min", "1 h 5 min"),
        ("duration", "15-20 minutes", "15–20 min", "15–20 min"),
        ("duration", "1.5-2 hours", "1.5–2 h", "1,5–2 h"),
        ("duration", "4.2 hours", "4 h 12 min", "4 h 12 min"),
        ("duration", "01:05:00", "1 h 5 min", "1 h 5 min"),
        ("duration", "PT1H5M", "1 h 5 min", "1 h 5 min"),
        ("duration", "a while", "a while", "a while"),
        ("bytes", 3_400_000, "3.4 MB", "3,4 MB"),
        ("bytes", 999, "999 B", "999 B"),
        ("bytes", "890 KB", "890 KB", "890 KB"),
        ("bytes", "45.7 MB", "45.7 MB", "45,7 MB"),
        ("bytes", "large", "large", "large"),
        ("rate", "1890 records/minute", "1,890/min", "1.890/min"),
        ("rate", "12.5 per second", "12.5/s", "12,5/s"),
        ("rate", 225, "225/s", "225/s"),
        ("rate", "fast", "fast", "fast"),
        ("money", "$2.45", "$2.45", "2,45\u00a0$"),
        ("money", "3.20 EUR", "€3.20", "3,20\u00a0€"),
        ("money", "free", "free", "free"),
        ("amount", True, "yes", "ja"),
        ("amount", 347, "347", "347"),
        ("amount", "3.2 MB", "3.2 MB", "3,2 MB"),
        ("amount", "4161 records/minute", "4,161/min", "4.161/min"),
        ("amount", "Medium-High", "Medium-High", "Medium-High"),
        ("localtime", "2024-01-20T14:40:00Z", "15:40", "15:40 Uhr"),
        ("localtime", "2024-01-20T14:40:00", "15:40", "15:40 Uhr"),
        ("localtime", "2024-03-09T14:05:00Z", "9 Mar, 15:05", "9. März, 15:05 Uhr"),
        ("localtime", "2023-12-31T23:30:00+00:00", "1 Jan, 00:30", "1. Jan., 00:30 Uhr"),
        ("localtime", "2023-12-31T20:30:00Z", "31 Dec 2023, 21:30", "31. Dez. 2023, 21:30 Uhr"),
        ("localtime", "soon", "soon", "soon"),
        ("localtime", "0001-01-01T00:00:00Z", "0001-01-01T00:00:00Z", "0001-01-01T00:00:00Z"),
        ("localtime", "9999-12-31T23:59:59.9999999Z", "9999-12-31T23:59:59.9999999Z", "9999-12-31T23:59:59.9999999Z"),
    ],
)  # fmt: skip
def test_amounts_are_told_as_the_language_tells_them(method: str, value: object, english: str, german: str) -> None:
    assert (getattr(formats("en"), method)(value), getattr(formats("de"), method)(value)) == (english, german)


@pytest.mark.parametrize(
    ("zone", "told"),
    [
        ("Pacific/Honolulu", "20 Jan, 02:03"),
        ("Pacific/Kiritimati", "21 Jan, 02:03"),
        ("Asia/Kathmandu", "17:48"),
        ("UTC", "12:03"),
    ],
)
def test_today_is_today_in_the_readers_zone(zone: str, told: str) -> None:
    assert formats("en", zone, NOW.replace(hour=8)).localtime("2024-01-20T12:03:00Z") == told


@pytest.mark.parametrize(
    ("utc", "told"),
    [
        ("2024-03-31T00:59:00Z", "31 March 2024, 01:59 CET"),
        ("2024-03-31T01:00:00Z", "31 March 2024, 03:00 CEST"),
        ("2024-10-27T00:30:00Z", "27 October 2024, 02:30 CEST"),
        ("2024-10-27T01:30:00Z", "27 October 2024, 02:30 CET"),
    ],
)
def test_a_full_time_names_its_zone_so_that_the_repeated_hour_is_clear(utc: str, told: str) -> None:
    assert formats("en").localtime(utc, "full") == told


@pytest.mark.parametrize(("whole", "short"), [
    ("op-ff0e8400-e29b-41d4-a716-446655440000", "op-ff0e8400"), ("ff0e8400-e29b-41d4-a716-446655440000", "ff0e8400"),
    ("op-7f3a91c2", "op-7f3a91c2"), ("nightly/2024-01-20/reports-of-all-regions", "nightly/2024-01-20/repo…"),
    ("", ""), (None, ""), (42, "42"),
])  # fmt: skip
def test_an_id_is_as_short_as_tells_it_from_the_next(whole: object, short: str) -> None:
    assert short_id(whole) == short
