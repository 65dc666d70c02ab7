"""A call changes its language: engines of ours, and the words that decide about turns."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from typing import Any

import pytest

from callbridge import App, Call, Turn
from callbridge.calls.leg import VoiceKind
from callbridge.errors import SettingsError, VoiceCannot
from callbridge.host.audiofile import Clip
from callbridge.speech.engines import Speech, Word
from callbridge.speech.language import LANGUAGES
from callbridge.tape.waterfall import Waterfall
from callbridge.testing import Pair, Wait, caller, converse, says
from callbridge.testing.callers import tone
from callbridge.testing.speech import SpellingRecogniser, scripted
from callbridge.voice.turn import TurnQueue

STAYS = Wait("hangup", within_s=60)
ANSWERED = (Wait("bot_speaking", 0.1), Wait("bot_silent", 1.0))
DING = "http://files.example/ding.wav"


class Beeps:
    """A voice that says which texts it was given."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def speak(self, text: str, sample_rate: int) -> Sequence[Word]:
        self.texts.append(text)
        return [Word(text, tone(0.3, 880, sample_rate))]


class Translates(SpellingRecogniser):
    def transcribe(self, pcm: object, sample_rate: int) -> str:
        return f"de:{super().transcribe(pcm, sample_rate)}"  # type: ignore[arg-type]


def german() -> tuple[Speech, Beeps]:
    beeps = Beeps()
    return replace(scripted(), synthesisers={"de": beeps}, recognisers={"de": Translates()}), beeps


def test_a_reply_changes_the_language_in_the_middle() -> None:
    engines, beeps = german()
    app, heard = App(speech=engines), list[str]()

    @app.reply
    async def bot(call: Call, turn: Turn) -> AsyncIterator[str]:
        heard.append(turn.text)
        if len(heard) == 1:
            yield "One moment. "
            await call.language("de-AT")
        yield "Guten Tag."

    steps = (says("german please"), *ANSWERED, says("hallo"), *ANSWERED)
    report = converse(app, caller(*steps))
    assert heard == ["german please", "de:hallo"]
    assert beeps.texts == ["Guten Tag.", "Guten Tag."]
    assert [turn.heard.strip() for turn in report.said][:2] == ["One moment.", "Guten Tag."]


def test_what_one_murmurs_is_that_of_the_language() -> None:
    """A "ja" is a word to a bot that hears English, and stops no bot that hears German."""
    engines, _ = german()
    app, stops = App(speech=replace(engines, recognisers={"de": SpellingRecogniser()})), list[str]()

    @app.call
    async def bot(call: Call) -> None:
        for language in ("", "de"):
            if language:
                await call.language(hear=language)
            stops.append((await call.say("word " * 20)).stop)
            await call.listen(2.0)
        await call.hangup()

    murmurs = (Wait("bot_speaking", 1.0), says("ja"), Wait("bot_silent", 0.5))
    converse(app, caller(*murmurs, *murmurs, STAYS))
    assert stops == ["interrupted", "finished"]


@pytest.mark.parametrize("asked", [{"speak": "fr"}, {"hear": "fr"}, {"speak": "de", "hear": "fr"}])
def test_a_language_without_an_engine_changes_nothing(asked: dict[str, str]) -> None:
    engines, beeps = german()
    app = App(speech=engines)

    @app.call
    async def bot(call: Call) -> None:
        with pytest.raises(VoiceCannot, match=r"no engine for the language 'fr', known are: de"):
            await call.language(**asked)
        await call.say("Still English.")
        await call.hangup()

    report = converse(app, caller(STAYS))
    assert [turn.heard for turn in report.said] == ["Still English."]
    assert not beeps.texts


def test_no_language_is_a_mistake() -> None:
    app = App()

    @app.call
    async def bot(call: Call) -> None:
        with pytest.raises(ValueError, match="wants a code"):
            await call.language()
        await call.hangup()

    assert converse(app, caller(STAYS)).hung_up_by == "bot"


def test_a_sound_of_the_web_is_played() -> None:
    app, heard = App(), list[float]()

    @app.call
    async def bot(call: Call) -> None:
        heard.append((await call.play(DING)).heard_s)
        await call.hangup()

    converse(app, caller(STAYS), sounds={DING: Clip(tone(1.0), 8000)})
    assert heard == [pytest.approx(1.0, abs=0.03)]


# ---- the language of an application -------------------------------------------------------------


def replying_in(language: str, **wanted: Any) -> App:
    app = App(language=language, **wanted)

    @app.reply
    async def bot(call: Call, turn: Turn) -> str:
        return turn.text

    return app


def start(app: App) -> None:
    Pair(app, speech="own")
    _ = app.service


class EnglishOnly(SpellingRecogniser):
    languages = ("en",)


def test_an_application_hears_and_speaks_with_the_engines_of_its_language() -> None:
    engines, beeps = german()
    app, heard = App(speech=engines, language="de-DE"), list[str]()

    @app.call
    async def bot(call: Call) -> None:
        await call.say("Guten Tag.")
        heard.append((await call.listen()).text)
        await call.language("de")  # it has them by name, too
        await call.hangup()

    converse(app, caller(Wait("bot_silent", 1.0), says("hallo"), STAYS))
    assert (heard, beeps.texts) == (["de:hallo"], ["Guten Tag."])


@pytest.mark.virtual
async def test_engines_of_another_language_are_an_error_at_start_that_says_what_to_do() -> None:
    engines = replace(scripted(), recogniser=EnglishOnly())
    with pytest.raises(
        SettingsError, match=r"the recogniser is made for en, .*'de'.*recognisers=.*relay"
    ):
        start(replying_in("de", speech=engines))
    start(replying_in("en-GB", speech=engines))
    start(replying_in("de", speech=engines, voice="relay"))


@pytest.mark.virtual
async def test_the_offline_recogniser_understands_english_and_says_so_at_start() -> None:
    pytest.importorskip("moonshine_voice")
    with pytest.raises(SettingsError, match=r"made for en, and callers speak 'de'"):
        start(replying_in("de"))


@pytest.mark.virtual
async def test_a_bot_that_may_never_listen_is_warned(caplog: pytest.LogCaptureFixture) -> None:
    app = App(language="de", speech=replace(scripted(), recogniser=EnglishOnly()))

    @app.call
    async def bot(call: Call) -> None: ...

    start(app)
    assert "a bot that listens will fail: the recogniser is made for en" in caplog.text


@pytest.mark.parametrize("code", ["german", "d", "de_", "de DE"])
def test_what_is_no_code_of_a_language_is_a_mistake(code: str) -> None:
    app = App()

    @app.call
    async def bot(call: Call) -> None:
        with pytest.raises(ValueError, match="no code of a language"):
            await call.language(code)
        await call.hangup()

    assert converse(app, caller(STAYS)).hung_up_by == "bot"


@pytest.mark.parametrize("voice", ["media", "relay"])
def test_digits_are_those_of_the_language_that_is_heard(voice: VoiceKind) -> None:
    engines = replace(scripted(), recognisers={"de": SpellingRecogniser()})
    app, digits = App(speech=engines), list[str]()

    @app.call
    async def bot(call: Call) -> None:
        for _ in range(2):
            await call.say("Yes?")
            digits.append((await call.listen()).digits)
            await call.language(hear="de")
        await call.hangup()

    numbers = (*ANSWERED, says("four four, zwei drei"))
    converse(app, caller(*numbers, *numbers, STAYS), voice=voice)
    assert digits == ["44", "23"]


def test_the_platform_starts_in_the_language_of_the_application() -> None:
    app = App(language="de", voice="relay")

    @app.call
    async def bot(call: Call) -> None:
        await call.hangup()

    report = converse(app, caller(STAYS), voice="relay")
    [answer] = [sent for sent in report.commands if "conversation_relay_config" in sent.fields]
    assert answer.fields["conversation_relay_config"]["language"] == "de"  # type: ignore[index]


def test_a_turn_that_is_only_likely_has_its_digits_too() -> None:
    queue = TurnQueue()
    queue.language = LANGUAGES["de"]
    queue.likely = turn = Turn("zwei drei", 1.0, Waterfall(0.0, 0.0))
    assert turn.digits == "23"
    queue.likely = None
    assert queue.likely is None
