"""The report of a test that goes through many cases: a fault that it swallowed would never be seen again."""

import pytest

from tests.support.every_case import every_case


def test_the_report_names_every_case_that_failed_and_why() -> None:
    with pytest.raises(pytest.fail.Exception) as failed, every_case() as case:
        for number in range(5):
            with case("number", number):
                assert number % 2 == 0, f"{number} is odd"

    report = str(failed.value)
    assert report.startswith("2 of 5 cases failed\n")
    assert "number 1: 1 is odd" in report
    assert "number 3: 3 is odd" in report


def test_without_a_case_it_fails() -> None:
    with pytest.raises(pytest.fail.Exception, match="there was no case"), every_case():
        pass


def test_an_error_in_one_case_hides_no_other() -> None:
    with pytest.raises(pytest.fail.Exception) as failed, every_case() as case:
        with case("first"):
            raise KeyError("a bug")
        with case("second"):
            raise ValueError("another")

    report = "2 of 2 cases failed\nfirst: KeyError: 'a bug'\nsecond: ValueError: another"
    assert str(failed.value) == report
