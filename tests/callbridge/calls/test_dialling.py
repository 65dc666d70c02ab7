"""Calling somebody, and finding out who has picked up: in virtual time, with the carrier's own
detection of machines."""

import asyncio
import sys
from collections.abc import Callable
from typing import Any, cast

import numpy as np
import pytest

from callbridge import App, Call, Dialled, Turn
from callbridge.carrier.api.problems import Response
from callbridge.carrier.core.effects import SendWebhook
from callbridge.carrier.people.script import Step
from callbridge.control.commands import MachineDetection
from callbridge.control.events import Event
from callbridge.errors import SettingsError
from callbridge.testing import CallReport, CallScript, HangUp, Pair, Wait, says, tone
from callbridge.testing.callers import NUMBER
from callbridge.voice.relay_voice import RelaySettings
from telecodecs.dtmf import DtmfDetector

PERSON, MACHINE, MUTE_MACHINE, QUICK_MACHINE = (f"+1312555019{n}" for n in range(4))
FAX, NOBODY, IMPATIENT, LEAVES_MIDWAY = (f"+1312555019{n}" for n in range(4, 8))
SLOW_MACHINE = "+13125550198"
GREETING = "you have reached john, please leave a message after the tone"
BEEP = says(tone(0.5, 1000.0))
STAYS = Wait("hangup", within_s=300)
FOR_GOOD = float("inf")


def who(*steps: Step) -> CallScript:
    return CallScript(steps=(Wait("answered"), *steps))


PEOPLE = {
    PERSON: who(says("hello?"), STAYS),
    MACHINE: who(says(GREETING), BEEP, STAYS),
    MUTE_MACHINE: who(says(GREETING), STAYS),
    QUICK_MACHINE: who(says("message?"), BEEP, STAYS),
    SLOW_MACHINE: who(says(GREETING), Wait("bot_silent", 2.0), BEEP, STAYS),
    FAX: who(says(tone(0.5, 1100.0)), Wait("bot_silent", 3.0), STAYS),
    NOBODY: who(STAYS),
    IMPATIENT: who(HangUp()),
    LEAVES_MIDWAY: who(says(GREETING), HangUp()),
}
pytestmark = pytest.mark.virtual(numbers=PEOPLE)


class Listens:
    """A bot that asks what was said, and says something itself."""

    def __init__(self) -> None:
        self.turns: list[str] = []
        self.answered_by: list[str] = []
        self.began_at: list[float] = []

    async def __call__(self, call: Call) -> None:
        self.began_at.append(asyncio.get_running_loop().time())
        self.answered_by.append(call.answered_by)
        self.turns.append((await call.listen(timeout=2.0)).text)
        await call.say("This is your reminder.")


class LeavesMessage:
    def __init__(self) -> None:
        self.answered_by: list[str] = []

    async def __call__(self, call: Call) -> None:
        self.answered_by.append(call.answered_by)
        await call.say("Please call back.", interruptible=False)


class Dials:
    """What each test does: with a bot for people and, if it likes, one for machines."""

    def __init__(self, app: App, pair: Pair) -> None:
        self._app, self._pair = app, pair
        self.bot, self.message = Listens(), LeavesMessage()

    async def __call__(
        self, to: str, amd: MachineDetection = "premium", *, leaves_message: bool = False
    ) -> tuple[Dialled, CallReport]:
        """How it was taken, and what the other side heard in the end."""
        dialled = await self._app.dial(
            to, NUMBER, bot=self.bot, amd=amd, on_voicemail=self.message if leaves_message else None
        )
        return dialled, await self._pair.finished(dialled.call.call_control_id)


@pytest.fixture
def dial(app: App, pair: Pair) -> Dials:
    return Dials(app, pair)


def late(seconds: float, *names: str) -> Callable[[SendWebhook], float]:
    """Webhooks whose type ends like this come later."""

    def lateness(webhook: SendWebhook) -> float:
        data = cast("dict[str, Any]", webhook.event["data"])
        return seconds if data["event_type"].endswith(names) else 0.0

    return lateness


def began_and_ended_s(report: CallReport) -> tuple[float, float]:
    """When the other side first heard something, and when it last made a sound."""
    heard, made = np.flatnonzero(report.bot), np.flatnonzero(report.caller)
    return heard[0] / report.sample_rate, made[-1] / report.sample_rate


# ---- people -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("amd", "word"),
    [("premium", "human_residence"), ("detect_words", "human"), ("greeting_end", "human")],
)
async def test_a_person_gets_the_bot_and_the_bot_what_they_have_said(
    dial: Dials, amd: MachineDetection, word: str
) -> None:
    dialled, report = await dial(PERSON, amd, leaves_message=True)
    assert (dialled.result, dialled.cause, bool(dialled)) == ("answered", word, True)
    assert dial.bot.turns == ["hello?"]
    assert dial.bot.answered_by == [dialled.call.answered_by] == [word]
    assert dial.message.answered_by == []
    assert np.count_nonzero(report.bot) > 0.8 * 8000


@pytest.mark.parametrize(("amd", "word"), [("premium", "silence"), ("detect", "not_sure")])
async def test_who_says_nothing_is_talked_to(dial: Dials, amd: MachineDetection, word: str) -> None:
    dialled, _ = await dial(NOBODY, amd)
    assert (dialled.result, dialled.cause) == ("answered", word)
    assert dial.bot.turns == [""]


async def test_without_detection_dial_returns_at_the_answer(app: App, pair: Pair) -> None:
    bot = Listens()
    dialled = await app.dial(MACHINE, NUMBER, bot=bot)
    assert (dialled.result, dialled.call.answered_by) == ("answered", "")
    await dialled.call.hangup()
    await pair.finished(dialled.call.call_control_id)


# ---- machines -----------------------------------------------------------------------------------


@pytest.mark.parametrize("amd", ["premium", "detect_beep", "detect_words", "greeting_end"])
async def test_a_message_is_left_after_the_beep(dial: Dials, amd: MachineDetection) -> None:
    dialled, report = await dial(MACHINE, amd, leaves_message=True)
    assert (dialled.result, dialled.cause, bool(dialled)) == ("voicemail", "machine", False)
    assert dial.message.answered_by == ["machine"]
    assert dial.bot.answered_by == []
    began_s, beeped_s = began_and_ended_s(report)
    assert beeped_s < began_s < beeped_s + 0.5
    assert np.count_nonzero(report.bot) / 8000 == pytest.approx(0.85, abs=0.05)  # 17 letters
    assert report.hung_up_by == "bot"


async def test_dial_returns_with_the_verdict_and_not_after_the_message(
    app: App, pair: Pair
) -> None:
    message = LeavesMessage()
    dialled = await app.dial(MACHINE, NUMBER, bot=Listens(), amd="premium", on_voicemail=message)
    assert (dialled.result, message.answered_by) == ("voicemail", [])
    await pair.finished(dialled.call.call_control_id)
    assert message.answered_by == ["machine"]


async def test_a_beep_that_comes_before_any_verdict_is_a_machine(dial: Dials) -> None:
    dialled, report = await dial(QUICK_MACHINE, leaves_message=True)
    assert dialled.result == "voicemail"
    began_s, beeped_s = began_and_ended_s(report)
    assert beeped_s < began_s < beeped_s + 0.5


async def test_a_machine_is_hung_up_where_no_message_is_to_be_left(dial: Dials) -> None:
    dialled, report = await dial(MACHINE)
    assert (dialled.result, bool(dialled)) == ("voicemail", False)
    assert not report.bot.any()
    assert report.hung_up_by == "bot"
    assert dial.bot.answered_by == []


@pytest.mark.parametrize(("amd", "within_s"), [("premium", 36.0), ("detect_beep", 42.0)])
async def test_a_machine_without_a_beep_gets_its_message_in_the_end(
    dial: Dials, amd: MachineDetection, within_s: float
) -> None:
    """`detect_beep` is silent about a greeting without a beep."""
    dialled, report = await dial(MUTE_MACHINE, amd, leaves_message=True)
    assert dialled.result == "voicemail"
    began_s, _ = began_and_ended_s(report)
    assert 29.0 < began_s < within_s


async def test_what_a_machine_says_is_no_turn_of_the_one_who_leaves_a_message(
    app: App, pair: Pair
) -> None:
    listens = Listens()
    dialled = await app.dial(MACHINE, NUMBER, bot=listens, amd="premium", on_voicemail=listens)
    await pair.finished(dialled.call.call_control_id)
    assert listens.turns == [""]


@pytest.mark.virtual(numbers=PEOPLE, expect_crash=ValueError)
async def test_a_message_that_crashes_ends_the_call_and_is_followed_by_no_apology(
    app: App, pair: Pair
) -> None:
    dialled = await app.dial(
        MACHINE, NUMBER, bot=Listens(), amd="premium", on_voicemail=crashes_at_once
    )
    report = await pair.finished(dialled.call.call_control_id)
    assert dialled.result == "voicemail"
    assert not report.bot.any()
    assert report.hung_up_by == "bot"
    assert app.service.calls.counts.bots_crashed == 1


async def crashes_at_once(call: Call) -> None:
    raise ValueError("a bug of the message")


async def test_a_fax_is_a_failure(dial: Dials) -> None:
    dialled, report = await dial(FAX, leaves_message=True)
    assert (dialled.result, dialled.cause) == ("failed", "fax_detected")
    assert not report.bot.any()
    assert report.hung_up_by == "bot"


# ---- people who leave ---------------------------------------------------------------------------


async def test_who_hangs_up_before_the_verdict_was_no_answer_of_a_person(dial: Dials) -> None:
    dialled, _ = await dial(IMPATIENT, leaves_message=True)
    assert (dialled.result, dialled.cause) == ("caller_hung_up", "normal_clearing")
    assert dial.bot.answered_by == dial.message.answered_by == []


async def test_who_hangs_up_unnoticed_is_missed_all_the_same(dial: Dials, pair: Pair) -> None:
    """The platform is asked when the stream is gone."""
    pair.lateness = late(FOR_GOOD, "call.hangup")
    began = pair.clock.now()
    dialled = await pair.app.dial(IMPATIENT, NUMBER, bot=dial.bot, amd="premium")
    assert dialled.result == "caller_hung_up"
    assert pair.clock.now() - began < 10.0


async def test_a_machine_that_hangs_up_during_its_greeting_gets_no_message(dial: Dials) -> None:
    dialled, report = await dial(LEAVES_MIDWAY, leaves_message=True)
    assert dialled.result == "voicemail"
    assert dial.message.answered_by == []
    assert report.hung_up_by == "caller"


async def test_a_call_whose_stream_never_opens_has_failed(dial: Dials, pair: Pair) -> None:
    pair.refuse_sockets = True
    pair.lateness = late(FOR_GOOD, "detection.ended")
    dialled, _ = await dial(NOBODY)
    assert dialled.result == "failed"
    assert len(pair.refused) == 2


# ---- webhooks -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("amd", "after_s"), [("premium", 35.0), ("detect", 8.5), ("detect_words", 8.5)]
)
async def test_a_verdict_that_never_comes_counts_as_a_person(
    dial: Dials, pair: Pair, amd: MachineDetection, after_s: float
) -> None:
    pair.lateness = late(FOR_GOOD, "detection.ended")
    dialled, report = await dial(PERSON, amd)
    assert (dialled.result, dialled.cause) == ("answered", "")
    assert dial.bot.turns == ["hello?"]
    began_s, _ = began_and_ended_s(report)
    assert began_s == pytest.approx(after_s, abs=1.0)


async def test_a_verdict_says_that_the_call_is_answered(dial: Dials, pair: Pair) -> None:
    """Where neither the answer is told nor a stream has come: else that would be waited for for as
    long as the call may ring."""
    pair.lateness = late(FOR_GOOD, "call.answered")
    pair.refuse_sockets = True
    dialled, report = await dial(PERSON)
    assert dialled.cause == "human_residence"
    assert report.duration_s < 30.0
    assert len(pair.refused) == 2


async def test_the_end_of_a_greeting_that_comes_before_its_verdict(dial: Dials, pair: Pair) -> None:
    pair.lateness = late(3.0, "detection.ended")
    dialled, report = await dial(MACHINE, "detect_beep", leaves_message=True)
    assert (dialled.result, dial.message.answered_by) == ("voicemail", ["machine"])
    began_s, beeped_s = began_and_ended_s(report)
    assert beeped_s < began_s < beeped_s + 0.5


async def test_the_end_of_a_greeting_that_is_never_told(dial: Dials, pair: Pair) -> None:
    pair.lateness = late(FOR_GOOD, "greeting.ended")
    dialled, report = await dial(MACHINE, "greeting_end", leaves_message=True)
    assert dialled.result == "voicemail"
    assert np.count_nonzero(report.bot) > 0.8 * 8000


@pytest.mark.parametrize("second", ["human_residence", "machine", "fax_detected"])
async def test_a_second_verdict_does_not_take_the_bot_away(
    app: App, pair: Pair, second: str
) -> None:
    bot = Listens()
    dialled = await app.dial(PERSON, NUMBER, bot=bot, amd="premium")
    ids: dict[str, object] = {"call_control_id": dialled.call.call_control_id, "result": second}
    for number in range(2):
        event = Event("call.machine.premium.detection.ended", f"again {number}", "", ids)
        app.service.calls.on_event(event)
    report = await pair.finished(dialled.call.call_control_id)
    assert dialled.result == "answered"
    assert dialled.call.answered_by == second
    assert np.count_nonzero(report.bot) > 0.8 * 8000


async def test_a_verdict_behind_the_end_of_the_call_changes_nothing(app: App, pair: Pair) -> None:
    bot = Listens()
    dialled = await app.dial(IMPATIENT, NUMBER, bot=bot, amd="premium")
    call = dialled.call
    assert call.ended
    ids: dict[str, object] = {"call_control_id": call.call_control_id, "result": "machine"}
    app.service.calls.on_event(Event("call.machine.premium.detection.ended", "late", "", ids))
    assert call.answered_by == ""
    await pair.finished(call.call_control_id)
    assert bot.answered_by == []


class Unwell:
    """A carrier that fails at requests like these, and carries out all others."""

    def __init__(self, pair: Pair, *methods_and_paths: tuple[str, str]) -> None:
        self._request = pair.switch.request
        self._fails_at = methods_and_paths

    def __call__(self, method: str, target: str, *rest: Any) -> Response:
        for its_method, path in self._fails_at:
            if method == its_method and path in target:
                return Response(500, {})
        return self._request(method, target, *rest)


@pytest.mark.parametrize(
    ("fails_at", "result"),
    [
        ([("GET", "/calls/")], "no_answer"),
        ([("GET", "/calls/"), ("POST", "/actions/hangup")], "unknown"),
    ],
    ids=["who is asked", "who is told to hang up, too"],
)
async def test_a_platform_that_tells_nothing(
    app: App,
    pair: Pair,
    monkeypatch: pytest.MonkeyPatch,
    fails_at: list[tuple[str, str]],
    result: str,
) -> None:
    """Of a number at which it rings for ever."""
    pair.lateness = late(FOR_GOOD, "call.hangup")
    monkeypatch.setattr(pair.switch, "request", Unwell(pair, *fails_at))
    dialled = await app.dial("+13125550177", NUMBER, bot=Listens(), timeout=6)
    assert (dialled.result, bool(dialled)) == (result, False)


# ---- what overhears -----------------------------------------------------------------------------


async def writes_for_five_seconds(call: Call) -> None:
    await call.write(tone(5.0))


TALKATIVE = who(says("hello?"), Wait("bot_speaking", 2.0), says("who is there? hello?"), STAYS)


@pytest.mark.virtual(numbers={PERSON: TALKATIVE})
async def test_a_bot_of_frames_is_cut_by_nobody_because_of_the_detection(
    app: App, pair: Pair
) -> None:
    dialled = await app.dial(PERSON, NUMBER, bot=writes_for_five_seconds, amd="premium")
    report = await pair.finished(dialled.call.call_control_id)
    assert report.clears == ()
    assert np.count_nonzero(report.bot) > 4.9 * 8000


@pytest.mark.virtual(numbers=PEOPLE, speech="own")
async def test_a_bot_of_frames_needs_no_engines_for_the_detection(
    app: App, pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "moonshine_voice", None)
    dialled = await app.dial(NOBODY, NUMBER, bot=writes_for_five_seconds, amd="premium")
    report = await pair.finished(dialled.call.call_control_id)
    assert dialled.result == "answered"
    assert np.count_nonzero(report.bot) > 4.9 * 8000


async def replies(call: Call, turn: Turn) -> str:
    return f"You said {turn.text}"


async def test_level_1_answers_what_was_said_before_the_verdict(app: App, pair: Pair) -> None:
    app.reply(replies)
    dialled = await app.dial(PERSON, NUMBER, amd="premium")
    await asyncio.sleep(5.0)
    assert [message["content"] for message in dialled.call.history] == [
        "hello?",
        "You said hello?",
    ]
    await dialled.call.hangup()
    await pair.finished(dialled.call.call_control_id)


# ---- over a relay -------------------------------------------------------------------------------


@pytest.fixture
def relayed(pair: Pair) -> Pair:
    """An application whose platform speaks and hears, and would greet whoever picks up."""
    pair.app.reply(voice="relay", relay=RelaySettings(greeting="Good morning."))(replies)
    return pair


async def test_a_relay_greets_a_person_when_it_is_known_to_be_one(relayed: Pair) -> None:
    dialled = await relayed.app.dial(PERSON, NUMBER, amd="premium")
    await asyncio.sleep(8.0)
    assert [message["content"] for message in dialled.call.history] == [
        "hello?",
        "Good morning. You said hello?",
    ]
    await dialled.call.hangup()
    await relayed.finished(dialled.call.call_control_id)


async def test_a_relay_greets_no_machine(relayed: Pair) -> None:
    message = LeavesMessage()
    dialled = await relayed.app.dial(MACHINE, NUMBER, amd="premium", on_voicemail=message)
    report = await relayed.finished(dialled.call.call_control_id)
    assert [turn.text for turn in report.said] == ["Please call back."]
    began_s, beeped_s = began_and_ended_s(report)
    assert beeped_s < began_s


@pytest.mark.virtual(numbers=PEOPLE, voice="relay")
async def test_what_a_relay_has_heard_of_a_machine_is_no_turn_either(app: App, pair: Pair) -> None:
    listens = Listens()
    dialled = await app.dial(SLOW_MACHINE, NUMBER, bot=listens, amd="premium", on_voicemail=listens)
    report = await pair.finished(dialled.call.call_control_id)
    assert [turn.text for turn in report.heard] == [GREETING]
    assert listens.turns == [""]


# ---- how it rings -------------------------------------------------------------------------------


async def test_digits_headers_and_the_name_go_with_the_call(app: App, pair: Pair) -> None:
    dialled = await app.dial(
        NOBODY,
        NUMBER,
        bot=Listens(),
        digits="12#",
        headers={"X-Ticket": "17"},
        display_name="The Clinic",
    )
    report = await pair.finished(dialled.call.call_control_id)
    (sent,) = (each for each in report.commands if each.name == "dial")
    assert sent.fields["custom_headers"] == [{"name": "X-Ticket", "value": "17"}]
    assert sent.fields["from_display_name"] == "The Clinic"
    assert "answering_machine_detection" not in sent.fields
    assert DtmfDetector(report.sample_rate).process(report.bot) == "12#"


@pytest.mark.parametrize(
    ("fields", "complaint"),
    [
        ({"amd": "always"}, "amd is 'always': it is one of premium, "),
        ({"on_voicemail": LeavesMessage()}, "on_voicemail needs amd"),
        ({"on_voicemail": LeavesMessage(), "amd": "detect"}, "does not tell when a greeting is"),
    ],
)
async def test_what_makes_no_sense_is_refused(
    app: App, fields: dict[str, Any], complaint: str
) -> None:
    with pytest.raises(SettingsError, match=complaint):
        await app.dial(PERSON, NUMBER, bot=Listens(), **fields)
