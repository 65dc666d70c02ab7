"""A test says words and reads words."""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from callbridge import App, Call, Turn
from callbridge.serve.settings import Settings
from callbridge.speech.offline import PACKAGES
from callbridge.testing import (
    CallScript,
    HangUp,
    Pair,
    Play,
    Press,
    Say,
    ScriptError,
    Wait,
    caller,
    caller_of,
    converse,
    people_of,
    says,
    scripted,
    tone,
)
from callbridge.testing.speech import SpellingRecogniser, pitched
from tests.callbridge.hummed import QUIET

ANSWERED = Wait("bot_silent", 2.0)
FRIEND = "+13125550199"


async def parrot(call: Call, turn: Turn) -> AsyncIterator[str]:
    yield f"You said: {turn.text}"


async def talker(call: Call) -> None:
    await call.say("One two three four five six seven eight nine ten.")


async def hands_over(call: Call) -> None:
    await call.transfer(FRIEND)


@pytest.fixture
def bird() -> App:
    app = App()
    app.reply(greeting="Hello there.")(parrot)
    return app


def test_a_caller_says_a_text_and_the_report_has_the_words(bird: App) -> None:
    report = converse(bird, caller(QUIET, says("two tickets, please"), ANSWERED))
    assert [turn.text for turn in report.heard] == ["two tickets, please"]
    assert [turn.text for turn in report.said] == ["Hello there.", "You said: two tickets, please"]
    assert [turn.who for turn in report.turns] == ["bot", "caller", "bot"]
    assert [turn.heard for turn in report.said] == [turn.text for turn in report.said]
    assert report.said[0].heard_s == pytest.approx(0.6)
    assert not any(turn.cut or turn.over_bot or turn.lost for turn in report.turns)


@pytest.mark.parametrize(
    "text",
    ["a", "oooo 1100", "Grüße aus Köln, 東京!", "the quick brown fox jumps over the lazy dog"],
)
@pytest.mark.parametrize("codec", ["PCMU", "L16"])
def test_every_text_is_understood_to_the_letter(bird: App, text: str, codec: str) -> None:
    report = converse(bird, caller(QUIET, says(text), ANSWERED), settings={"codec": codec})
    assert [turn.text for turn in report.heard] == [text]


def test_a_text_is_understood_from_whatever_moment_on() -> None:
    ear = SpellingRecogniser()
    pcm, rate = ear.pronounce("two tickets")
    for late in range(0, 800, 7):
        assert "two tickets".endswith(ear.transcribe(pcm[1200 + late :], rate))
    assert ear.transcribe(pcm[:0], rate) == ""


def test_what_cut_the_bot_and_what_was_heard_of_it() -> None:
    app = App()
    app.reply(greeting="One two three four five six seven eight nine ten eleven.")(parrot)
    report = converse(app, caller(Wait("bot_speaking", 0.4), says("stop that now"), ANSWERED))
    greeting, stop, _ = report.turns
    assert greeting.cut
    assert greeting.text.startswith(greeting.heard)
    assert 0.4 < greeting.heard_s < 1.5
    assert stop.over_bot
    assert str(report).splitlines()[0].endswith("eight nine ten eleven.]")
    assert "'caller: stop that now'" in repr(report)


def test_a_turn_that_no_engine_understood_is_in_the_report() -> None:
    class Broken(SpellingRecogniser):
        def transcribe(self, pcm: object, sample_rate: int) -> str:
            raise ValueError("out of tune")

    speech = scripted()
    app = App()
    app.reply()(parrot)
    broken = type(speech)(speech.vad, Broken(), speech.synthesiser)
    report = converse(app, caller(says("hello"), ANSWERED), speech=broken)
    [turn] = report.heard
    assert (turn.text, "out of tune" in turn.lost) == ("", True)


def test_the_commands_of_the_bridge_are_in_the_report_with_their_fields(app: App) -> None:
    app.call(hands_over)
    report = converse(app, caller(Wait("hangup")), numbers={FRIEND: "busy"})
    assert [command.name for command in report.commands] == ["answer", "transfer", "hangup"]
    assert report.commands[1].fields["to"] == FRIEND
    assert {command.status for command in report.commands} == {200}


def test_samples_are_said_as_ever(bird: App) -> None:
    report = converse(bird, caller(says(tone(1.0)), ANSWERED), speech=pitched({440.0: "hello"}))
    assert [turn.text for turn in report.heard] == ["hello"]


def test_a_text_that_the_engines_of_a_test_do_not_know(bird: App) -> None:
    script = caller(QUIET, says("hello"), ANSWERED)
    speech = pitched({440.0: "hello", 600.0: "stop"})
    assert converse(bird, script, speech=speech).heard[0].text == "hello"
    with pytest.raises(ScriptError, match=r"'helo' is not known \(did you mean 'hello'\?\)"):
        converse(bird, caller(says("helo")), speech=speech)


def test_a_number_where_nobody_can_live_so(app: App) -> None:
    app.call(hands_over)
    with pytest.raises(ScriptError, match=r"'bussy' is not known \(did you mean 'busy'\?\)"):
        converse(app, caller(), numbers={FRIEND: "bussy"})


def test_people_who_are_called_speak_too(app: App) -> None:
    heard: list[str] = []

    async def asks(call: Call) -> None:
        heard.append((await call.listen()).text)

    async def dials(call: Call) -> None:
        assert await app.dial(FRIEND, "+13125550100", bot=asks)
        await call.audio().__anext__()

    app.call(dials)
    friend = caller(says("who is there"), Wait("bot_silent", 2.0))
    converse(app, caller(Wait("bot_silent", 5.0)), numbers={FRIEND: friend})
    assert heard == ["who is there"]


@pytest.mark.virtual
async def test_a_call_in_progress_says_texts(bird: App) -> None:
    pair = Pair(bird)
    call = await pair.ring()
    await call.hears("Hello there.")
    await call.does(says("two tickets"))
    await call.hears("You said: two tickets")
    await call.hangs_up()
    await pair.close()


# ---- whom the bot has dialled -------------------------------------------------------------------

SALLY, BILL = "+13125550198", "+13125550199"


async def hands_off(call: Call) -> None:
    await call.handoff([SALLY, BILL], whisper="A caller.")


def test_what_was_said_to_whom_the_bot_has_dialled() -> None:
    app = App()
    app.call(hands_off)
    heard = (Wait("bot_speaking", 1.0), Wait("bot_silent", 1.0))
    sally = CallScript(steps=(*heard, Press("1"), says(tone(2.0)), HangUp()))
    report = converse(app, caller(Wait("hangup")), numbers={SALLY: sally, BILL: "busy"})
    to_sally, to_bill = report.others
    assert (to_sally.to, to_bill.to) == (SALLY, BILL)
    assert to_sally.said[0].heard == "A caller."
    assert to_sally.caller.any()
    assert to_sally.others == ()
    assert (to_bill.hangup_cause, to_bill.turns) == ("user_busy", ())


async def test_whom_the_bot_has_dialled_can_still_be_asked_for(pair: Pair) -> None:
    pair.app.call(hands_off)
    first = await pair.ring()
    report = await first.hangs_up()
    assert [each.to for each in report.others] == [SALLY, BILL]
    assert (await pair.finished(report.others[0].call_control_id)).to == SALLY
    second = await pair.ring()
    assert [each.to for each in (await second.hangs_up()).others] == [SALLY, BILL]


# ---- callers from files -------------------------------------------------------------------------


def test_the_caller_of_a_json_script_speaks_with_the_voice_of_the_test(
    bird: App, tmp_path: Path
) -> None:
    path = tmp_path / "tickets.json"
    lines = [
        {"wait": "bot_silent", "for": 1.5},
        {"say": "two tickets", "recording": "is not there.wav"},
        {"wait": "bot_silent", "for": 2},
        {"hangup": True},
    ]
    path.write_text(json.dumps({"steps": lines}))
    report = converse(bird, caller_of(path))
    assert [turn.text for turn in report.heard] == ["two tickets"]


class Asks:
    """Somebody else, and keeps what they say."""

    def __init__(self) -> None:
        self.heard = ""

    async def __call__(self, call: Call) -> None:
        await call.dial("+13125550198", bot=self.listens)

    async def listens(self, call: Call) -> None:
        self.heard = (await call.listen()).text


def test_the_people_of_a_json_file_speak_with_the_voice_of_the_test(tmp_path: Path) -> None:
    steps = [{"wait": "answered"}, {"wait": "streaming"}, {"say": "the last two"}]
    path = tmp_path / "people.json"
    path.write_text(json.dumps({"+13125550198": {"steps": steps}, "+13125550199": "busy"}))
    app, bot = App(), Asks()
    app.call(bot)
    people = people_of(path)
    converse(app, caller(Wait("hangup")), numbers=people)
    assert bot.heard == "the last two"
    assert people["+13125550199"] == "busy"


def test_a_file_that_is_not_there_is_named(bird: App) -> None:
    with pytest.raises(Exception, match=r"nowhere\.wav: no such file"):
        converse(bird, caller(Play("nowhere.wav")))
    with pytest.raises(Exception, match=r"nowhere\.json"):
        caller_of("nowhere.json")
    with pytest.raises(Exception, match=r"nowhere\.json"):
        people_of("nowhere.json")


# ---- one application, tested and served ---------------------------------------------------------


def test_an_application_gets_back_what_it_was_made_with(bird: App) -> None:
    before = bird.configuration
    for words in ("one", "two"):
        report = converse(bird, caller(QUIET, says(words), ANSWERED), settings={"max_call_s": 60})
        assert report.heard[0].text == words
    assert bird.configuration == before
    assert bird.sound.speech is None


def test_an_application_gets_back_what_it_was_made_with_after_a_crash(app: App) -> None:
    async def crashes(call: Call) -> None:
        raise RuntimeError("no such customer")

    app.call(crashes)
    before = app.configuration
    with pytest.raises(RuntimeError):
        converse(app, caller(Wait("hangup")))
    assert app.configuration == before


def test_settings_that_an_application_was_made_with_hold_in_its_tests(
    public_key: str,
) -> None:
    settings = Settings.load(
        api_key="KEY", public_key=public_key, public_url="https://bot.example", max_call_s=5
    )
    app = App(settings)
    app.call(talks_on)
    assert converse(app, caller(Wait("hangup"))).duration_s < 10
    longer = converse(app, caller(Wait("hangup"), to=FRIEND), settings={"max_call_s": 20})
    assert 15 < longer.duration_s < 25


async def talks_on(call: Call) -> None:
    while True:
        await call.play(tone(1.0))


@pytest.fixture
def public_key() -> str:
    return "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="


def test_a_script_may_be_used_twice(bird: App) -> None:
    script = caller(QUIET, Say("hello"), ANSWERED, HangUp())
    for _ in range(2):
        assert converse(bird, script).heard[0].text == "hello"


def test_with_its_own_engines_an_application_is_tested_as_it_is_served(bird: App) -> None:
    for package in PACKAGES:
        pytest.importorskip(package)
    script = caller(QUIET, says("I would like to say hello"), Wait("bot_silent", 3.0))
    report = converse(bird, script, speech="own")
    assert "like to say hello" in report.heard[0].text.lower()
