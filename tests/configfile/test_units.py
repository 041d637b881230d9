"""Durations, sizes and rates as people write them."""

import pytest

from relay.configfile.units import duration, rate, seconds, size, spoken_size


@pytest.mark.parametrize(
    ("written", "seconds"),
    [("60s", 60), ("5m", 300), ("1h30m", 5400), ("1h 30m", 5400), ("0s", 0), ("0", 0), (0, 0), (90, 90), (2.5, 2.5),
     ("1.5h", 5400), ("500ms", 0.5), ("10 seconds", 10), ("10 s", 10), ("1 second", 1), ("5 min", 300),
     ("5 minutes", 300), ("1 hour", 3600), ("1 hour 30 minutes", 5400), ("2 days", 172_800), ("20 sec", 20),
     ("250 milliseconds", 0.25), ("1m500ms", 60.5), ("2d", 172_800), ("366d", 31_622_400),
     ("10 Seconds", 10), ("1 Minute", 60), ("5M", 300), ("1H30M", 5400), ("250MS", 0.25), ("2 DAYS", 172_800),
     ("10 sec.", 10), ("5 min.", 300), ("1 hr. 30 mins.", 5400)],
)  # fmt: skip
def test_a_duration_is_read_in_seconds(written: object, seconds: float) -> None:
    assert duration(written) == seconds


@pytest.mark.parametrize(
    "written", ["", " ", "-1s", "-1", -1, "s", "1x", "1s1h", "1h1h", "12:30", "1e9", "inf", "nan", float("inf"),
                float("nan"), "367d", "9" * 13, True, None, [], "٣s", "1,5h", "10 secondss",
                "1 month", "1 fortnight", "PT10S", "10  s", "10s.", "10 seconds.", "1 ſ", "seconds", "1 s 2 s"],
)  # fmt: skip
def test_what_is_no_duration_is_refused(written: object) -> None:
    with pytest.raises(ValueError, match="expected a duration"):
        duration(written)


def test_a_number_without_a_unit_is_seconds_in_a_retry_policy_alone() -> None:
    assert seconds("90") == 90
    with pytest.raises(ValueError, match=r"expected a unit: 90s or 90m\?"):
        duration("90")


@pytest.mark.parametrize(
    ("written", "number"),
    [("1MiB", 1_048_576), ("256kB", 256_000), ("1 MB", 1_000_000), ("1048576", 1_048_576), (1024, 1024),
     ("1.5KiB", 1536), ("1gib", 2**30), ("12B", 12)],
)  # fmt: skip
def test_a_size_is_read_in_bytes(written: object, number: int) -> None:
    assert size(written) == number


@pytest.mark.parametrize("written", ["", "MiB", "1M", "1k", "-1", "0.3B", "1e6", None, True, [], "1 MiB MiB"])
def test_what_is_no_size_is_refused(written: object) -> None:
    with pytest.raises(ValueError, match="expected a size"):
        size(written)


@pytest.mark.parametrize(
    ("written", "expected"),
    [("100/s", (100, 1)), ("600/min", (600, 60)), ("10/m", (10, 60)), ("5000/h", (5000, 3600)), ("1 / d", (1, 86_400))],
)
def test_a_rate_is_a_number_in_a_period(written: str, expected: tuple[int, float]) -> None:
    assert rate(written) == expected


@pytest.mark.parametrize("written", ["", "100", "0/s", "/s", "1.5/s", "100/x", "100 per s", None, 100])
def test_what_is_no_rate_is_refused(written: object) -> None:
    with pytest.raises(ValueError, match="expected a rate"):
        rate(written)


@pytest.mark.parametrize(
    ("number", "words"), [(64 * 2**20, "64MiB"), (1024, "1KiB"), (2**30, "1GiB"), (1000, "1000"), (0, "0")]
)
def test_a_size_is_spoken_in_its_largest_unit(number: int, words: str) -> None:
    assert spoken_size(number) == words
    assert size(words) == number
