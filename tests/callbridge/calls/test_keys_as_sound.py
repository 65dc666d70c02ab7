"""Whole calls of people whose keys are tones in their audio."""

import logging
from typing import Any, get_args

import msgspec
import numpy as np
import pytest

from callbridge import App, Call
from callbridge.carrier.people.script import KeyForm, LegCodec
from callbridge.serve.settings import CODEC_RATES
from callbridge.testing import Pair, Press, Wait, caller, converse, says, tone
from callbridge.testing.speech import pitched
from callbridge.testing.words import Conversation
from telecodecs import MissingLibrary, Pcm, codec, silence
from telecodecs.dtmf import DtmfDetector
from tests.callbridge.does import Does
from tests.callbridge.hummed import LEAVES_IT

ALL = "0123456789*#ABCD"
SENTENCE = "This is a rather long sentence that goes on for quite a while."


def presses(*steps: Any, keys: KeyForm = "tones_only", leg: LegCodec = "PCMU") -> Any:
    return msgspec.structs.replace(caller(*steps, LEAVES_IT), keys=keys, codec=leg)


class Gathers:
    """All keys that come until nobody has pressed one for three seconds."""

    def __init__(self, count: int = 64) -> None:
        self.count = count
        self.digits: list[str] = []

    async def __call__(self, call: Call) -> None:
        entry = await call.gather(self.count, timeout=3.0, end_on="")
        self.digits.append(entry.digits)


def gathered(app: App, keys: str, *, form: KeyForm = "tones_only", **options: Any) -> str:
    bot = Gathers()
    app.call(bot)
    converse(app, presses(Press(keys), keys=form, leg=options.pop("leg", "PCMU")), **options)
    (digits,) = bot.digits
    return digits


# ---- heard --------------------------------------------------------------------------------------


@pytest.mark.parametrize("sample_rate", [8000, 16000, 48000])
@pytest.mark.parametrize("leg", get_args(LegCodec))
def test_keys_of_every_leg_reach_the_bot(leg: str, sample_rate: int) -> None:
    try:
        one = codec(leg)
        one.encode(silence(one.encoding.sample_rate // 50))
    except MissingLibrary as error:
        pytest.skip(str(error))
    app = App(sample_rate=sample_rate, dtmf_in_audio=True)
    settings = {"codec": leg if leg in CODEC_RATES else "PCMU"}
    assert gathered(app, ALL + "55", leg=leg, settings=settings) == ALL + "55"


def test_without_the_option_no_sound_is_a_key() -> None:
    assert gathered(App(), "123") == ""


@pytest.mark.parametrize("ours", [None, True, False])
def test_the_option_of_the_application_goes_before_the_setting(ours: bool | None) -> None:
    digits = gathered(App(dtmf_in_audio=ours), "123", settings={"dtmf_in_audio": True})
    assert digits == ("" if ours is False else "123")


@pytest.mark.parametrize("delay", [0.0, 0.4])
def test_keys_that_the_platform_tells_of_as_well_count_once(delay: float) -> None:
    """Its word comes with the sound, or with a slow network."""
    keys = "5555555555" + "1212#"
    assert gathered(App(dtmf_in_audio=True), keys, form="tones", delay=delay) == keys


def test_keys_that_the_platform_tells_of_alone_count_as_ever() -> None:
    assert gathered(App(dtmf_in_audio=True), "5512#", form="events") == "5512#"


# ---- and no speech ------------------------------------------------------------------------------


def talked_over(*, heard: bool) -> tuple[Any, Conversation]:
    """What became of a sentence in the middle of which somebody presses five keys."""
    app = App(speech=pitched({440.0: "hello"}), dtmf_in_audio=heard)
    bot = Does(lambda call: call.say(SENTENCE), lambda call: call.gather(5, timeout=1.0))
    app.call(bot)
    report = converse(app, presses(Wait("bot_speaking", 0.5), Press("12345")))
    return bot.results, report


def test_keys_neither_stop_the_bot_nor_are_words() -> None:
    (said, entry), report = talked_over(heard=True)
    assert (said.stop, entry.digits) == ("finished", "12345")
    assert not report.clears  # nothing was withheld, to see whether they interrupt
    assert not report.heard


def test_unheard_they_are_taken_for_speech() -> None:
    (_, entry), report = talked_over(heard=False)
    assert entry.digits == ""
    assert report.clears


class Frames:
    """Keeps all that it hears."""

    def __init__(self) -> None:
        self.heard: list[Pcm] = []

    async def __call__(self, call: Call) -> None:
        async for pcm in call.audio():
            self.heard.append(pcm)


def test_a_bot_of_frames_gets_the_tones_as_they_came() -> None:
    app, bot = App(dtmf_in_audio=True), Frames()
    app.call(bot)
    converse(app, msgspec.structs.replace(caller(Press("7")), keys="tones_only"))
    assert DtmfDetector(8000).process(np.concatenate(bot.heard)) == "7"


async def test_speech_behind_a_key_is_heard(pair: Pair, app: App) -> None:
    bot = Does(lambda call: call.gather(1, timeout=3.0), lambda call: call.listen(timeout=5.0))
    app.call(bot)
    await pair.call(presses(Press("7"), Wait("bot_silent", 0.5), says(tone(1.0))))
    entry, turn = bot.results
    assert (entry.digits, turn.text) == ("7", "hello")


@pytest.fixture
def app() -> App:
    return App(speech=pitched({440.0: "hello"}), dtmf_in_audio=True)


# ---- secrets ------------------------------------------------------------------------------------


class AsksForPin:
    def __init__(self) -> None:
        self.pin = self.after = ""

    async def __call__(self, call: Call) -> None:
        async with call.secure():
            self.pin = (await call.gather(4, timeout=5.0)).digits
        self.after = (await call.gather(1, timeout=5.0)).digits


async def test_the_log_has_dots_for_the_keys_of_a_secure_block(
    pair: Pair, app: App, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "callbridge")
    bot = AsksForPin()
    app.call(bot)
    await pair.call(presses(Press("4711"), Wait("bot_silent", 1.0), Press("9")))
    assert (bot.pin, bot.after) == ("4711", "9")
    lines = [vars(record) for record in caplog.records if record.message == "key"]
    assert [line["digit"] for line in lines] == ["•", "•", "•", "•", "9"]
    assert all(line["as_sound"] for line in lines)
