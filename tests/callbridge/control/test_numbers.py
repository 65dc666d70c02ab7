"""Numbers are compared by their digits, SIP addresses as they are."""

import pytest

from callbridge import App, Call
from callbridge.control.numbers import key, registered_key
from callbridge.errors import SettingsError
from callbridge.testing import Wait, caller, converse

NUMBER = "13125550100"
SPELLINGS = [
    "+13125550100",
    "+1 (312) 555-0100",
    "1.312.555.0100",
    "001 312/555 01 00",
    "tel:+1-312-555-0100;ext=7",
    "\u202a+1\u00a0312\u2011555\u20110100\u202c",
    "+1 312 555\N{EN DASH}0100",
    "\N{FULLWIDTH PLUS SIGN}１３１２５５５０１００",
]


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_a_number_is_its_digits(spelling: str) -> None:
    assert key(spelling) == registered_key(spelling) == NUMBER


def test_a_zero_that_is_dialled_at_home_only_is_not_part_of_the_number() -> None:
    assert key("+44 (0)20 7946 0018") == key("+442079460018")


def test_sheffield_is_not_abroad() -> None:
    assert key("0114 496 0018") == "01144960018"


def test_a_sip_address_keeps_its_user() -> None:
    assert key("SIP:Bot@Example.COM;transport=tls") == "sip:Bot@example.com"
    assert registered_key("sip:+1312@example.com") != NUMBER


@pytest.mark.parametrize("text", ["anonymous", "client7", "", "+", "bot@example.com"])
def test_what_is_no_number_is_compared_to_none(text: str) -> None:
    assert key(text) in (text, "")
    with pytest.raises(SettingsError, match="is no telephone number"):
        registered_key(text)


def test_nobody_can_dial_sixteen_digits() -> None:
    with pytest.raises(SettingsError, match="16 digits"):
        App().call("+1312555010012345")


def test_letters_are_refused_when_a_bot_is_registered() -> None:
    with pytest.raises(SettingsError, match="it holds 'F'"):
        App().call("+1 800 FLOWERS")
    with pytest.raises(SettingsError, match="it has no digits"):
        App().reply(number="+")


def test_one_number_cannot_have_two_bots() -> None:
    app = App()

    async def bot(call: Call) -> None: ...

    app.call("+13125550100")(bot)
    with pytest.raises(SettingsError, match="two bots"):
        app.call("+1 312 555 0100")(bot)


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_a_bot_is_rung_however_its_number_is_written(spelling: str) -> None:
    app, rung = App(), list[str]()

    @app.call(spelling)
    async def bot(call: Call) -> None:
        rung.append(call.to)

    @app.call
    async def other(call: Call) -> None:
        rung.append("the other")

    converse(app, caller(Wait("hangup", within_s=10)))
    assert rung == ["+13125550100"]
