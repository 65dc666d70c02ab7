"""What the bot asks for is known where turns are taken, over media and over the relay."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import numpy as np
import pytest

from callbridge import App, Call, Turn, choice, digits
from callbridge.calls.leg import VoiceKind
from callbridge.speech.expecting import AskedFor, Expect, Expecting, expecting
from callbridge.testing import Wait, caller, converse, says
from callbridge.testing.speech import SpellingRecogniser
from telecodecs import Pcm, silence

STAYS = Wait("hangup", within_s=60)
both_voices = pytest.mark.parametrize("voice", ["media", "relay"])


def known_by(
    voice: VoiceKind, ask: Callable[[Call], Awaitable[object]], answer: str = "four four one two"
) -> list[Expecting]:
    """What is expected before the caller answers, and when the bot has the answer."""
    known: list[Expecting] = []
    app = App()

    @app.call
    async def bot(call: Call) -> None:
        async def look() -> None:
            await asyncio.sleep(4.0)
            known.append(call.voice.turns.expecting)

        looking = asyncio.create_task(look())
        await ask(call)
        await looking
        known.append(call.voice.turns.expecting)
        await call.hangup()

    converse(app, caller(Wait("bot_silent", 4.0), says(answer), STAYS), voice=voice)
    return known


def guessed(asked: AskedFor, count: int = 0) -> Expecting:
    return Expecting(asked, count, count, guessed=True)


@both_voices
def test_what_is_asked_is_guessed_from_what_is_said(voice: VoiceKind) -> None:
    async def ask(call: Call) -> None:
        await call.say("Hello. What is your four digit PIN?")
        await call.listen()

    assert known_by(voice, ask) == [guessed(AskedFor.DIGITS, 4)] * 2


@both_voices
def test_of_a_text_that_comes_in_pieces_too(voice: VoiceKind) -> None:
    async def pieces() -> AsyncIterator[str]:
        for piece in ("Is ", "that ", "ri", "ght?"):
            yield piece
            await asyncio.sleep(0.05)

    async def ask(call: Call) -> None:
        await call.say(pieces())
        await call.listen()

    assert known_by(voice, ask) == [guessed(AskedFor.YES_NO)] * 2


@both_voices
def test_who_listens_knows_better_for_as_long_as_they_do(voice: VoiceKind) -> None:
    async def ask(call: Call) -> None:
        await call.say("Is that right?")
        await call.listen(expect=digits(8))

    assert known_by(voice, ask) == [digits(8), guessed(AskedFor.YES_NO)]


@both_voices
def test_what_goes_with_a_text_holds_until_the_next_one(voice: VoiceKind) -> None:
    async def ask(call: Call) -> None:
        await call.say("Which department?", expect=choice("sales", "support"))
        await call.listen()
        await call.say("Is that right?")

    assert known_by(voice, ask) == [choice("sales", "support"), guessed(AskedFor.YES_NO)]


@both_voices
def test_a_gather_that_hears_has_the_digits_that_were_said(voice: VoiceKind) -> None:
    entries: list[tuple[str, str, str]] = []

    async def ask(call: Call) -> None:
        entry = await call.gather(4, prompt="Your PIN?", timeout=9.0, speech=True, expect=digits(4))
        entries.append((entry.stop, entry.digits, entry.spoken_digits))

    assert known_by(voice, ask)[0] == digits(4)
    assert entries == [("speech", "", "4412")]


def test_a_word_that_is_no_expectation_is_an_error_where_it_stands() -> None:
    app = App()

    @app.call
    async def bot(call: Call) -> None:
        with pytest.raises(ValueError, match="'number': it is one of anything, yes_no"):
            await call.listen(expect="number")  # type: ignore[arg-type]
        await call.hangup()

    assert converse(app, caller(STAYS)).hung_up_by == "bot"


def test_names_stand_for_expectations() -> None:
    assert expecting("digits") == Expecting(AskedFor.DIGITS)


def paused(*pieces: str, pause_s: float) -> Pcm:
    """A caller who pauses between two pieces of what they say."""
    spoken = [SpellingRecogniser().pronounce(piece).pcm for piece in pieces]
    between = silence(round(pause_s * 8000))
    return np.concatenate([part for piece in spoken for part in (piece, between)][:-1])


def answered_after_s(said: Pcm, expect: Expect, *turns: str) -> float:
    """From the caller's last sound to the bot's answer; what they said has to be these turns."""
    app, heard = App(), list[Turn]()

    @app.call
    async def bot(call: Call) -> None:
        await call.say("Go ahead.")
        for _ in turns:
            heard.append(await call.listen(expect=expect))
        await call.say("Thank you.")
        await call.hangup()

    converse(app, caller(Wait("bot_silent", 1.0), says(said), STAYS))
    assert tuple(turn.text for turn in heard) == turns
    waterfall = heard[-1].waterfall
    return waterfall.turn_ended - waterfall.last_voiced


def test_who_was_asked_for_eight_digits_may_pause_after_five() -> None:
    said = paused("4 4 1 2 9 ", "8 1 1", pause_s=1.3)
    answered_after_s(said, digits(8), "4 4 1 2 9 8 1 1")


def test_who_has_said_all_that_was_asked_for_is_answered_sooner() -> None:
    said = paused("4 4 1 2", pause_s=0.0)
    complete = answered_after_s(said, digits(4), "4 4 1 2")
    incomplete = answered_after_s(said, digits(8), "4 4 1 2")
    assert complete < incomplete / 2
