"""A call changes its language: engines of ours, and the words that decide about turns."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace

import pytest

from callbridge import App, Call, Turn
from callbridge.errors import VoiceCannot
from callbridge.host.audiofile import Clip
from callbridge.speech.engines import Speech, Word
from callbridge.testing import Wait, caller, converse, says
from callbridge.testing.callers import tone
from callbridge.testing.speech import SpellingRecogniser, scripted

STAYS = Wait("hangup", within_s=60)
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

    steps = (says("german please"), Wait("bot_silent", 1.0), says("hallo"), Wait("bot_silent", 2.0))
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
