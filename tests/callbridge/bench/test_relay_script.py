"""What callers of a relay ask for, and how a token of an answer finds its prompt and its age."""

from time import monotonic

import pytest
from benchmarks.peers import relay_script as of_peers

from callbridge.bench import relay_script
from callbridge.bench.relay_script import TICK_S, prompt, read_token


async def test_an_answer_is_what_the_prompt_asks_for() -> None:
    began = monotonic()
    tokens = [token async for token in relay_script.answer(prompt(3, 2, 23))]
    assert len(tokens) == 3
    read = [found for token in tokens if (found := read_token(token, monotonic()))]
    assert [number for number, _ in read] == [7, 7, 7]  # the last hexadecimal digit of 23
    assert all(0 <= age <= monotonic() - began + TICK_S for _, age in read)
    assert monotonic() - began >= 0.004


async def test_peers_answer_in_the_same_form() -> None:
    tokens = [token async for token in of_peers.answer(prompt(2, 0, 11))]
    read = [found for token in tokens if (found := read_token(token, monotonic()))]
    assert [number for number, _ in read] == [11, 11]
    assert all(age < 1 for _, age in read)


@pytest.mark.parametrize(
    ("made", "read_at", "age"),
    [
        (0x000001, 3 * TICK_S, 2 * TICK_S),
        (0xFFFFFF, (0x1000000 + 4) * TICK_S, 5 * TICK_S),  # over the end of the 24 bits
        (0x000002, 1.5 * TICK_S, 0.0),  # `now` was rounded down
    ],
)
def test_age_is_counted_round_the_clock_of_24_bits(made: int, read_at: float, age: float) -> None:
    found = read_token(f" a{made:06x}", read_at)
    assert found is not None
    assert found[0] == 10
    assert found[1] == pytest.approx(age)


@pytest.mark.parametrize("text", ["", "hello", " a00000g", "a000001", " a0000001", " A000001"])
def test_other_text_is_no_token(text: str) -> None:
    assert read_token(text, 1.0) is None
