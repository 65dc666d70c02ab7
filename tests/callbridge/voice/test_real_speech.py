"""A person on the line, and the offline engines at the other end: whole calls over μ-law.

In virtual time, in which the engines take none; what they cost is measured in benchmarks/."""

import re
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from callbridge import App, Call, Turn
from callbridge.speech.engines import Speech, Synthesiser, Word
from callbridge.speech.offline import PACKAGES, offline
from callbridge.testing import CallReport, Pair, Wait, caller, says
from telecodecs import Pcm, g711, silence
from tests.callbridge.does import Does
from tests.callbridge.hummed import LEAVES_IT, QUIET
from tests.callbridge.speech.person import FOUR_CLAUSES, FOUR_CLAUSES_TEXT, TWO_CLAUSES, passage

BOT_SAYS = (
    "your train leaves at nine forty five from platform seven and it arrives in the afternoon at "
    "half past three where you change for the coast and the islands"
)


class Remembering:
    """espeak-ng breathes at random: the same text never sounds the same."""

    def __init__(self, voice: Synthesiser) -> None:
        self._voice = voice
        self.said: list[Word] = []

    def speak(self, text: str, sample_rate: int) -> Sequence[Word]:
        words = self._voice.speak(text, sample_rate)
        self.said.extend(words)
        return words


@pytest.fixture(scope="module")
def engines() -> Speech:
    for package in PACKAGES:
        pytest.importorskip(package)
    return offline()


@pytest.fixture
def voice(engines: Speech) -> Remembering:
    return Remembering(engines.synthesiser)


@pytest.fixture
def app(engines: Speech, voice: Remembering) -> App:
    return App(speech=replace(engines, synthesiser=voice))


# ---- the bots -----------------------------------------------------------------------------------


class Scribe:
    """Keeps all that is said to it."""

    def __init__(self) -> None:
        self.turns: list[Turn] = []

    async def __call__(self, call: Call) -> None:
        self.turns.extend([turn async for turn in call.turns()])


class Agrees:
    """Says yes to everything, and keeps when the caller's last sound was."""

    last_voiced = 0.0

    async def __call__(self, call: Call, turn: Turn) -> str:
        self.last_voiced = turn.waterfall.last_voiced
        return "Yes."


# ---- what is said to it -------------------------------------------------------------------------


def words(text: str) -> list[str]:
    return re.findall(r"[a-z']+", text.lower())


async def test_four_clauses_are_understood_to_the_word(app: App, pair: Pair) -> None:
    scribe = Scribe()
    app.call(scribe)
    await pair.call(caller(says(passage(FOUR_CLAUSES)), Wait("bot_silent", 2.0)))
    assert words(" ".join(turn.text for turn in scribe.turns)) == words(FOUR_CLAUSES_TEXT)


@pytest.mark.parametrize("rms", [300, 3000], ids=["quiet", "as loud as speech"])
async def test_noise_in_the_place_of_the_person_is_not_understood(
    app: App, pair: Pair, rms: float
) -> None:
    scribe = Scribe()
    app.call(scribe)
    noise = np.random.default_rng(5).normal(0, rms, len(passage(FOUR_CLAUSES)))
    await pair.call(caller(says(noise.astype(np.int16)), Wait("bot_silent", 2.0)))
    assert scribe.turns == []


async def test_the_waterfall_begins_at_the_callers_last_sound(app: App, pair: Pair) -> None:
    bot = app.reply()(Agrees())
    rang_at = pair.clock.now()
    report = await pair.call(
        caller(says(silence(4000)), says(passage(TWO_CLAUSES)), Wait("bot_speaking", 0.3), QUIET)
    )
    assert report.answered_at_s is not None
    begins = rang_at + report.answered_at_s
    assert bot.last_voiced == pytest.approx(begins + last_sound_s(report.caller), abs=0.060)
    steps = app.service.studio().counts.waterfalls[-1]
    assert list(steps.values()) == sorted(steps.values())
    assert 0.64 <= steps["turn_ended"] < 0.95  # Silero holds on to a word for up to 0.3 s
    assert steps["first_heard"] < 1.05


def last_sound_s(pcm: Pcm) -> float:
    """Where the last 10 ms end that are less than 26 dB below the loudest."""
    frames = pcm[: len(pcm) // 80 * 80].reshape(-1, 80).astype(np.float64)
    power = (frames**2).mean(axis=1)
    return float(np.flatnonzero(power > power.max() * 10**-2.6)[-1] + 1) / 100


# ---- what it says -------------------------------------------------------------------------------


@pytest.mark.parametrize("after_s", [0.6, 2.5])
async def test_a_person_interrupts_and_what_was_heard_is_what_the_recording_holds(
    app: App, pair: Pair, voice: Remembering, after_s: float
) -> None:
    desk = Does(lambda call: call.say(BOT_SAYS), lambda call: call.listen())
    app.call(desk)
    report = await pair.call(
        caller(Wait("bot_speaking", after_s), says(4 * passage(TWO_CLAUSES)), LEAVES_IT)
    )  # on a telephone people are not as quiet as in this recording: -36 dBFS
    outcome, turn = desk.results
    assert outcome.stop == "interrupted"
    sounding = whole_words(voice.said, report)
    assert abs(len(outcome.text.split()) - sounding) <= 1
    assert 1 <= sounding < len(BOT_SAYS.split()) - 3
    assert BOT_SAYS.startswith(outcome.text.strip())
    assert app.service.studio().counts.interruptions == 1
    assert words(turn.text)[:3] == ["it", "was", "the"]


def whole_words(spoken: list[Word], report: CallReport) -> int:
    """How many of these words the caller's side has heard to their end."""
    meant = np.concatenate([word.pcm for word in spoken])
    meant = g711.decode_ulaw(g711.encode_ulaw(meant))
    begins = int(np.flatnonzero(report.bot)[0] - np.flatnonzero(meant)[0])
    heard = report.bot[begins : begins + len(meant)]
    same = heard == meant[: len(heard)]
    until = len(heard) if same.all() else int(np.argmin(same))
    return int((np.cumsum([len(word.pcm) for word in spoken]) <= until).sum())
