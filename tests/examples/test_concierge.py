"""The bookshop's concierge in virtual time: a caller who hums, and ears that know the tunes."""

import logging
from dataclasses import replace

import pytest
from examples import concierge

from callbridge.carrier.config import Behaviour, CarrierConfig
from callbridge.carrier.people.script import Step
from callbridge.testing import CallReport, CallScript, HangUp, Pair, Wait, caller, run, says, tone
from callbridge.testing.speech import pitched

HOURS, WHERE, PERSON, WEATHER = 440.0, 520.0, 600.0, 700.0
EAR = pitched(
    {
        HOURS: "When are you open?",
        WHERE: "And where can I find you?",
        PERSON: "I want to speak to a person.",
        WEATHER: "What a lovely morning.",
    }
)
NINE_TO_SIX = concierge.ANSWERS[r"open|hours|close|when"]
MILL_LANE = concierge.ANSWERS[r"address|where|located|find"]


@pytest.fixture(autouse=True)
def shop(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr(concierge.app, "sound", replace(concierge.app.sound, speech=EAR))
    caplog.set_level(logging.INFO, "callbridge")


def ask(*tunes: float, person: Behaviour = "busy") -> CallReport:
    """Hear the greeting, then ask one thing after the other; `person` lives at the desk."""
    steps: list[Step] = [Wait("bot_speaking", 0.5), Wait("bot_silent", 0.4)]
    for hertz in tunes:
        steps += [says(tone(1.0, hertz)), Wait("bot_speaking", 0.3), Wait("bot_silent", 3.0)]
    reports: list[CallReport] = []

    async def whole() -> None:
        config = CarrierConfig(
            webhook_url="http://127.0.0.1:9/webhooks", numbers={concierge.A_PERSON: person}
        )
        reports.append(await Pair(concierge.app, config).call(caller(*steps)))
        await concierge.app.close()

    run(whole())
    return reports[0]


def heard(caplog: pytest.LogCaptureFixture) -> list[str]:
    """What the caller heard, text by text, after the greeting."""
    greeting, *texts = [vars(line)["heard"] for line in caplog.records if line.message == "said"]
    assert greeting == concierge.GREETING
    return texts


def test_it_knows_its_hours_and_its_address(caplog: pytest.LogCaptureFixture) -> None:
    report = ask(HOURS, WHERE)
    assert not report.failed
    assert heard(caplog) == [NINE_TO_SIX, MILL_LANE]


def test_what_it_does_not_know_it_says(caplog: pytest.LogCaptureFixture) -> None:
    ask(WEATHER)
    assert heard(caplog) == [concierge.HELP]


def test_who_wants_a_person_is_connected(caplog: pytest.LogCaptureFixture) -> None:
    greets = says(tone(2.0, 300.0))
    report = ask(PERSON, person=CallScript(steps=(Wait("answered"), greets, HangUp())))
    assert report.bridged
    assert heard(caplog) == ["One moment, I am connecting you."]


def test_when_nobody_is_free_it_stays(caplog: pytest.LogCaptureFixture) -> None:
    report = ask(PERSON, HOURS)
    assert not report.bridged
    assert not report.failed
    moment, sorry, hours = heard(caplog)
    assert moment.startswith("One moment")
    assert sorry.startswith("Sorry, nobody is free")
    assert hours == NINE_TO_SIX
