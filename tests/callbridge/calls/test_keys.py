"""Keys: each counted once, offered to who asked, handed out once, kept within bounds."""

import pytest

from callbridge.calls.keys import KEPT, TERMINATOR_S, TWIN_S, Digit, Keypad

SECOND = "2026-11-25T10:00:00Z"  # a stamp that two presses can share
FINE = "2026-11-25T10:00:00.{:06d}Z"


def pressed(pad: Keypad, keys: str, now: float = 0.0) -> None:
    for number, key in enumerate(keys):
        pad.press(Digit(key, FINE.format(round(now * 1000) + number)), now)


def test_a_key_that_comes_twice_with_one_stamp_counts_once() -> None:
    pad = Keypad()
    for micros in (1, 2, 2, 1):
        pad.press(Digit("5", FINE.format(micros)), 0.0)
    assert pad.take_all() == "55"


@pytest.mark.parametrize("stamp", ["", SECOND, "2026-11-25T10:00:00.000Z", "2026-11-25T10:00:00"])
def test_two_presses_within_a_second_stay_two_whatever_the_stamps(stamp: str) -> None:
    pad = Keypad()
    pad.press(Digit("5", stamp), 0.0)
    pad.press(Digit("5", stamp), 0.2)
    assert pad.take_all() == "55"


def test_a_webhook_that_repeats_a_frame_is_known_though_its_stamp_is_coarse() -> None:
    pad = Keypad()
    pad.press(Digit("5", SECOND), 0.0)
    assert not pad.press(Digit("5", SECOND), 0.1, by_webhook=True)
    assert pad.press(Digit("5", SECOND), 0.2, by_webhook=True)  # the second press, of no frame
    assert pad.take_all() == "55"


# ---- heard in the audio, and told by the platform ------------------------------------------------


def by_both(*keys: tuple[float, str, str]) -> Keypad:
    """Keys as seconds, digit and way: "heard" in the audio, "told" in frames."""
    pad = Keypad(as_sound=True)
    for now, digit, way in sorted(keys):
        if way == "heard":
            pad.hear(digit, now)
        else:
            pad.press(Digit(digit, FINE.format(round(now * 1000))), now)
    return pad


@pytest.mark.parametrize("lag", [-2.0, -0.3, -0.05, 0.05, 0.3, 2.0, 4.0])
@pytest.mark.parametrize("digits", ["5", "55", "5555555555", "1212", "12345#"])
def test_a_key_that_is_heard_and_told_counts_once_whichever_comes_first(
    digits: str, lag: float
) -> None:
    heard = [(5 + 0.2 * number, digit, "heard") for number, digit in enumerate(digits)]
    told = [(at + lag, digit, "told") for at, digit, _ in heard]
    assert len(by_both(*heard, *told)) == len(digits)


@pytest.mark.parametrize("way", ["heard", "told"])
def test_ten_equal_keys_of_one_way_stay_ten(way: str) -> None:
    assert by_both(*((0.1 * number, "5", way) for number in range(10))).take_all() == 10 * "5"


@pytest.mark.parametrize(("often", "once"), [("heard", "told"), ("told", "heard")])
def test_a_key_is_the_twin_of_one_other_and_of_no_second(often: str, once: str) -> None:
    """The second press came by one way alone."""
    pad = by_both((0.0, "5", once), (0.1, "5", often), (0.4, "5", often))
    assert pad.take_all() == "55"


def test_who_presses_the_same_key_later_presses_it_again() -> None:
    later = TWIN_S + 0.1
    assert by_both((0.0, "5", "heard"), (later, "5", "told")).take_all() == "55"
    assert by_both((0.0, "5", "told"), (later, "5", "heard")).take_all() == "55"
    assert by_both((0.0, "5", "told"), (0.1, "6", "heard")).take_all() == "56"


def test_a_webhook_that_repeats_the_frame_of_a_key_that_was_heard_counts_no_more() -> None:
    pad = Keypad(as_sound=True)
    assert pad.hear("5", 0.0)
    assert not pad.press(Digit("5", SECOND), 0.1)
    assert not pad.press(Digit("5", SECOND), 0.2, by_webhook=True)
    assert pad.take_all() == "5"


def test_keys_are_sorted_by_their_stamps_and_left_alone_without() -> None:
    pad = Keypad()
    for micros, key in ((2, "2"), (1, "1"), (3, "3")):
        pad.press(Digit(key, FINE.format(micros)), 0.0)
    assert pad.take_all() == "123"
    for stamp, key in ((FINE.format(5), "2"), ("", "1"), (FINE.format(4), "3")):
        pad.press(Digit(key, stamp), 0.0)
    assert pad.take_all() == "213"


def test_a_terminator_right_after_a_full_entry_belongs_to_that_entry() -> None:
    pad = Keypad()
    pressed(pad, "1234")
    first = pad.entry(4, "#", 0.5)
    assert first is not None
    assert first.digits == "1234"
    pressed(pad, "#", 0.7)
    assert not len(pad)
    pressed(pad, "56", 1.0)
    second = pad.entry(2, "#", 1.0)
    assert second is not None
    assert second.digits == "56"


def test_a_terminator_that_came_with_the_entry_is_dropped_with_it() -> None:
    pad = Keypad()
    pressed(pad, "1234#56")
    assert pad.entry(4, "#", 0.0) is not None
    assert pad.take_all() == "56"


def test_a_terminator_much_later_is_a_key_like_any_other() -> None:
    pad = Keypad()
    pressed(pad, "1")
    assert pad.entry(1, "#", 0.0) is not None
    pressed(pad, "#", TERMINATOR_S + 0.1)
    assert pad.take_all() == "#"


class Taker:
    """Takes one key, and notes under its name what it was offered."""

    def __init__(self, name: str, key: str, offered: list[str]) -> None:
        self._name, self._key, self._offered = name, key, offered

    def __call__(self, digit: Digit) -> bool:
        self._offered.append(f"{self._name} {digit.digit}")
        return digit.digit == self._key


def test_who_asked_last_is_asked_first_and_leaves_alone() -> None:
    pad, offered = Keypad(), list[str]()
    outer = pad.offered_to(Taker("first", "1", offered))
    inner = pad.offered_to(Taker("second", "2", offered))
    with outer:
        inner.__enter__()
        pressed(pad, "12")
    pressed(pad, "2", 1.0)  # the first has left before the second, who stays
    inner.__exit__(None, None, None)
    pressed(pad, "2", 2.0)
    assert offered == ["second 1", "first 1", "second 2", "second 2"]
    assert pad.take_all() == "2"


def test_keys_that_nobody_takes_are_bounded_and_counted() -> None:
    pad = Keypad()
    for number in range(KEPT + 5):
        pressed(pad, str(number % 10), float(number))
    assert (len(pad), pad.dropped) == (KEPT, 5)
