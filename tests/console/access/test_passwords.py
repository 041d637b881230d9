"""How a password is judged: as long for every name, and never so many at once that events would wait."""

import asyncio
from contextlib import ExitStack

import pytest
from pydantic import SecretStr

from relay.config.console import ARGON2ID, User
from relay.console.access.origin import leading_back
from relay.console.access.passwords import AT_ONCE, WAITING, Busy, Passwords, hashed, matches
from tests.support.doors import HASHES, RIGHT

JANA = {"jana": User(password=SecretStr(HASHES[RIGHT]), role="operator")}


async def judged(passwords: Passwords, name: str, password: str) -> bool:
    with passwords.seat() as seat:
        return await seat.right(JANA, name, password)


async def test_the_right_one_of_the_right_one() -> None:
    passwords = Passwords()
    asked = [("jana", RIGHT), ("jana", "wrong"), ("nobody", RIGHT), ("", "")]

    assert [await judged(passwords, *pair) for pair in asked] == [True, False, False, False]
    with passwords.seat() as seat:
        assert not await seat.right({}, "jana", RIGHT)
    passwords.close()


async def test_more_than_can_be_looked_at_soon_are_sent_away_and_hanging_up_frees_no_place() -> None:
    passwords = Passwords()
    tasks = [asyncio.create_task(judged(passwords, "jana", RIGHT)) for _ in range(AT_ONCE + WAITING)]
    await asyncio.sleep(0)
    for task in tasks[:-1]:
        task.cancel()
    with pytest.raises(Busy):
        await judged(passwords, "jana", RIGHT)

    assert await tasks[-1]
    await asyncio.gather(*tasks, return_exceptions=True)
    assert await judged(passwords, "jana", RIGHT)
    passwords.close()


async def test_a_seat_in_which_no_password_is_looked_at_is_free_again() -> None:
    passwords = Passwords()
    for _ in range(AT_ONCE + WAITING + 1):
        with passwords.seat():
            pass
    with ExitStack() as stack:
        for _ in range(AT_ONCE + WAITING):
            stack.enter_context(passwords.seat())
        with pytest.raises(Busy):
            stack.enter_context(passwords.seat())
    passwords.close()


def test_what_is_made_of_a_password_is_what_a_configuration_takes() -> None:
    made = hashed("grün und lang genug")

    assert ARGON2ID.fullmatch(made)
    assert User(password=SecretStr(made), role="viewer")
    assert matches(made, "grün und lang genug".encode())


@pytest.mark.parametrize("broken", ["", "$argon2id$", HASHES[RIGHT][:-3], "plain"], ids=["none", "head", "cut", "text"])
def test_a_hash_that_is_none_matches_nothing(broken: str) -> None:
    assert not matches(broken, RIGHT.encode())


@pytest.mark.parametrize("back", ["/console", "/console/now", "/console?x=1", "/console/operation?id=a/b%2Fc&x=%C3%A4"])
def test_pages_of_ours_are_led_back_to(back: str) -> None:
    assert leading_back(back) == back
