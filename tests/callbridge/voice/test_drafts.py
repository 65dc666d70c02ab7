"""Texts while the caller still speaks: a recogniser that takes hints is told what it heard so far,
one that does not is asked as ever, and what goes wrong with a draft never reaches the turn."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any, cast

import numpy as np
import pytest

from callbridge import App, Call
from callbridge.speech.engines import Hints, Speech
from callbridge.speech.expecting import Expect, choice
from callbridge.testing import Pair, Wait, caller, says, tone
from callbridge.testing.speech import PitchRecogniser
from telecodecs import Pcm, silence
from tests.callbridge.hummed import EAR, HELLO, LEAVES_IT, QUIET, STOP, TEXTS, SlowJobs, parrot

HANGS_S = 1000.0
GAP_S = 0.16  # between words: a draft, and no pause
SAID = f"{TEXTS[HELLO]} {TEXTS[STOP]}"
TWO_WORDS = np.concatenate((tone(1.0, HELLO), silence(round(GAP_S * 8000)), tone(1.0, STOP)))


class Drafting(PitchRecogniser):
    """Keeps what it was told. `draft` is what it makes of the caller's first words."""

    def __init__(self, draft: Callable[[], Any] = lambda: TEXTS[HELLO]) -> None:
        super().__init__(TEXTS)
        self.told: list[str] = []
        self.choices: list[tuple[str, ...]] = []
        self.fails = 0
        self._draft = draft

    def transcribe_with(self, pcm: Pcm, sample_rate: int, hints: Hints) -> str:
        self.told.append(hints.so_far)
        self.choices.append(hints.choices)
        if self.fails:
            self.fails -= 1
            raises()
        text = self.transcribe(pcm, sample_rate)
        return cast("str", self._draft()) if text == TEXTS[HELLO] else text


class Plain(PitchRecogniser):
    """Counts."""

    def __init__(self) -> None:
        super().__init__(TEXTS)
        self.asked = 0

    def transcribe(self, pcm: Pcm, sample_rate: int) -> str:
        self.asked += 1
        return super().transcribe(pcm, sample_rate)


class Listener:
    """A bot that hears one turn."""

    text = ""

    def __init__(self, expect: Expect | None = None) -> None:
        self._expect: Expect | None = expect

    async def __call__(self, call: Call) -> None:
        turn = await call.listen(expect=self._expect)
        self.text = turn.failed or turn.text


def raises() -> Any:
    raise ValueError("a draft")


@pytest.fixture
def recogniser() -> PitchRecogniser:
    return Drafting()


@pytest.fixture
def app(recogniser: PitchRecogniser) -> App:
    engines: Speech = replace(EAR, recogniser=recogniser)
    return App(speech=engines)


async def test_at_the_pause_the_recogniser_is_told_what_it_heard_in_the_gap(
    app: App, pair: Pair, recogniser: Drafting
) -> None:
    listener = Listener()
    app.call(listener)
    await pair.call(caller(says(TWO_WORDS), LEAVES_IT))
    assert listener.text == SAID
    # In the gap, and at the beginning of the pause: the silence after that changes nothing.
    assert recogniser.told == ["", TEXTS[HELLO]]


@pytest.mark.parametrize("recogniser", [Plain()])
async def test_a_recogniser_that_takes_no_hints_is_asked_at_the_pause_alone(
    app: App, pair: Pair, recogniser: Plain
) -> None:
    listener = Listener()
    app.call(listener)
    await pair.call(caller(says(TWO_WORDS), LEAVES_IT))
    assert (listener.text, recogniser.asked) == (SAID, 1)


@pytest.mark.parametrize(
    ("recogniser", "told"),
    [
        (Drafting(lambda: "something else"), "something else"),
        (Drafting(lambda: ""), ""),
        (Drafting(raises), ""),
        (Drafting(lambda: None), ""),
        (Drafting(lambda: "la " * 33_333), ""),
    ],
    ids=["contradicts", "empty", "raises", "no text", "100 kB"],
)
async def test_a_bad_draft_does_no_harm_to_the_turn(
    app: App, pair: Pair, recogniser: Drafting, told: str
) -> None:
    listener = Listener()
    app.call(listener)
    await pair.call(caller(says(TWO_WORDS), LEAVES_IT))
    assert listener.text == SAID
    assert recogniser.told == ["", told]


async def test_a_draft_that_fails_at_the_pause_is_made_once_more(
    app: App, pair: Pair, recogniser: Drafting
) -> None:
    """The word is all that is said, and the first time it goes wrong."""
    recogniser.fails = 1
    listener = Listener()
    app.call(listener)
    await pair.call(caller(says(tone(1.0, STOP)), LEAVES_IT))
    assert listener.text == TEXTS[STOP]
    assert recogniser.told == ["", ""]


async def test_each_turn_begins_without_a_text(app: App, pair: Pair, recogniser: Drafting) -> None:
    app.call(Listener())
    await pair.call(caller(says(TWO_WORDS), LEAVES_IT))
    await pair.call(caller(says(TWO_WORDS), LEAVES_IT))
    assert recogniser.told == ["", TEXTS[HELLO]] * 2


@pytest.mark.virtual(jobs=SlowJobs(lambda _result: 0.3))
async def test_a_draft_that_is_late_is_waited_for_and_used(
    app: App, pair: Pair, recogniser: Drafting
) -> None:
    listener = Listener()
    app.call(listener)
    await pair.call(caller(says(TWO_WORDS), LEAVES_IT))
    assert listener.text == SAID
    assert recogniser.told == ["", TEXTS[HELLO]]


async def test_what_the_bot_asks_for_is_told_as_well(
    app: App, pair: Pair, recogniser: Drafting
) -> None:
    app.call(Listener(choice("hello there", "goodbye")))
    await pair.call(caller(says(TWO_WORDS), LEAVES_IT))
    assert recogniser.choices == [("hello there", "goodbye")] * 2


@pytest.mark.virtual(jobs=SlowJobs(lambda _result: HANGS_S))
async def test_a_draft_that_hangs_costs_the_turn_and_not_the_caller_s_patience(
    app: App, pair: Pair, recogniser: Drafting
) -> None:
    listener = Listener()
    app.call(listener)
    began = asyncio.get_running_loop().time()
    await pair.call(caller(says(TWO_WORDS), LEAVES_IT))
    assert "too much to do" in listener.text
    assert asyncio.get_running_loop().time() - began < 12.0
    assert recogniser.told == [""]
    await asyncio.sleep(HANGS_S)  # until the engine comes back


@pytest.mark.virtual(jobs=SlowJobs(lambda _result: 0.25))
async def test_while_somebody_waits_there_are_no_drafts(
    app: App, pair: Pair, recogniser: Drafting
) -> None:
    """Three callers say the same at once: one worker has their turns to do."""
    app.reply()(parrot)
    script = caller(says(TWO_WORDS), Wait("bot_speaking", 0.3), QUIET)
    calls = [pair.call(script) for _ in range(3)]
    await asyncio.gather(*calls)
    assert app.service.studio().counts.turns == 3
    assert app.service.studio().counts.failed_turns == 0
    assert len(recogniser.told) < 6
