"""The rules of a conversation, in whole calls with engines that hum: who may speak, what counts as
said, what was heard."""

import asyncio
import random
from collections.abc import AsyncIterator
from itertools import pairwise

import msgspec
import numpy as np
import pytest

from callbridge import App, Call, Message, Outcome, StreamLost, Turn
from callbridge.carrier.people.script import Step
from callbridge.speech.sentences import LONG, split
from callbridge.speech.studio import SpeechCounts
from callbridge.testing import CallReport, Pair, Press, Wait, caller, run, says, tone
from callbridge.testing.speech import pitched
from callbridge.timing.histogram import Histogram
from telecodecs import Pcm, silence
from tests.callbridge.does import Does
from tests.callbridge.hummed import LEAVES_IT, QUIET, errors, hummed_s, says_s

HELLO, STOP, MM_HM, YEAH, GO_AWAY, MORE, COUGH = (400.0 + 100 * n for n in range(7))
TEXTS = {
    HELLO: "hello there", STOP: "stop", MM_HM: "mm-hm", YEAH: "yeah", GO_AWAY: "go away",
    MORE: "and more", COUGH: "",
}  # fmt: skip
EAR = pitched(TEXTS)
LONG_TEXT = "one two three four five six seven eight nine ten eleven twelve."


@pytest.fixture
def app() -> App:
    return App(speech=EAR)


def counts(app: App) -> SpeechCounts:
    return app.service.studio().counts


def over_the_bot(seconds: float, hertz: float) -> tuple[Step, ...]:
    """Ask, and when the answer has sounded for half a second, say this."""
    return (
        says(tone(1.0, HELLO)), Wait("bot_speaking", 0.5), says(tone(seconds, hertz)), QUIET,
    )  # fmt: skip


# ---- the bots -----------------------------------------------------------------------------------


async def tells(call: Call, turn: Turn) -> str:
    """The same long answer to everything."""
    return LONG_TEXT


class TellsOnce:
    """A long answer to the first turn and a short one to every other; keeps what was said."""

    def __init__(self) -> None:
        self.turns: list[str] = []

    async def __call__(self, call: Call, turn: Turn) -> str:
        self.turns.append(turn.text)
        return LONG_TEXT if len(self.turns) == 1 else "Fine."


class Thinks:
    """Two seconds for every answer; keeps what it was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def __call__(self, call: Call, turn: Turn) -> AsyncIterator[str]:
        self.asked.append(turn.text)
        await asyncio.sleep(2.0)
        yield "Done."


class Stalls:
    """As a language model that has begun a sentence and then hangs, at the first turn."""

    def __init__(self) -> None:
        self.histories: list[list[Message]] = []
        self.closed: list[str] = []

    async def __call__(self, call: Call, turn: Turn) -> AsyncIterator[str]:
        self.histories.append(call.history)
        yield f"You said {turn.text}. "
        if turn.text == TEXTS[HELLO]:
            try:
                await asyncio.Event().wait()
            finally:
                self.closed.append(turn.text)


class Says:
    """One text after another; keeps what came of each, and the history at the end."""

    def __init__(self, *texts: str) -> None:
        self._texts = texts
        self.outcomes: list[Outcome] = []
        self.history: list[Message] = []

    async def __call__(self, call: Call) -> None:
        for text in self._texts:
            self.outcomes.append(await call.say(text))
        self.history = call.history


class Listens:
    """Keeps so many turns as `listen` returns them; may say something first, after 4 s."""

    def __init__(self, times: int = 1, *, timeout: float = 2.0, first: str = "") -> None:
        self._times, self._timeout, self._first = times, timeout, first
        self.heard: list[str] = []

    async def __call__(self, call: Call) -> None:
        call.voice.attend()
        if self._first:
            await asyncio.sleep(4.0)
            await call.say(self._first)
        for _ in range(self._times):
            self.heard.append((await call.listen(timeout=self._timeout)).text)


class SpeaksOn:
    """Goes on to speak until it is told that the stream is lost."""

    lost = ""

    async def __call__(self, call: Call) -> None:
        try:
            assert (await call.say(LONG_TEXT)).stop == "stream_lost"
            await call.say("Back again.")
            await call.say("Goodbye.")
        except StreamLost as error:
            self.lost = str(error)
            raise


class Talks:
    """Two sentences to every turn; keeps the history as it was at each of them."""

    def __init__(self) -> None:
        self.histories: list[list[Message]] = []

    async def __call__(self, call: Call, turn: Turn) -> AsyncIterator[str]:
        self.histories.append(call.history)
        yield f"You said {turn.text}. "
        yield "And then there is this to say of it."


# ---- speech over the bot ------------------------------------------------------------------------


@pytest.mark.parametrize("hertz", [MM_HM, YEAH, COUGH], ids=["mm-hm", "yeah", "a cough"])
async def test_who_only_listens_aloud_does_not_interrupt(
    app: App, pair: Pair, hertz: float
) -> None:
    app.reply()(tells)
    report = await pair.call(caller(*over_the_bot(0.35, hertz)))
    assert len(report.clears) == 1  # it fell silent, and said the word again that was cut
    repeated = hummed_s(report) - says_s(LONG_TEXT)
    assert -0.1 <= repeated <= says_s("twelve") + 0.1
    speech = counts(app)
    assert (speech.withheld, speech.interruptions, speech.turns) == (1, 0, 1)


@pytest.mark.parametrize("hertz", [STOP, GO_AWAY], ids=["one word", "two words"])
async def test_words_interrupt_however_short(app: App, pair: Pair, hertz: float) -> None:
    bot = app.reply()(TellsOnce())
    report = await pair.call(caller(*over_the_bot(0.35, hertz)))
    assert len(report.clears) <= 2
    assert hummed_s(report) < says_s(LONG_TEXT) / 2 + says_s("Fine.")
    assert counts(app).interruptions == 1
    assert bot.turns == ["hello there", TEXTS[hertz]]


async def test_speech_that_goes_on_interrupts_before_anyone_knows_its_words(
    app: App, pair: Pair
) -> None:
    app.reply()(tells)
    report = await pair.call(caller(*over_the_bot(3.0, YEAH)))
    began = onset(report.caller, 2)
    assert 0.06 <= (report.clears[0] - began) / 8000 <= 0.16  # the bot is silent at once
    assert hummed_s(msgspec.structs.replace(report, bot=report.bot[: began + 24000])) < 1.0
    assert counts(app).interruptions == 1


def onset(pcm: Pcm, number: int) -> int:
    """Where the n-th sound begins, of those with half a second of silence between them."""
    loud = np.flatnonzero(np.abs(pcm) > 100)
    begins = [int(loud[0]), *(int(at) for at in loud[1:][np.diff(loud) > 4000])]
    return begins[number - 1]


async def test_what_is_said_over_an_uninterruptible_text_is_heard_after_it(
    app: App, pair: Pair
) -> None:
    bot = Does(
        lambda call: call.say(LONG_TEXT, interruptible=False),
        lambda call: call.listen(timeout=1),
    )
    app.call(bot)
    report = await pair.call(caller(Wait("bot_speaking", 0.5), says(tone(2.0, GO_AWAY)), LEAVES_IT))
    outcome, turn = bot.results
    assert (outcome.stop, turn.text) == ("finished", "go away")
    assert not report.clears
    assert hummed_s(report) == pytest.approx(says_s(LONG_TEXT), abs=0.1)
    assert (counts(app).withheld, counts(app).interruptions) == (0, 0)


async def test_three_stretches_of_speech_before_the_answer_are_one_turn(
    app: App, pair: Pair
) -> None:
    bot = app.reply()(Thinks())
    pause = Wait("bot_silent", 1.5)
    await pair.call(
        caller(
            says(tone(1.0, HELLO)), pause, says(tone(1.0, STOP)), pause,
            says(tone(1.0, MORE)), Wait("bot_speaking", 0.2),
        )
    )  # fmt: skip
    assert bot.asked == ["hello there", "hello there stop", "hello there stop and more"]


async def test_a_turn_in_a_pause_of_the_reply_ends_it_and_is_answered(app: App, pair: Pair) -> None:
    bot = app.reply()(Stalls())
    report = await pair.call(
        caller(
            says(tone(1.0, HELLO)), Wait("bot_speaking", 0.3), QUIET,
            says(tone(0.5, MM_HM)), Wait("bot_silent", 1.5),
            says(tone(1.0, GO_AWAY)), Wait("bot_speaking", 0.3), QUIET,
        )
    )  # fmt: skip
    assert not report.failed
    assert bot.closed == ["hello there"]
    assert bot.histories[-1][:2] == [
        {"role": "user", "content": "hello there"},
        {"role": "assistant", "content": "You said hello there."},
    ]


# ---- what was heard -----------------------------------------------------------------------------


@pytest.mark.parametrize("after_s", [0.1, 0.5, 0.9, 1.3, 2.0])
@pytest.mark.parametrize(
    "delay",
    [
        pytest.param(0.0, id="near"),
        pytest.param(0.08, marks=pytest.mark.virtual(delay=0.08), id="80 ms away"),
    ],
)
async def test_history_ends_at_the_word_that_the_recording_ends_at(
    app: App, pair: Pair, after_s: float, delay: float
) -> None:
    bot = Says(LONG_TEXT)
    app.call(bot)
    report = await pair.call(
        caller(Wait("bot_speaking", after_s), says(tone(1.0, GO_AWAY)), LEAVES_IT)
    )
    assert report.clears
    (outcome,) = bot.outcomes
    sounded = hummed_s(msgspec.structs.replace(report, bot=report.bot[: report.clears[0]]))
    ends = np.cumsum([says_s(word) for word in LONG_TEXT.replace(" ", " \0").split("\0")])
    in_the_recording = int((ends <= sounded + 0.02).sum())
    assert abs(len(outcome.text.split()) - in_the_recording) <= 1
    # Marks are late by the delay, and the carrier plays on for as long until the clear is there.
    assert sounded - 2 * delay - 0.06 <= outcome.heard_s <= sounded + 0.06
    assert outcome.stop == "interrupted"
    content = outcome.text.strip()
    assert bot.history == ([{"role": "assistant", "content": content}] if content else [])
    assert LONG_TEXT.startswith(content)


# ---- keys ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("keys_interrupt", [False, True])
async def test_a_key_cuts_a_reply_only_if_that_is_set(
    app: App, pair: Pair, keys_interrupt: bool
) -> None:
    app.reply(keys_interrupt=keys_interrupt)(tells)
    report = await pair.call(
        caller(says(tone(1.0, HELLO)), Wait("bot_speaking", 0.5), Press("5"), QUIET)
    )
    assert bool(report.clears) == keys_interrupt
    whole = hummed_s(report) == pytest.approx(says_s(LONG_TEXT), abs=0.1)
    assert whole != keys_interrupt


# ---- listen -------------------------------------------------------------------------------------


async def test_listen_waits_for_the_end_of_what_has_begun(app: App, pair: Pair) -> None:
    bot = Listens()
    app.call(bot)
    await pair.call(caller(Wait("bot_silent", 1.8), says(tone(3.0, HELLO)), LEAVES_IT))
    assert bot.heard == ["hello there"]


async def test_listen_takes_no_notice_of_a_cough(app: App, pair: Pair) -> None:
    bot = Listens(timeout=4)
    app.call(bot)
    await pair.call(caller(says(tone(0.5, COUGH)), QUIET, says(tone(1.0, HELLO)), LEAVES_IT))
    assert bot.heard == ["hello there"]


async def test_listen_returns_turns_in_the_order_in_which_they_were_said(
    app: App, pair: Pair
) -> None:
    bot = Listens(3)
    app.call(bot)
    await pair.call(
        caller(says(tone(1.0, HELLO)), Wait("bot_silent", 0.8), says(tone(1.0, STOP)), LEAVES_IT)
    )
    assert bot.heard == ["hello there", "stop", ""]


async def test_listen_does_not_return_what_was_said_before_the_question(
    app: App, pair: Pair
) -> None:
    bot = Listens(first="Yes?")
    app.call(bot)
    await pair.call(
        caller(
            says(tone(1.0, HELLO)), Wait("bot_speaking", 0.2), QUIET, says(tone(1.0, STOP)),
            LEAVES_IT,
        )
    )  # fmt: skip
    assert bot.heard == ["stop"]


async def test_a_turn_is_cut_when_it_never_ends(app: App, pair: Pair) -> None:
    bot = Listens(2)
    app.call(bot)
    await pair.call(caller(says(tone(25.0, HELLO)), LEAVES_IT))
    assert bot.heard == ["hello there"] * 2


# ---- a stream that breaks -----------------------------------------------------------------------


def lose_the_stream(pair: Pair) -> None:
    """As the media server does it: what has lost its socket sends nothing more."""
    (leg,) = pair.app.service.calls.legs()
    stream = leg.stream
    assert stream is not None
    pair.drop_sockets()
    stream.close()


async def test_a_text_whose_stream_breaks_is_cut_there_and_the_next_is_heard(
    app: App, pair: Pair
) -> None:
    bot = Says(LONG_TEXT, "Back again.", "Goodbye.")
    app.call(bot)
    call = await pair.ring()
    await asyncio.sleep(1.5)
    lose_the_stream(pair)
    report = await call.over()
    assert [outcome.stop for outcome in bot.outcomes] == ["stream_lost", "finished", "finished"]
    cut = bot.outcomes[0]
    assert hummed_s(report) == pytest.approx(cut.heard_s + says_s("Back again.Goodbye."), abs=0.05)
    assert LONG_TEXT.startswith(cut.text.strip())
    assert 3 <= len(cut.text.split()) <= 8


async def test_a_stream_that_does_not_come_back_is_raised_to_who_speaks(
    app: App, pair: Pair, caplog: pytest.LogCaptureFixture
) -> None:
    bot = SpeaksOn()
    app.call(bot)
    call = await pair.ring()
    await asyncio.sleep(1.5)
    pair.refuse_sockets = True
    lose_the_stream(pair)
    await call.over()
    assert bot.lost.startswith("the media stream broke")
    assert not errors(caplog, "the bot raised")  # it ended by its call's own end


# ---- ten minutes --------------------------------------------------------------------------------


def ten_minutes(seed: int) -> list[Step]:
    """A caller who says things of any length, with pauses of any length between them."""
    dice = random.Random(seed)
    steps: list[Step] = []
    for _ in range(150):
        steps += [
            says(tone(dice.uniform(0.3, 2.5), dice.choice(list(TEXTS)))),
            says(silence(round(8000 * dice.uniform(0.3, 5.0)))),
        ]
    return steps


async def converse_for_ten_minutes() -> tuple[CallReport, list[Message], dict[str, int]]:
    """What the caller had, the history in the end, and what was counted."""
    app, talks = App(speech=EAR), Talks()
    app.reply(greeting="Hi.")(talks)
    report = await Pair(app).call(caller(*ten_minutes(seed=1)))
    names = ("turns", "empty_turns", "failed_turns", "withheld", "interruptions")
    figures = {name: getattr(counts(app), name) for name in names}
    await app.close()
    return report, talks.histories[-1], figures


def test_ten_minutes_of_conversation_are_the_same_every_time() -> None:
    report, history, figures = run(converse_for_ten_minutes())
    again, same_history, same_figures = run(converse_for_ten_minutes())
    assert report.duration_s > 600
    assert not report.failed
    np.testing.assert_array_equal(report.bot, again.bot)
    assert (history, figures) == (same_history, same_figures)
    assert figures["turns"] > 60
    assert figures["interruptions"] > 5
    assert figures["failed_turns"] == 0
    roles = [message["role"] for message in history]
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
