"""Who is meant by what was typed."""

import pytest

from callbridge.desk.finding import Nameable, NotFound, end_of, is_number, is_whole, pick

ANN = Nameable(("v3:abcdefgh", "leg-1"), ("+13125550101",), "Ann")
BEN = Nameable(("v3:xyzdefgh", "leg-2"), ("+13125550102", "+13125550101"), "Ben")
PAT = Nameable(("v3:000-PAT1", "leg-3"), ("pat",), "Pat")
ALL = [ANN, BEN, PAT]


@pytest.mark.parametrize(
    ("wanted", "id"),
    [
        ("v3:abcdefgh", "v3:abcdefgh"),
        ("bcdefgh", "v3:abcdefgh"),
        ("zdefgh", "v3:xyzdefgh"),
        ("eg-2", "v3:xyzdefgh"),
        ("+13125550102", "v3:xyzdefgh"),
        ("pat", "v3:000-PAT1"),
    ],
)
def test_one_is_meant_by_the_end_of_an_id_or_a_whole_name(wanted: str, id: str) -> None:
    assert pick(wanted, ALL, "call") == id


@pytest.mark.parametrize(
    ("wanted", "told"),
    [
        ("efgh", "'efgh' is more than one call: Ann, Ben; say more of the id"),
        ("+13125550101", "'+13125550101' is more than one call: Ann, Ben; say more of the id"),
        ("gh", "there is no call 'gh', there are: Ann, Ben, Pat"),
        ("at", "there is no call 'at', there are: Ann, Ben, Pat"),
        ("125550102", "there is no call '125550102', there are: Ann, Ben, Pat"),
    ],
)
def test_nobody_is_guessed(wanted: str, told: str) -> None:
    with pytest.raises(NotFound) as raised:
        pick(wanted, ALL, "call")
    assert str(raised.value) == told


def test_a_long_list_is_cut() -> None:
    many = [Nameable((f"id-{number:03}",), shown=str(number)) for number in range(25)]
    with pytest.raises(NotFound, match=r"18, 19 and 5 more$"):
        pick("nobody", many, "call")


def test_what_is_shown_of_an_id_can_be_typed() -> None:
    assert end_of("v3:abcde-fghijkl") == "fghijkl"
    assert end_of("v3:abcdefghijkl") == "efghijkl"


def test_what_is_whole_and_what_a_number() -> None:
    assert is_whole("v3:MdI91X4lWFEs7IgbBEOT9M4AigoY08M0WWZFISt1Yw2axZ_IiE4pqg")
    assert is_whole("239cbfd9-a372-44fd-b839-c8a5898e36ff")
    assert not is_whole("v3:short")
    assert [is_number(each) for each in ("+1312", "1312", "sip:a@b", "a1b2")] == [True] * 3 + [
        False
    ]
