"""The receptionist in virtual time: whom they put through, and what becomes of the caller."""

import logging

import pytest
from examples import receptionist

from callbridge import App
from callbridge.carrier.config import Behaviour
from callbridge.testing import HangUp, Pair, PlacedCall, Wait, says
from tests.callbridge.hummed import loud_s
from tests.examples.people import ACCEPTS, DECLINES, IGNORES, VOICE, heard_by, told

SALES, SUPPORT, OFFICE = (desk.number for desk in receptionist.DESKS)
MESSAGE = "Please call me back."


@pytest.fixture
def app(caplog: pytest.LogCaptureFixture) -> App:
    caplog.set_level(logging.INFO, "callbridge")
    return receptionist.app


def sales(person: Behaviour) -> pytest.MarkDecorator:
    """Who is there."""
    return pytest.mark.virtual(numbers={SALES: person})


async def wants_an_offer(pair: Pair) -> PlacedCall:
    """Alice, until she waits."""
    call = await pair.ring()
    await call.hears(receptionist.GREETING)
    await call.does(says("This is Alice Miller."))
    await call.hears(receptionist.ABOUT)
    await call.does(says("I need an offer."))
    await call.hears("One moment, please.")
    return call


@sales(ACCEPTS)
async def test_a_person_is_told_who_it_is_and_what_about(pair: Pair) -> None:
    call = await wants_an_offer(pair)
    await call.hears(receptionist.ANYTHING)
    report = await call.hangs_up()
    assert heard_by(SALES, report)[0] == "Alice Miller is calling. They say: I need an offer."
    assert loud_s(report.bot, VOICE) > 2.8


@sales(ACCEPTS)
async def test_when_the_person_leaves_the_caller_is_asked_what_else(pair: Pair) -> None:
    call = await wants_an_offer(pair)
    await call.hears(receptionist.ANYTHING)
    await call.does(says("No, thank you."))
    await call.hears(receptionist.GOODBYE)
    report = await call.over()
    assert report.hung_up_by == "bot"


@sales(ACCEPTS)
async def test_whoever_wants_something_else_is_put_through_again(pair: Pair) -> None:
    call = await wants_an_offer(pair)
    await call.hears(receptionist.ANYTHING)
    await call.does(says("I forgot the price."))
    await call.hears(receptionist.ANYTHING)
    report = await call.hangs_up()
    assert "Alice Miller is calling. They say: I forgot the price." in heard_by(SALES, report)


@pytest.mark.parametrize(
    "why",
    [
        pytest.param("cannot take your call now", marks=sales(DECLINES)),
        pytest.param("is on another call", marks=sales("busy")),
        pytest.param("does not answer", marks=sales(IGNORES)),
        pytest.param("does not answer", marks=pytest.mark.virtual(numbers={})),
    ],
)
async def test_who_is_not_put_through_leaves_a_message(
    pair: Pair, why: str, caplog: pytest.LogCaptureFixture
) -> None:
    call = await wants_an_offer(pair)
    await call.hears(f"I am sorry, our sales team {why}.", within_s=60)
    await call.hears("after the tone.")
    await call.does(Wait("bot_silent", 1.0), says(MESSAGE))
    await call.hears("I will give it to our sales team.")
    await call.over()
    [message] = told(caplog, "message")
    assert (message["desk"], message["words"]) == ("our sales team", MESSAGE)
    assert message["link"].startswith("http")


@sales("busy")
async def test_a_message_is_kept_of_who_hangs_up_in_the_middle(
    pair: Pair, caplog: pytest.LogCaptureFixture
) -> None:
    call = await wants_an_offer(pair)
    await call.hears("after the tone.")
    await call.does(Wait("bot_silent", 1.0), says(MESSAGE), HangUp())
    await call.over()
    [message] = told(caplog, "message")
    assert message["link"].startswith("http")


async def test_who_does_not_say_what_they_want_is_asked_again(pair: Pair) -> None:
    call = await pair.ring()
    await call.hears(receptionist.GREETING)
    await call.does(says("This is Alice Miller."))
    await call.hears(f"{receptionist.AGAIN} {receptionist.ABOUT}")
    await call.hears(receptionist.GOODBYE)
    await call.over()


@pytest.mark.parametrize(
    ("matter", "number"),
    [("What is the price?", SALES), ("My heating is broken.", SUPPORT), ("Mr. Miller.", OFFICE)],
)
def test_what_they_say_tells_whom_it_concerns(matter: str, number: str) -> None:
    assert receptionist.desk_for(matter).number == number


@pytest.mark.parametrize(
    "words", ["This is Alice Miller.", "Hello, my name is Alice Miller.", "Alice Miller"]
)
def test_a_name_is_taken_out_of_what_is_said_around_it(words: str) -> None:
    assert receptionist.as_name(words) == "Alice Miller"
