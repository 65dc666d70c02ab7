"""One bot, both voices: the same conversations over raw media and over Conversation Relay have the
same words, the same history and the same outcomes."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from callbridge import App, Call, Turn
from callbridge.calls.leg import VoiceKind
from callbridge.calls.means import Bot
from callbridge.errors import CallEnded, VoiceCannot
from callbridge.host.audiofile import Clip
from callbridge.testing import CallScript, Conversation, HangUp, Press, Wait, caller, converse, says
from callbridge.testing.callers import tone
from callbridge.testing.speech import scripted
from telecodecs import silence

VOICES: tuple[VoiceKind, ...] = ("media", "relay")
BOB = "+13125550199"
DING = "http://files.example/ding.wav"


@dataclass
class Seen:
    """What a bot saw, but for times, which differ."""

    outcomes: list[Any] = field(default_factory=list[Any])
    history: list[Any] = field(default_factory=list[Any])

    async def talk(self, call: Call, script: str) -> None:
        try:
            await getattr(self, script)(call)
        finally:
            self.history = [dict(message) for message in call.history]

    # ---- bots ---------------------------------------------------------------------------------

    async def says_and_listens(self, call: Call) -> None:
        said = await call.say("Who is calling, please?")
        turn = await call.listen(5.0)
        self.outcomes += [said.stop, said.text, turn.text, bool(turn)]
        await call.say(f"Hello {turn.text}.")
        await call.hangup()

    async def is_interrupted(self, call: Call) -> None:
        said = await call.say("One two three four five six seven eight nine ten.")
        turn = await call.listen(5.0)
        self.outcomes += [said.stop, bool(said), turn.text, turn.over_bot]
        await call.say("All right.")
        await call.hangup()

    async def hears_nothing(self, call: Call) -> None:
        await call.say("Hello?")
        turn = await call.listen(2.0)
        self.outcomes += [turn.text, bool(turn)]
        await call.hangup()

    async def asks_for_keys(self, call: Call) -> None:
        gathered = await call.gather(4, prompt="Your number, please.", timeout=6.0)
        self.outcomes += [gathered.digits, gathered.stop]
        await call.say("Thank you.")
        await call.hangup()

    async def asks_for_keys_or_words(self, call: Call) -> None:
        gathered = await call.gather(4, prompt="Your name?", speech=True, timeout=6.0)
        self.outcomes += [gathered.digits, gathered.stop, gathered.text]
        await call.hangup()

    async def streams(self, call: Call) -> None:
        async def words() -> AsyncIterator[str]:
            for word in ("This comes", "word by word,", "and slowly.", "Is that", "all right?"):
                yield f"{word} "
                await asyncio.sleep(0.05)

        said = await call.say(words())
        self.outcomes += [said.stop, said.text.strip()]
        await call.hangup()

    async def says_goodbye(self, call: Call) -> None:
        async def words() -> AsyncIterator[str]:
            yield "Goodbye, and thank you for calling."
            await call.hangup()

        try:
            said = await call.say(words())
            self.outcomes += [said.text]
        except CallEnded:
            self.outcomes += ["ended"]

    async def plays_a_url(self, call: Call) -> None:
        before = await call.say("Listen.")
        played = await call.play(DING)
        self.outcomes += [before.text, played.stop, round(played.heard_s, 1), played.text]
        await call.say("That was it.")
        await call.hangup()

    async def asks_by_a_url(self, call: Call) -> None:
        gathered = await call.gather(2, prompt=DING, timeout=6.0)
        self.outcomes += [gathered.digits, gathered.stop]
        await call.say("Thank you.")
        await call.hangup()

    async def changes_the_language(self, call: Call) -> None:
        await call.say("One moment.")
        await call.language("de")
        said = await call.say("Guten Tag.")
        turn = await call.listen(5.0)
        self.outcomes += [said.text, turn.text]
        await call.hangup()

    async def hands_over(self, call: Call) -> None:
        await call.say("I will connect you.")
        transferred = await call.transfer(BOB, timeout=10)
        self.outcomes += [transferred.result]
        if not transferred:
            await call.say("Nobody answers.")
            await call.hangup()


def conversation(voice: VoiceKind, script: str, *steps: Any, **pair: Any) -> tuple[Any, Seen]:
    seen = Seen()
    app = App(voice=voice)

    @app.call
    async def bot(call: Call) -> None:
        await seen.talk(call, script)

    return converse(app, caller(*steps), **pair), seen


def words(report: Conversation) -> list[tuple[str, str, str]]:
    return [(turn.who, turn.text.strip(), turn.heard.strip()) for turn in report.turns]


QUIET = Wait("bot_silent", 1.0)
END = Wait("hangup", within_s=60)
SCENES = {
    "says_and_listens": (QUIET, says("alice smith"), END),
    "is_interrupted": (Wait("bot_speaking", 0.6), says("stop that now"), END),
    "hears_nothing": (END,),
    "asks_for_keys": (QUIET, Press("1234"), END),
    "asks_for_keys_or_words": (QUIET, says("alice"), END),
    "streams": (END,),
    "says_goodbye": (END,),
    "plays_a_url": (END,),
    "asks_by_a_url": (Wait("bot_speaking", 0.5), Press("42"), END),
    "changes_the_language": (QUIET, says("danke"), END),
    "hands_over": (END,),
}


@pytest.mark.parametrize("scene", SCENES)
def test_both_voices_have_the_same_words_history_and_outcomes(scene: str) -> None:
    engines = scripted()
    languages = replace(
        engines,
        synthesisers={"de": engines.synthesiser},
        recognisers={"de": engines.recogniser},
    )
    on = {"numbers": {BOB: "busy"}, "sounds": {DING: Clip(tone(1.0), 8000)}, "speech": languages}
    (media, by_media), (relay, by_relay) = (
        conversation(voice, scene, *SCENES[scene], **on) for voice in VOICES
    )
    assert by_relay.outcomes == by_media.outcomes
    assert by_relay.outcomes
    assert words(relay) == words(media) != []
    assert by_relay.history == by_media.history
    assert relay.hung_up_by == media.hung_up_by
    assert relay.failed == media.failed == ()


@pytest.mark.parametrize("voice", VOICES)
def test_what_was_handed_over_is_a_persons(voice: VoiceKind) -> None:
    numbers = {BOB: CallScript(steps=(Wait("answered"), HangUp()))}
    report, seen = conversation(voice, "hands_over", END, numbers=numbers)
    assert seen.outcomes == ["answered"]
    assert "transfer" in [command.name for command in report.commands]


# ---- level 1 ------------------------------------------------------------------------------------


def replying(voice: VoiceKind, **settings: Any) -> App:
    app = App(voice=voice)

    async def parrot(call: Call, turn: Turn) -> AsyncIterator[str]:
        yield "You said: "
        yield turn.text

    app.reply(**settings)(parrot)
    return app


TALKS = {
    "answers": (Wait("bot_silent", 1.5), says("two tickets please"), Wait("bot_silent", 2.0)),
    "is cut": (Wait("bot_speaking", 0.5), says("stop"), Wait("bot_silent", 2.5)),
    "three turns": (
        QUIET, says("one"), Wait("bot_speaking", 0.2), Wait("bot_silent", 1.5), says("two"),
        Wait("bot_speaking", 0.2), Wait("bot_silent", 1.5), says("three"),
        Wait("bot_speaking", 0.2), Wait("bot_silent", 1.5),
    ),
}  # fmt: skip


@pytest.mark.parametrize("talk", TALKS)
def test_a_bot_that_only_replies_talks_the_same_on_both(talk: str) -> None:
    greeting = "Hello. Say something, and I will say it back."
    media, relay = (
        converse(replying(voice, greeting=greeting), caller(*TALKS[talk])) for voice in VOICES
    )
    assert words(relay) == words(media)
    assert len(relay.heard) >= 1


@pytest.mark.parametrize("voice", VOICES)
def test_silence_is_asked_after_and_then_ended(voice: VoiceKind) -> None:
    app = replying(voice, greeting="Hi.", idle="Are you there?", idle_after=3.0, idle_limit=2)
    report = converse(app, caller(Wait("hangup", within_s=60)))
    assert [turn.text for turn in report.said] == ["Hi.", "Are you there?", "Are you there?"]
    assert report.hung_up_by == "bot"


async def mute(call: Call, turn: Turn) -> None:
    """Has nothing to say."""


def test_one_application_has_bots_on_either_voice() -> None:
    app = App()
    numbers: dict[str, VoiceKind] = {"+13125550101": "media", "+13125550102": "relay"}
    for number, voice in numbers.items():
        app.reply(number=number, greeting=f"Hello by {voice}.", voice=voice)(mute)
    for number, voice in numbers.items():
        report = converse(app, caller(Wait("bot_silent", 1.0), to=number))
        assert [turn.heard for turn in report.said] == [f"Hello by {voice}."]
        [answer] = [command for command in report.commands if command.name == "answer"]
        assert ("conversation_relay_config" in answer.fields) is (voice == "relay")
        assert ("stream_url" in answer.fields) is (voice == "media")


# ---- what a voice cannot do ---------------------------------------------------------------------


async def hear(call: Call) -> None:
    await anext(aiter(call.audio()))


async def write(call: Call) -> None:
    await call.write(silence(160))


async def play(call: Call) -> None:
    await call.play(tone(0.1))


async def mark(call: Call) -> None:
    await call.mark("x")


async def ask_for_the_rate(call: Call) -> None:
    _ = call.sample_rate


@pytest.mark.parametrize("asked", [hear, write, play, mark, ask_for_the_rate])
def test_frames_of_the_relay_are_one_typed_error(asked: Bot) -> None:
    app = App(voice="relay")
    app.call(asked)
    report = converse(app, caller(END), expect_crash=VoiceCannot)
    [crash] = report.crashes
    assert "the voice 'media'" in str(crash)
    assert [turn.heard for turn in report.said] == ["I am sorry, something went wrong."]
