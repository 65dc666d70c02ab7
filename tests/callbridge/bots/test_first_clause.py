"""An answer sounds from its first clause on: who waits for a whole sentence waits for nothing."""

import asyncio
import re
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace

import pytest

from callbridge import App, Call, Turn
from callbridge.speech.engines import Word
from callbridge.testing import Pair
from callbridge.testing.speech import HummingSynthesiser
from tests.callbridge.hummed import EAR, QUIET, asks, hummed_s, says_s

TOKEN_S = 0.04  # of a fast language model: 25 words a second
CLAUSE = "Of course I can help you with that, "
REST = "but first I need the number that is printed on the top right of your letter. "
SENTENCE = "Then we go on."
ANSWER = CLAUSE + REST + SENTENCE


class KeepingSynthesiser(HummingSynthesiser):
    """The voice of the tests; keeps the pieces that it was given to say."""

    def __init__(self) -> None:
        self.pieces: list[str] = []

    def speak(self, text: str, sample_rate: int) -> Sequence[Word]:
        self.pieces.append(text)
        return super().speak(text, sample_rate)


@pytest.fixture
def voice() -> KeepingSynthesiser:
    return KeepingSynthesiser()


@pytest.fixture
def app(voice: KeepingSynthesiser) -> App:
    return App(speech=replace(EAR, synthesiser=voice))


async def streamed(text: str) -> AsyncIterator[str]:
    """Word by word, as language models write."""
    for word in re.findall(r"\S+\s*", text):
        yield word
        await asyncio.sleep(TOKEN_S)


# ---- the bots -----------------------------------------------------------------------------------


def streams(call: Call, turn: Turn) -> AsyncIterator[str]:
    return streamed(ANSWER)


async def returns_it_whole(call: Call, turn: Turn) -> str:
    return ANSWER


async def asks_in_between(call: Call, turn: Turn) -> AsyncIterator[str]:
    async for word in streamed(ANSWER):
        yield word
    await call.gather(1, timeout=0.5)
    async for word in streamed(ANSWER):
        yield word


# ---- what is said, and when ---------------------------------------------------------------------


async def test_an_answer_sounds_from_its_first_clause_on(app: App, pair: Pair) -> None:
    app.reply()(streams)
    await pair.call(asks(QUIET, QUIET))
    (steps,) = app.service.studio().counts.waterfalls
    words = len(CLAUSE.split()) - 1  # the first one comes at once
    assert steps["first_sent"] - steps["first_token"] == pytest.approx(words * TOKEN_S, abs=0.021)


async def test_later_pieces_are_sentences(app: App, pair: Pair, voice: KeepingSynthesiser) -> None:
    app.reply()(streams)
    report = await pair.call(asks(QUIET, QUIET))
    assert voice.pieces == [CLAUSE, REST, SENTENCE]
    assert [turn.text for turn in report.said] == [ANSWER]
    assert hummed_s(report) == pytest.approx(says_s(ANSWER), abs=0.1)
    assert b"callbridge_underruns_total 0.0" in app.service.metrics.text()


async def test_what_follows_a_question_begins_with_a_clause_again(
    app: App, pair: Pair, voice: KeepingSynthesiser
) -> None:
    app.reply()(asks_in_between)
    await pair.call(asks(QUIET, QUIET, QUIET))
    assert voice.pieces == [CLAUSE, REST, SENTENCE] * 2


async def test_a_text_that_is_there_already_is_said_by_sentences(
    app: App, pair: Pair, voice: KeepingSynthesiser
) -> None:
    app.reply()(returns_it_whole)
    await pair.call(asks(QUIET, QUIET))
    assert voice.pieces == [CLAUSE + REST, SENTENCE]
