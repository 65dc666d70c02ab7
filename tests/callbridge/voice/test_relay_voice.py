"""The relay's voice in whole calls, and whatever a platform or a bot may do to it."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from callbridge import App, Call, Outcome, RelaySettings, Turn
from callbridge.errors import VoiceCannot
from callbridge.host.audiofile import Clip
from callbridge.testing import CallScript, Conversation, Pair, Press, Wait, caller, converse, says
from callbridge.testing.callers import tone
from callbridge.voice.relay_voice import RelayVoice
from telecodecs import silence

STAYS = Wait("hangup", within_s=60)


@pytest.fixture
def app() -> App:
    return App(voice="relay")


def voice_of(app: App) -> RelayVoice:
    [leg] = app.service.calls.legs()
    assert isinstance(leg.voice, RelayVoice)
    return leg.voice


def platform_says(app: App, **frame: Any) -> None:
    """A frame of the platform, as if its own session had sent it."""
    stream = voice_of(app).stream
    assert stream is not None
    stream.feed(json.dumps(frame))


def prompt(app: App, text: str, *, last: bool = True) -> None:
    platform_says(app, type="prompt", voicePrompt=text, lang="en", last=last)


def interrupt(app: App, spoken: str, milliseconds: int = 500) -> None:
    platform_says(
        app,
        type="interrupt",
        utteranceUntilInterrupt=spoken,
        durationUntilInterruptMs=milliseconds,
    )


async def parrot(call: Call, turn: Turn) -> AsyncIterator[str]:
    yield f"You said: {turn.text}."


class Slow:
    """Replies word by word for ever, until it is told to stop."""

    def __init__(self) -> None:
        self.yielded = 0
        self.closed_at: float | None = None

    async def __call__(self, call: Call, turn: Turn) -> AsyncIterator[str]:
        try:
            while True:
                self.yielded += 1
                yield f"word{self.yielded} "
                await asyncio.sleep(0.05)
        finally:
            self.closed_at = asyncio.get_running_loop().time()


async def test_an_interrupt_closes_the_reply_within_a_turn_of_the_loop(
    app: App, pair: Pair
) -> None:
    slow = Slow()
    app.reply(slow)
    call = await pair.ring()
    prompt(app, "go")
    await asyncio.sleep(1.0)
    now = asyncio.get_running_loop().time()
    interrupt(app, "word1 word2")
    yielded = slow.yielded
    await asyncio.sleep(0.1)
    assert slow.closed_at is not None
    assert slow.closed_at - now < 0.001
    assert slow.yielded == yielded
    stream = voice_of(app).stream
    assert stream is not None
    assert not stream.session.turn_is_open
    assert voice_of(app).history[-1] == {"role": "assistant", "content": "word1 word2"}
    await call.hangs_up()


async def test_what_was_said_before_an_interrupt_in_a_later_text_was_heard(
    app: App, pair: Pair
) -> None:
    app.reply(parrot)
    call = await pair.ring()
    prompt(app, "one")
    await asyncio.sleep(4.0)
    prompt(app, "two")
    await asyncio.sleep(0.3)
    interrupt(app, "You said two")
    said = [message["content"] for message in voice_of(app).history]
    assert said == ["one", "You said: one.", "two", "You said: two"]
    await call.hangs_up()


async def test_words_that_were_never_ours_are_kept_as_reported_and_counted(
    app: App, pair: Pair
) -> None:
    app.reply(parrot)
    call = await pair.ring()
    prompt(app, "one")
    await asyncio.sleep(0.3)
    interrupt(app, "something else entirely")
    assert voice_of(app).history[-1]["content"] == "something else entirely"
    assert voice_of(app).unmatched == 1
    await call.hangs_up()


async def test_an_interrupt_of_a_text_long_over_corrects_what_was_heard_of_it(
    app: App, pair: Pair
) -> None:
    """The platform may speak more slowly than we think."""
    app.reply(parrot)
    call = await pair.ring()
    prompt(app, "one two three")
    await asyncio.sleep(8.0)
    interrupt(app, "You said one")
    assert voice_of(app).history[-1]["content"] == "You said: one"
    prompt(app, "four")
    await asyncio.sleep(3.0)
    assert voice_of(app).history[-1]["content"] == "You said: four."
    await call.hangs_up()


async def test_an_interrupt_without_words_takes_nothing_back_that_was_heard(
    app: App, pair: Pair
) -> None:
    app.reply(parrot)
    call = await pair.ring()
    prompt(app, "one")
    await asyncio.sleep(4.0)
    interrupt(app, "", 0)
    assert voice_of(app).history[-1]["content"] == "You said: one."
    prompt(app, "two")
    await asyncio.sleep(0.05)
    interrupt(app, "", 0)  # this time it had been sent, and nothing of it had sounded
    assert voice_of(app).history[-1]["content"] == "two"
    await call.hangs_up()


async def test_an_interrupt_before_anything_was_said_is_nobodys_end(app: App, pair: Pair) -> None:
    app.reply(parrot)
    call = await pair.ring()
    interrupt(app, "")
    prompt(app, "one")
    await asyncio.sleep(3.0)
    assert voice_of(app).history[-1]["content"] == "You said: one."
    await call.hangs_up()


async def test_two_prompts_at_once_are_one_turn_or_two_and_none_is_lost(
    app: App, pair: Pair
) -> None:
    heard: list[str] = []

    @app.reply
    async def listen(call: Call, turn: Turn) -> str:
        heard.append(turn.text)
        return "Yes."

    call = await pair.ring()
    prompt(app, "one")
    prompt(app, "two")
    await asyncio.sleep(5.0)
    assert " ".join(heard).split() == ["one", "two"]
    await call.hangs_up()


async def test_interim_words_are_offered_and_make_no_turn(app: App, pair: Pair) -> None:
    app.reply(parrot)
    call = await pair.ring()
    prompt(app, "two tick", last=False)
    voice = voice_of(app)
    assert (voice.partial, voice.in_progress, voice.turns.waiting) == ("two tick", True, [])
    prompt(app, "two tickets")
    assert (voice.partial, voice.in_progress) == ("", False)
    await call.hangs_up()


async def test_a_session_that_is_gone_in_the_middle_of_an_answer_is_asked_for_again(
    app: App, pair: Pair
) -> None:
    app.reply(parrot)
    call = await pair.ring()
    prompt(app, "one")
    await asyncio.sleep(0.3)
    pair.drop_sockets()
    await asyncio.sleep(2.0)
    prompt(app, "two")
    await asyncio.sleep(3.0)
    assert voice_of(app).history[-1]["content"] == "You said: two."
    assert voice_of(app).tally()["streams_lost"] == 1
    report = await call.hangs_up()
    names = [command.name for command in report.commands]
    assert names.count("conversation_relay_start") == 1


async def test_a_refusal_of_the_platform_is_on_the_tape(app: App, pair: Pair) -> None:
    events: list[str] = []

    @app.call
    async def bot(call: Call) -> None:
        events.extend([type(event).__name__ async for event in call.events()])

    call = await pair.ring()
    await asyncio.sleep(0.1)
    platform_says(app, type="error", description="Invalid message: unknown type: mood")
    await call.hangs_up()
    assert "RelayRefused" in events


# ---- sounds, languages, greetings ---------------------------------------------------------------

DING = "http://files.example/ding.wav"
SOUNDS = {DING: Clip(tone(2.0), 8000)}


def frames(report: Conversation, kind: str) -> list[Any]:
    """What the carrier noted of the session: each entry's detail."""
    return [entry.detail for entry in report.tape if entry.kind == kind]


def test_the_platform_plays_a_url_and_the_bot_waits_until_it_was_heard() -> None:
    app, outcomes = App(voice="relay"), list[Outcome]()

    @app.call
    async def bot(call: Call) -> None:
        outcomes.append(await call.play(DING))
        outcomes.append(await call.say("That was it."))
        await call.hangup()

    report = converse(app, caller(STAYS), sounds=SOUNDS)
    ding, text = outcomes
    assert (ding.stop, ding.heard_s, ding.certainty, ding.text) == (
        "finished",
        2.0,
        "estimated",
        "",
    )
    assert text.text == "That was it."
    assert [turn.heard for turn in report.said] == ["That was it."]
    heard = np.flatnonzero(np.abs(report.bot.astype(np.int32)) > 1000) / report.sample_rate
    assert heard[-1] - heard[0] > 2.5


def test_a_sound_is_cut_by_speech_and_by_a_key_that_stops_it() -> None:
    app, outcomes = App(voice="relay"), list[Outcome]()

    @app.call
    async def bot(call: Call) -> None:
        outcomes.append(await call.play(DING))
        await call.listen(3.0)
        outcomes.append(await call.play(DING, stop_on="5"))
        await call.say("Thank you.")
        await call.hangup()

    steps = (Wait("bot_speaking", 0.5), says("stop"), Wait("bot_silent", 0.2),
             Wait("bot_speaking", 0.4), Press("5"), STAYS)  # fmt: skip
    report = converse(app, caller(*steps), sounds=SOUNDS)
    by_speech, by_key = outcomes
    assert by_speech.stop == "interrupted"
    assert 0.4 < by_speech.heard_s < 1.0
    assert (by_key.stop, by_key.digit) == ("key", "5")
    assert by_key.heard_s < 1.0
    assert [turn.heard for turn in report.said] == ["Thank you."]


def test_a_prompt_of_a_question_may_be_a_url() -> None:
    app, digits = App(voice="relay"), list[str]()

    @app.call
    async def bot(call: Call) -> None:
        digits.append((await call.gather(2, prompt=DING)).digits)
        await call.hangup()

    converse(app, caller(Wait("bot_speaking", 0.3), Press("42"), STAYS), sounds=SOUNDS)
    assert digits == ["42"]


@pytest.mark.parametrize("source", [silence(800), "ding.wav", Path("ding.wav")])
def test_what_has_no_url_the_platform_cannot_play(source: Any) -> None:
    app, said = App(voice="relay"), list[str]()

    @app.call
    async def bot(call: Call) -> None:
        with pytest.raises(VoiceCannot, match="plays what has a URL"):
            await call.play(source)
        said.append("so")

    converse(app, caller(STAYS))
    assert said == ["so"]


def test_a_language_is_changed_behind_what_was_said_before() -> None:
    app = App(voice="relay")

    @app.reply
    async def bot(call: Call, turn: Turn) -> AsyncIterator[str]:
        if turn.text == "hello":
            yield "One moment. "
            await call.language("de", hear="de-AT")
            yield "Guten Tag."

    report = converse(app, caller(says("hello"), Wait("bot_silent", 3.0), says("danke")))
    [change] = frames(report, "relay language")
    assert change == {"heard": "de-AT", "not_simulated": ["ttsLanguage"]}
    order = [entry.detail.get("text") or entry.kind for entry in report.tape
             if entry.kind in ("relay said", "relay language")]  # fmt: skip
    assert order == ["One moment.", "relay language", "Guten Tag."]


def test_the_platform_says_the_greeting_that_the_session_is_started_with() -> None:
    greeting = RelaySettings(greeting="This call is recorded.", interruptible_greeting="none",
                             voice="Azure.de-DE-KatjaNeural", language="de")  # fmt: skip
    app, history = App(voice="relay", relay=greeting), list[Any]()

    @app.call
    async def bot(call: Call) -> None:
        await call.say("How can I help?")
        history.extend(call.history)
        await call.hangup()

    report = converse(app, caller(Wait("bot_speaking", 0.3), says("yes yes"), STAYS))
    assert [turn.heard for turn in report.said] == ["This call is recorded.", ""]
    assert history[0] == {"role": "assistant", "content": "This call is recorded."}
    [answer] = [command for command in report.commands if command.name == "answer"]
    config: Any = answer.fields["conversation_relay_config"]
    assert config["voice"] == "Azure.de-DE-KatjaNeural"
    assert config["interruptible_greeting"] == "none"
    assert "characters_per_s" not in config


def test_a_greeting_that_is_interrupted_is_remembered_as_far_as_it_was_heard() -> None:
    greeting = RelaySettings(greeting="One two three four five six seven eight nine ten.")
    app, history = App(voice="relay"), list[Any]()

    @app.call(relay=greeting)
    async def bot(call: Call) -> None:
        await call.listen(10.0)
        history.extend(call.history)
        await call.hangup()

    report = converse(app, caller(Wait("bot_speaking", 0.6), says("stop"), STAYS))
    [said] = report.said
    assert said.cut
    assert greeting.greeting is not None
    assert greeting.greeting.startswith(said.heard)
    assert said.heard
    assert history == [
        {"role": "assistant", "content": said.heard.strip()},
        {"role": "user", "content": "stop"},
    ]


async def test_a_session_that_is_asked_for_again_does_not_greet_again(pair: Pair) -> None:
    pair.app.call(relay=RelaySettings(greeting="Welcome."), voice="relay")(listens)
    call = await pair.ring()
    await asyncio.sleep(1.5)
    stream = voice_of(pair.app).stream
    assert stream is not None
    stream.close()
    await asyncio.sleep(1.0)
    report = await call.hangs_up()
    again = next(each for each in report.commands if each.name == "conversation_relay_start")
    assert "greeting" not in again.fields


async def listens(call: Call) -> None:
    await call.listen(60.0)


def test_what_the_caller_is_saying_can_be_followed() -> None:
    app, partials, turns = App(voice="relay"), list[str](), list[str]()

    @app.call
    async def bot(call: Call) -> None:
        following = asyncio.create_task(follow(call, partials))
        turns.extend([turn.text async for turn in call.turns()])
        await following

    words = "I would like to change the address of my order please"
    converse(app, caller(Wait("bot_silent", 0.5), says(words), Wait("bot_silent", 2.0)))
    assert turns == [words]
    assert len(partials) > 1
    assert all(words.startswith(partial) for partial in partials)


async def follow(call: Call, into: list[str]) -> None:
    into.extend([partial async for partial in call.partials()])


# ---- bots ---------------------------------------------------------------------------------------


async def nothing(call: Call, turn: Turn) -> AsyncIterator[str]:
    return
    yield ""


async def a_million_times_nothing(call: Call, turn: Turn) -> AsyncIterator[str]:
    for _ in range(100_000):
        yield ""
    yield "At last."


@pytest.mark.parametrize(("bot", "said"), [(nothing, []), (a_million_times_nothing, ["At last."])])
def test_a_bot_that_yields_nothing_leaves_no_turn_open(bot: Any, said: list[str]) -> None:
    app = App(voice="relay")
    app.reply(bot)
    report = converse(app, caller(says("hello"), Wait("bot_silent", 2.0)))
    assert [turn.heard for turn in report.said] == said


def test_a_bot_that_crashes_in_the_middle_of_a_text_closes_its_turn() -> None:
    app = App(voice="relay")

    @app.reply
    async def broken(call: Call, turn: Turn) -> AsyncIterator[str]:
        yield "I will now "
        raise ValueError("no idea")

    steps = (says("hello"), Wait("bot_silent", 2.0))
    report = converse(app, caller(*steps), expect_crash=ValueError)
    assert [turn.heard.strip() for turn in report.said] == [
        "I will now", "I am sorry, something went wrong.",
    ]  # fmt: skip


def test_keys_come_by_the_relay() -> None:
    keys: list[str] = []
    app = App(voice="relay")

    @app.call
    async def bot(call: Call) -> None:
        gathered = await call.gather(3, timeout=10)
        keys.append(gathered.digits)
        await call.hangup()

    report = converse(app, caller(Wait("bot_silent", 0.5), Press("123"), STAYS))
    assert keys == ["123"]
    assert report.hung_up_by == "bot"


@pytest.mark.parametrize("by", ["caller", "bot"])
async def test_a_session_that_ends_with_its_call_was_not_lost(
    by: str, app: App, pair: Pair
) -> None:
    @app.call
    async def bot(call: Call) -> None:
        await call.say("Goodbye.")
        if by == "caller":
            await call.listen(60.0)

    call = await pair.ring()
    if by == "caller":
        await call.hears("Goodbye.")
        await call.hangs_up()
    else:
        await call.over()
    assert app.service.calls.counts.media["streams_lost"] == 0
    assert app.service.calls.counts.media["relay_turns_out"] == 1


def test_no_token_of_a_session_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    app = App(voice="relay")
    app.reply(greeting="Hi.")(parrot)
    with caplog.at_level(logging.DEBUG):
        report = converse(app, caller(Wait("bot_silent", 1.0)))
    [answer] = [command for command in report.commands if command.name == "answer"]
    config: Any = answer.fields["conversation_relay_config"]
    token = config["url"].partition("token=")[2]
    assert len(token) > 40
    for record in caplog.records:
        assert token not in record.getMessage() + repr(vars(record))
    assert token not in repr(report.tape)


# ---- which calls it is of -----------------------------------------------------------------------


@pytest.mark.virtual(numbers={"+13125550199": CallScript(steps=(STAYS,))})
async def test_a_bot_of_a_dial_has_the_voice_of_the_application(app: App, pair: Pair) -> None:
    heard: list[str] = []

    async def greets(call: Call) -> None:
        heard.append((await call.say("Good morning.")).certainty)

    dialled = await app.dial("+13125550199", "+13125550100", bot=greets)
    assert dialled.result == "answered"
    assert isinstance(voice_of(app), RelayVoice)
    await pair.quiet()
    assert heard == ["estimated"]


@pytest.mark.virtual(voice="relay")
async def test_surroundings_that_name_a_voice_have_the_last_word(pair: Pair) -> None:
    pair.app.reply(greeting="Good morning.", voice="media")(parrot)
    call = pair.place(caller(STAYS))
    await asyncio.sleep(1.0)
    assert isinstance(voice_of(pair.app), RelayVoice)
    pair.switch.hang_up(call, pair.clock.now())
    pair.drain()
    await pair.finished(call)
