"""The relay's voice in whole calls, and whatever a platform or a bot may do to it."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from typing import Any

import pytest

from callbridge import App, Call, Turn
from callbridge.testing import CallScript, Pair, Press, Wait, caller, converse, says
from callbridge.voice.relay_voice import RelayVoice

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
