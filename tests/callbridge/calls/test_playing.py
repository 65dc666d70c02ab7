"""Sounds that go round, under what is said, and while somebody holds: as the caller hears them."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from callbridge import App, Call, Outcome, Turn
from callbridge.carrier.people.script import Step
from callbridge.errors import VoiceCannot
from callbridge.host.audiofile import Clip
from callbridge.host.wav import write_wav
from callbridge.testing import Conversation, Pair, Press, Wait, caller, converse, says, tone
from callbridge.testing.speech import SPOKEN_HERTZ
from telecodecs import Pcm, codec, silence
from telecodecs.tones import hold_music
from tests.callbridge.does import Does
from tests.callbridge.hummed import EAR, HELLO, LEAVES_IT, STOP, says_s

RATE = 8000
BEHIND_HERTZ = 1000.0
BEHIND = tone(1.0, BEHIND_HERTZ)  # a whole number of periods: it goes round without a seam
TEXT = "one two three four five six seven eight nine ten eleven twelve."
CLICK = 2500  # a jump between two samples of a quiet tone that it does not make by itself


@pytest.fixture
def app() -> App:
    return App(speech=EAR)


def noise(samples: int) -> Pcm:
    """No two samples of it are alike, so that each one has its place."""
    return np.random.default_rng(1).integers(-9000, 9000, samples).astype(np.int16)


def on_the_line(pcm: Pcm) -> Pcm:
    law = codec("PCMU")
    return law.decode(law.encode(pcm))


def sounding(report: Conversation) -> Pcm:
    """From the first sample that is heard to the last."""
    heard = np.flatnonzero(report.bot)
    return report.bot[heard[0] : heard[-1] + 1]


def level_db(pcm: Pcm, hertz: float) -> NDArray[np.float64]:
    """Of one tone, in each 20 ms: dB below full scale."""
    frames = pcm[: len(pcm) // 160 * 160].reshape(-1, 160).astype(np.float64)
    wave = np.exp(-2j * np.pi * hertz * np.arange(160) / RATE)
    amplitude: NDArray[np.float64] = np.abs(frames @ wave) / 80
    return 20 * np.log10(np.maximum(amplitude, 1.0) / 32768)


def longest_hole_s(pcm: Pcm, hertz: float = BEHIND_HERTZ) -> float:
    """The longest time without the tone between the first and the last time that it is heard."""
    there = np.flatnonzero(level_db(pcm, hertz) > -50)
    return float(np.diff(there).max() - 1) / 50


Act = Callable[[Call], Awaitable[Outcome | None]]


async def says_it(call: Call) -> Outcome:
    return await call.say(TEXT)


# ---- over and over ------------------------------------------------------------------------------


async def test_three_rounds_are_heard_without_a_gap(app: App, pair: Pair) -> None:
    once = noise(6217)
    plays = Does(lambda call: call.play(once, loop=3))
    app.call(plays)
    report = await pair.call(caller(LEAVES_IT))
    heard = report.bot[np.flatnonzero(report.bot)[0] :][: 3 * len(once)]
    assert (heard == on_the_line(np.tile(once, 3))).all()
    [outcome] = plays.results
    assert (outcome.stop, outcome.heard_s, outcome.certainty) == (
        "finished",
        3 * len(once) / RATE,
        "measured",
    )


@pytest.mark.parametrize("rate", [16000, 24000])
def test_no_seam_is_heard_where_the_rate_of_the_bot_is_another(rate: int) -> None:
    app = App(sample_rate=rate)
    once = np.roll(tone(0.25, BEHIND_HERTZ, rate), rate // 4000)  # it begins at a crest
    app.call(Does(lambda call: call.play(once, loop=8)))
    report = converse(app, caller(LEAVES_IT))
    heard = sounding(report)[:16000]
    assert len(heard) >= 15990
    phase = 2j * np.pi * BEHIND_HERTZ / RATE * np.arange(len(heard))
    wave = 2 * np.exp(phase) * (heard @ np.exp(-phase)) / len(heard)
    assert np.abs(heard - wave.real).max() < 300, "more than the law makes of it"


async def looks_at_a_long_file(call: Call, path: Path) -> tuple[float, Outcome]:
    playing = asyncio.create_task(call.play(path))
    await asyncio.sleep(5.0)
    queued_s = call.queued_s
    call.interrupt()
    return queued_s, await playing


async def test_of_a_long_file_some_seconds_are_in_memory(
    app: App, pair: Pair, tmp_path: Path
) -> None:
    path = tmp_path / "long.wav"
    path.write_bytes(write_wav(noise(60 * RATE), RATE))
    looks = Does(lambda call: looks_at_a_long_file(call, path))
    app.call(looks)
    report = await pair.call(caller(LEAVES_IT))
    [(queued_s, outcome)] = looks.results
    assert 1.0 < queued_s < 3.2
    assert outcome.stop == "interrupted"
    heard = report.bot[np.flatnonzero(report.bot)[0] :][: round(outcome.heard_s * RATE)]
    assert len(heard) > 4 * RATE
    assert (heard == on_the_line(noise(60 * RATE))[: len(heard)]).all()


async def test_it_goes_round_until_a_key_stops_it(app: App, pair: Pair) -> None:
    plays = Does(lambda call: call.play(noise(4000), loop=True, stop_on="5"))
    app.call(plays)
    report = await pair.call(caller(Wait("bot_speaking", 20.0), Press("5"), LEAVES_IT))
    [outcome] = plays.results
    assert (outcome.stop, outcome.digit, outcome.certainty) == ("key", "5", "measured")
    assert outcome.heard_s > 20.0
    assert abs(len(sounding(report)) / RATE - outcome.heard_s) < 0.05
    heard = sounding(report)
    assert (heard == on_the_line(np.resize(noise(4000), len(heard)))).all()


async def loops_in_a_task(call: Call) -> "asyncio.Task[Outcome]":
    task = asyncio.create_task(call.play(noise(4000), loop=True))
    await asyncio.sleep(5.0)
    return task


class Measures:
    """Loops, looks how much waits, and ends the loop."""

    def __init__(self, end: Callable[[Call, "asyncio.Task[Outcome]"], object]) -> None:
        self.end = end
        self.queued_s = 0.0
        self.outcome: Outcome | None = None

    async def __call__(self, call: Call) -> None:
        task = await loops_in_a_task(call)
        self.queued_s = call.queued_s
        ending = self.end(call, task)
        if asyncio.iscoroutine(ending):
            await ending
        await asyncio.wait({task})
        self.outcome = None if task.cancelled() else task.result()


def interrupts(call: Call, task: object) -> None:
    call.interrupt()


def cancels(call: Call, task: "asyncio.Task[Outcome]") -> None:
    task.cancel()


async def says_something(call: Call, task: object) -> None:
    await call.say(TEXT)


async def hangs_up(call: Call, task: object) -> None:
    await call.hangup()


async def test_an_endless_sound_ends_by_an_interruption(app: App, pair: Pair) -> None:
    bot = Measures(interrupts)
    app.call(bot)
    report = await pair.call(caller(LEAVES_IT))
    assert bot.queued_s <= 2.0
    assert bot.outcome is not None
    assert bot.outcome.stop == "interrupted"
    assert abs(bot.outcome.heard_s - len(sounding(report)) / RATE) < 0.05


async def test_an_endless_sound_ends_with_its_task(app: App, pair: Pair) -> None:
    bot = Measures(cancels)
    app.call(bot)
    report = await pair.call(caller(LEAVES_IT))
    assert bot.outcome is None
    assert 4.8 < len(sounding(report)) / RATE < 5.1


async def test_what_is_said_ends_an_endless_sound(app: App, pair: Pair) -> None:
    bot = Measures(says_something)
    app.call(bot)
    report = await pair.call(caller(LEAVES_IT))
    assert bot.outcome is not None
    assert (bot.outcome.stop, bot.outcome.certainty) == ("finished", "measured")
    assert bot.outcome.heard_s == pytest.approx(5.1, abs=0.15)
    assert report.said[0].heard == TEXT
    assert len(sounding(report)) / RATE == pytest.approx(
        bot.outcome.heard_s + says_s(TEXT), abs=0.03
    )


async def test_an_endless_sound_keeps_no_hang_up_waiting(app: App, pair: Pair) -> None:
    bot = Measures(hangs_up)
    app.call(bot)
    report = await pair.call(caller(LEAVES_IT))
    assert bot.outcome is not None
    assert bot.outcome.stop == "finished"
    assert report.hung_up_by == "bot"
    assert 5.0 < len(sounding(report)) / RATE < 5.3


async def asks_for_the_impossible(call: Call) -> None:
    with pytest.raises(ValueError, match="at least 1"):
        await call.play(noise(10), loop=0)
    with pytest.raises(TypeError, match="not empty"):
        await call.play(noise(0), loop=True)


async def test_a_loop_of_no_times_or_of_nothing_is_refused(app: App, pair: Pair) -> None:
    app.call(asks_for_the_impossible)
    await pair.call(caller(LEAVES_IT))


# ---- under what is said -------------------------------------------------------------------------


class Behind:
    """A second of background, then this, then two more; keeps what it returned."""

    def __init__(self, act: Act = says_it, *, gain_db: float = -10.0, on: bool = True) -> None:
        self.act, self.gain_db, self.on = act, gain_db, on
        self.result: Outcome | None = None
        self.speaking: list[bool] = []
        self.asked_at = self.took_s = 0.0

    async def __call__(self, call: Call) -> None:
        if not self.on:
            await self.inside(call)
            return
        async with call.background(BEHIND, gain_db=self.gain_db):
            await self.inside(call)

    async def inside(self, call: Call) -> None:
        now = asyncio.get_running_loop().time
        await asyncio.sleep(1.0)
        self.speaking.append(call.speaking)
        self.asked_at = now()
        self.result = await self.act(call)
        self.took_s = now() - self.asked_at
        self.speaking.append(call.speaking)
        await asyncio.sleep(2.0)


async def test_it_is_heard_alone_and_twelve_decibels_lower_under_speech(
    app: App, pair: Pair
) -> None:
    bot = Behind()
    app.call(bot)
    report = await pair.call(caller(LEAVES_IT))
    heard = sounding(report)
    behind, spoken = level_db(heard, BEHIND_HERTZ), level_db(heard, SPOKEN_HERTZ)
    said = np.flatnonzero(spoken > -20)
    assert len(said) / 50 == pytest.approx(says_s(TEXT), abs=0.05)
    full = 20 * np.log10(8000 / 32768) - 10
    assert behind[20 : said[0] - 1] == pytest.approx(full, abs=0.3)
    assert behind[said[0] + 4 : said[-1] - 1] == pytest.approx(full - 12, abs=1.0)
    assert behind[said[-1] + 40 : -5] == pytest.approx(full, abs=0.3)
    assert longest_hole_s(heard) == 0.0
    assert bot.speaking == [False, False]
    assert np.abs(np.diff(heard.astype(int))[: 45 * 160]).max() < CLICK


async def test_speech_begins_hardly_later_and_what_was_heard_is_the_same(
    app: App, pair: Pair
) -> None:
    alone, over = Behind(on=False), Behind()
    app.call(alone)
    app.call("+13125550101")(over)
    without = await pair.call(caller(LEAVES_IT))
    with_it = await pair.call(caller(LEAVES_IT, to="+13125550101"))
    assert alone.result == over.result
    assert over.result is not None
    assert over.result.heard_s == pytest.approx(says_s(TEXT))
    assert over.took_s - alone.took_s <= 0.061 + 0.020
    began = [
        int(np.flatnonzero(level_db(each.bot, SPOKEN_HERTZ) > -20)[0]) / 50 - each.said[0].at_s
        for each in (without, with_it)
    ]
    assert 0.0 <= began[1] - began[0] <= 0.080


async def test_a_caller_who_interrupts_hears_the_background_go_on(app: App, pair: Pair) -> None:
    bot = Behind()
    app.call(bot)
    call = await pair.ring()
    await asyncio.sleep(2.0)
    await call.does(says(tone(1.0, STOP)))
    report = await call.over()
    assert bot.result is not None
    assert (bot.result.stop, bot.result.certainty) == ("interrupted", "measured")
    assert len(report.clears) == 1
    heard_s = float((level_db(report.bot, SPOKEN_HERTZ) > -20).sum()) / 50
    assert bot.result.heard_s == pytest.approx(heard_s, abs=0.04)
    assert longest_hole_s(report.bot) <= 0.040
    assert [turn.text for turn in report.heard] == ["stop that now"]


async def test_speech_is_withheld_for_a_cough_and_the_background_is_not(
    app: App, pair: Pair
) -> None:
    bot = Behind()
    app.call(bot)
    call = await pair.ring()
    await asyncio.sleep(2.0)
    await call.does(says(tone(0.3, 900.0)))
    report = await call.over()
    counts = app.service.studio().counts
    assert (counts.withheld, counts.interruptions) == (1, 0)
    assert bot.result is not None
    assert (bot.result.stop, bot.result.certainty) == ("finished", "measured")
    assert bot.result.heard_s == pytest.approx(says_s(TEXT))
    assert longest_hole_s(report.bot, SPOKEN_HERTZ) > 0.3
    assert longest_hole_s(report.bot) == 0.0


async def is_cut_by_the_bot(call: Call) -> Outcome:
    saying = asyncio.create_task(call.say(TEXT))
    await asyncio.sleep(1.0)
    call.interrupt()
    return await saying


async def test_what_the_bot_interrupts_is_not_the_background(app: App, pair: Pair) -> None:
    bot = Behind(is_cut_by_the_bot)
    app.call(bot)
    report = await pair.call(caller(LEAVES_IT))
    assert bot.result is not None
    assert bot.result.stop == "interrupted"
    assert bot.result.heard_s == pytest.approx(0.95, abs=0.07)
    assert longest_hole_s(report.bot) <= 0.020
    assert level_db(sounding(report), BEHIND_HERTZ)[-10] > -25, "it comes back"


class ListensOver:
    def __init__(self) -> None:
        self.heard: list[str] = []

    async def __call__(self, call: Call) -> None:
        async with call.background(BEHIND):
            self.heard.append((await call.listen()).text)


async def test_a_caller_is_understood_over_a_background(app: App, pair: Pair) -> None:
    bot = ListensOver()
    app.call(bot)
    await pair.call(caller(Wait("bot_speaking", 1.0), says(tone(1.0, HELLO)), LEAVES_IT))
    assert bot.heard == ["hello there"]
    assert app.service.studio().counts.interruptions == 0


async def only_sounds(call: Call) -> None:
    async with call.background(BEHIND):
        await asyncio.sleep(2.0)


@pytest.mark.virtual(codec="L16", codec_rate=16000)
async def test_it_is_mixed_at_the_rate_of_the_wire(app: App, pair: Pair) -> None:
    app.call(only_sounds)
    report = await pair.call(caller(LEAVES_IT))
    level = level_db(sounding(report), BEHIND_HERTZ)[20:-10]
    assert level == pytest.approx(20 * np.log10(8000 / 32768) - 10, abs=0.3)
    assert len(level) > 60


async def writes_and_marks(call: Call) -> Outcome:
    await call.write(tone(1.0, SPOKEN_HERTZ))
    return await call.mark()


async def test_a_mark_waits_for_what_was_written_alone(app: App, pair: Pair) -> None:
    bot = Behind(writes_and_marks)
    app.call(bot)
    await pair.call(caller(LEAVES_IT))
    assert bot.result == Outcome("finished", 1.0, "measured")
    assert bot.took_s < 1.2


async def hangs_up_at_once(call: Call) -> None:
    async with call.background(BEHIND):
        await call.say("Goodbye.")
        await call.hangup()


async def test_a_hang_up_does_not_wait_for_a_background(app: App, pair: Pair) -> None:
    app.call(hangs_up_at_once)
    report = await pair.call(caller(LEAVES_IT))
    assert report.hung_up_by == "bot"
    assert report.duration_s < says_s("Goodbye.") + 1.0


async def background_then_nothing(call: Call) -> None:
    async with call.background(BEHIND):
        await asyncio.sleep(1.0)
    await asyncio.sleep(1.0)


async def test_it_fades_where_the_block_ends(app: App, pair: Pair) -> None:
    app.call(background_then_nothing)
    report = await pair.call(caller(LEAVES_IT))
    heard = sounding(report)
    assert len(heard) / RATE <= 1.0 + 0.060 + 0.050 + 0.020
    assert np.abs(np.diff(heard.astype(int))).max() < CLICK
    assert np.abs(heard[-80:]).max() < 500


async def test_a_background_survives_its_stream(app: App, pair: Pair) -> None:
    app.call(Behind(lambda call: asyncio.sleep(8.0)))
    call = await pair.ring()
    await asyncio.sleep(2.0)
    pair.drop_sockets()
    report = await call.over()
    assert app.service.calls.counts.streams_restored == 1
    assert np.flatnonzero(report.bot)[-1] / RATE > 8.0
    assert longest_hole_s(report.bot[3 * RATE :]) == 0.0


async def plays_two(call: Call) -> list[Outcome]:
    return list(await asyncio.gather(call.play(tone(3.0)), call.play(tone(3.0, BEHIND_HERTZ))))


async def test_what_was_not_sent_to_a_stream_that_broke_is_sent_to_the_next(
    app: App, pair: Pair
) -> None:
    plays = Does(plays_two)
    app.call(plays)
    call = await pair.ring()
    await asyncio.sleep(1.0)
    pair.drop_sockets()
    report = await call.over()
    [[first, second]] = plays.results
    assert (first.stop, second.stop) == ("stream_lost", "finished")
    heard_s = float((level_db(report.bot, BEHIND_HERTZ) > -20).sum()) / 50
    assert heard_s == pytest.approx(second.heard_s, abs=0.05)


async def nests(call: Call) -> None:
    async with call.background(BEHIND):
        await asyncio.sleep(1.0)
        async with call.background(tone(1.0, 500.0)):
            await asyncio.sleep(1.0)
        await asyncio.sleep(1.0)


async def test_an_inner_background_is_heard_in_the_place_of_the_outer(app: App, pair: Pair) -> None:
    app.call(nests)
    report = await pair.call(caller(LEAVES_IT))
    outer = level_db(sounding(report), BEHIND_HERTZ) > -30
    inner = level_db(sounding(report), 500.0) > -30
    assert (outer[45], outer[95], outer[140]) == (True, False, True)
    assert (inner[45], inner[95], inner[140]) == (False, True, False)


# ---- on hold ------------------------------------------------------------------------------------


class Holds:
    """On hold for four seconds; says something in the middle if it has a text; then listens."""

    def __init__(self, text: str = "") -> None:
        self.text = text
        self.keys: list[str] = []
        self.said: Outcome | None = None
        self.heard: list[str] = []

    async def __call__(self, call: Call) -> None:
        async with call.hold():
            if self.text:
                self.said = await call.say(self.text)
            gathered = await call.gather(1, timeout=4.0)
            self.keys.append(gathered.digits)
        self.heard.append((await call.listen(timeout=3.0)).text)


async def test_what_is_said_on_hold_is_said_to_nobody_and_keys_work(app: App, pair: Pair) -> None:
    bot = Holds("You are still the next in line, please wait a moment.")
    app.call(bot)
    call = await pair.ring()
    await asyncio.sleep(1.0)
    await call.does(says(tone(1.0, STOP)), Press("7"))
    await asyncio.sleep(0.5)
    await call.does(says(tone(1.0, HELLO)))
    report = await call.over()
    assert bot.said is not None
    assert bot.said.stop == "finished"
    assert not report.clears
    assert bot.keys == ["7"]
    assert bot.heard == ["hello there"]
    assert [turn.text for turn in report.heard] == ["hello there"]


class LooksAway:
    """Says something to a caller to whom it does not listen, and listens afterwards."""

    def __init__(self) -> None:
        self.said: Outcome | None = None
        self.keys = ""
        self.heard: list[str] = []

    async def __call__(self, call: Call) -> None:
        async with call.unheard():
            self.said = await call.say(TEXT)
            self.keys = (await call.gather(1, timeout=4.0)).digits
        self.heard.append((await call.listen(timeout=3.0)).text)


async def test_who_is_unheard_interrupts_nothing_and_has_no_turn(app: App, pair: Pair) -> None:
    bot = LooksAway()
    app.call(bot)
    call = await pair.ring()
    await asyncio.sleep(0.5)
    await call.does(says(tone(1.0, STOP)), Wait("bot_silent", 0.5), Press("7"))
    await asyncio.sleep(0.5)
    await call.does(says(tone(1.0, HELLO)))
    report = await call.over()
    assert bot.said is not None
    assert bot.said.stop == "finished"
    assert not report.clears
    assert bot.keys == "7"
    assert bot.heard == ["hello there"]
    assert [turn.text for turn in report.heard] == ["hello there"]


async def test_hold_music_is_quiet_pleasant_enough_and_without_a_gap(app: App, pair: Pair) -> None:
    app.call(Holds())
    report = await pair.call(caller(LEAVES_IT))
    heard = sounding(report)[: 4 * RATE].astype(np.float64)
    rms = np.sqrt((heard[RATE:].reshape(-1, RATE) ** 2).mean(axis=1)) / 32768
    assert (20 * np.log10(rms) > -26).all()
    assert (20 * np.log10(rms) < -16).all()
    music = on_the_line(hold_music(RATE))
    apart = min(
        int(np.abs(heard[RATE : 3 * RATE] - music[at : at + 2 * RATE]).max())
        for at in range(RATE, RATE + 100)  # the first samples are too quiet to be seen
    )
    assert apart == 0


async def holds_in_a_reply(call: Call, turn: Turn) -> AsyncIterator[str]:
    yield TEXT
    async with call.hold():
        await asyncio.sleep(2.0)
    yield "Here I am."


async def test_in_a_reply_the_hold_begins_when_the_text_before_it_was_heard(
    app: App, pair: Pair
) -> None:
    app.reply(holds_in_a_reply)
    call = await pair.ring(says(tone(1.0, HELLO)))
    await call.hears("Here I am.")
    report = await call.hangs_up()
    first, last = report.said
    assert (first.heard, last.heard) == (TEXT, "Here I am.")
    assert last.at_s - first.at_s == pytest.approx(says_s(TEXT) + 2.0, abs=0.2)
    said = sounding(report)[: round((says_s(TEXT) - 0.1) * RATE)]
    assert (level_db(said, SPOKEN_HERTZ) > -20).all(), "the text comes first"
    assert (said == on_the_line(tone(says_s(TEXT), SPOKEN_HERTZ)[1:])[: len(said)]).mean() > 0.9


# ---- on the relay -------------------------------------------------------------------------------

RING = "https://sounds.example/ring.wav"
SOUNDS = {RING: Clip(tone(1.0, BEHIND_HERTZ), RATE)}


def relayed(bot: Callable[[Call], Awaitable[None]], *steps: Step) -> Conversation:
    app = App(voice="relay")
    app.call(bot)
    return converse(app, caller(*steps, LEAVES_IT), sounds=SOUNDS)


async def asks_a_relay_for_what_it_has_not(call: Call) -> None:
    with pytest.raises(VoiceCannot, match="a number of times"):
        await call.play(RING, loop=True)
    with pytest.raises(VoiceCannot, match="mixes no sounds"):
        async with call.background(RING):
            pass
    with pytest.raises(VoiceCannot, match="plays what has a URL"):
        async with call.hold(tone(1.0)):
            pass
    await call.say("So it is.")


def test_what_a_relay_cannot_is_said_in_a_sentence() -> None:
    assert relayed(asks_a_relay_for_what_it_has_not).said[0].heard == "So it is."


def test_the_platform_of_a_relay_plays_it_three_times() -> None:
    plays = Does(lambda call: call.play(RING, loop=3))
    report = relayed(plays)
    [outcome] = plays.results
    assert (outcome.stop, outcome.heard_s, outcome.certainty) == ("finished", 3.0, "estimated")
    there = level_db(report.bot, BEHIND_HERTZ) > -30
    assert there.sum() / 50 == pytest.approx(3.0, abs=0.1)


class HoldsOnTheRelay:
    def __init__(self) -> None:
        self.digits = ""
        self.speaking = True
        self.heard: list[str] = []

    async def __call__(self, call: Call) -> None:
        await call.say("One moment.")
        async with call.hold(RING):
            self.digits = (await call.gather(1, timeout=10)).digits
            self.speaking = call.speaking
        await call.say("Here I am.")
        self.heard.append((await call.listen(timeout=8)).text)


def test_on_the_relay_one_holds_until_the_bot_says_something() -> None:
    bot = HoldsOnTheRelay()
    report = relayed(
        bot,
        Wait("bot_speaking", 3.0),
        says("is anybody there"),
        says(silence(2 * RATE)),
        Press("7"),
        Wait("bot_silent", 1.0),
        says("finally"),
    )
    assert (bot.digits, bot.speaking, bot.heard) == ("7", False, ["finally"])
    assert [turn.text for turn in report.heard] == ["finally"]
    there = np.flatnonzero(level_db(report.bot, BEHIND_HERTZ) > -30) / 50
    assert there[-1] - there[0] > 4.0, "it goes round"
    assert there[-1] < report.said[1].at_s + 0.2
    assert not report.clears
