"""Calls that TeXML leads, in virtual time: the carrier asks the real application for documents, and
the same bots talk as on every other call."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import msgspec
import pytest

from callbridge import App, Call, CallEnded, Turn
from callbridge.calls.leg import VoiceKind
from callbridge.carrier.config import CarrierConfig, TexmlApplication
from callbridge.carrier.people.script import CallScript
from callbridge.testing import Conversation, HangUp, Pair, Wait, caller, says
from callbridge.testing.callers import Press
from callbridge.testing.pair import ADDRESS

TEXML = TexmlApplication(voice_url=f"{ADDRESS}/texml")
TELLING = msgspec.structs.replace(TEXML, status_url=f"{ADDRESS}/webhooks")
BY_GET = msgspec.structs.replace(TEXML, voice_method="GET")
AGENT = "+13125550188"
STAYING = CallScript(steps=(Wait("hangup", within_s=600),))

led_by_documents = pytest.mark.virtual(texml=True)
and_told_of_the_end = pytest.mark.virtual(config=CarrierConfig(texml=TELLING))
both_voices = pytest.mark.parametrize("voice", ["relay", "media"])


async def parrot(call: Call, turn: Turn) -> AsyncIterator[str]:
    yield f"You said {turn.text}."
    if turn.text == "goodbye":
        await call.hangup()


async def greet(call: Call) -> None:
    await call.say("Hello.")


def words(report: Conversation) -> list[tuple[str, str]]:
    return [(turn.who, turn.heard) for turn in report.turns]


def kinds(report: Conversation) -> list[str]:
    return [
        entry.kind for entry in report.tape if entry.kind.startswith(("texml", "relay", "stream"))
    ]


def commands(report: Conversation) -> list[tuple[str, int]]:
    return [(command.name, command.status) for command in report.commands]


GOODBYE = caller(Wait("bot_silent", 1.0), says("two tickets"), Wait("bot_silent", 1.5),
                 says("goodbye"), Wait("hangup"))  # fmt: skip
SAID = [
    ("bot", "Hello."),
    ("caller", "two tickets"),
    ("bot", "You said two tickets."),
    ("caller", "goodbye"),
    ("bot", "You said goodbye."),
]


# ---- one bot, however its calls begin -----------------------------------------------------------


@led_by_documents
@both_voices
async def test_a_bot_talks_and_hangs_up(app: App, pair: Pair, voice: VoiceKind) -> None:
    app.reply(greeting="Hello.", voice=voice)(parrot)
    report = await pair.call(GOODBYE)
    assert words(report) == SAID
    assert not report.failed
    assert report.hung_up_by == "bot"
    assert commands(report) == [("hangup", 200)]


@both_voices
async def test_the_same_bot_talks_where_commands_lead(
    app: App, pair: Pair, voice: VoiceKind
) -> None:
    app.reply(greeting="Hello.", voice=voice)(parrot)
    report = await pair.call(GOODBYE)
    assert words(report) == SAID


@pytest.mark.virtual(config=CarrierConfig(texml=BY_GET))
async def test_the_first_document_may_be_fetched_by_get(app: App, pair: Pair) -> None:
    app.reply(greeting="Hello.", voice="relay")(parrot)
    assert words(await pair.call(GOODBYE)) == SAID


@led_by_documents
@pytest.mark.virtual(delay=0.1)
@both_voices
async def test_over_a_slow_network(app: App, pair: Pair, voice: VoiceKind) -> None:
    app.reply(greeting="Hello.", voice=voice)(parrot)
    report = await pair.call(GOODBYE)
    assert [text for who, text in words(report) if who == "caller"] == ["two tickets", "goodbye"]
    assert not report.failed


@led_by_documents
@both_voices
async def test_keys_arrive(app: App, pair: Pair, voice: VoiceKind) -> None:
    pressed: list[str] = []

    @app.call(voice=voice)
    async def ask(call: Call) -> None:
        pressed.append((await call.gather(3)).digits)

    await pair.call(caller(Press("472"), Wait("hangup")))
    assert pressed == ["472"]


# ---- the end, of which TeXML tells little -------------------------------------------------------


@led_by_documents
@both_voices
async def test_a_caller_who_leaves_is_missed_within_a_second(
    app: App, pair: Pair, voice: VoiceKind
) -> None:
    left: list[float] = []

    @app.call(voice=voice)
    async def listen(call: Call) -> None:
        try:
            async for _ in call.turns():
                pass
        except CallEnded:
            pass
        left.append(pair.clock.now())

    report = await pair.call(caller(Wait("streaming"), HangUp()))
    assert report.hung_up_by == "caller"
    leg = pair.switch.find(report.call_control_id)
    assert leg is not None
    assert leg.ended_at is not None
    assert left[0] - leg.ended_at < 1.0
    assert app.service.calls.counts.ended == {"unspecified": 1}, "nobody has told why"


@and_told_of_the_end
@both_voices
async def test_with_a_status_callback_the_end_has_its_cause(
    app: App, pair: Pair, voice: VoiceKind
) -> None:
    app.reply(voice=voice)(parrot)
    report = await pair.call(caller(Wait("streaming"), HangUp()))
    assert report.hung_up_by == "caller"
    assert app.service.calls.counts.ended == {"normal_clearing": 1}


@led_by_documents
@pytest.mark.virtual(api_key="a-key-that-the-carrier-does-not-take")
@both_voices
async def test_where_no_command_is_taken_a_document_hangs_up(
    app: App, pair: Pair, voice: VoiceKind
) -> None:
    app.call(voice=voice)(greet)
    report = await pair.call(caller(Wait("hangup")))
    assert words(report) == [("bot", "Hello.")]
    assert report.hung_up_by == "bot"
    assert commands(report) == [("hangup", 401)]
    assert kinds(report)[-2:] == ["texml fetch", "texml document"]


@led_by_documents
async def test_a_call_whose_caller_never_waits_leaves_nothing_behind(app: App, pair: Pair) -> None:
    app.reply(voice="relay")(parrot)
    report = await pair.call(CallScript(steps=(HangUp(),)))
    assert report.hung_up_by == "caller"
    assert len(app.service.calls) == 0


# ---- what goes wrong ----------------------------------------------------------------------------


@led_by_documents
@both_voices
async def test_a_broken_session_is_begun_anew_by_the_next_document(
    app: App, pair: Pair, voice: VoiceKind
) -> None:
    app.reply(greeting="Hello.", voice=voice)(parrot)
    call = pair.place(
        caller(Wait("bot_silent", 3.0), says("goodbye"), Wait("hangup")),
    )
    await asyncio.sleep(1.5)
    pair.drop_sockets()
    report = await pair.finished(call)
    assert words(report) == [SAID[0], *SAID[3:]]
    assert not report.failed
    fetched = [entry.detail["url"] for entry in report.tape if entry.kind == "texml fetch"]
    assert fetched[:2] == [f"{ADDRESS}/texml", f"{ADDRESS}/texml/next"]
    assert commands(report) == [("hangup", 200)]


@led_by_documents
@both_voices
async def test_sessions_may_break_more_often_than_they_may_fail_to_begin(
    app: App, pair: Pair, voice: VoiceKind
) -> None:
    app.reply(greeting="Hello.", voice=voice)(parrot)
    call = pair.place(caller(Wait("bot_silent", 12.0), says("goodbye"), Wait("hangup")))
    for _ in range(5):
        await asyncio.sleep(1.5)
        pair.drop_sockets()
    report = await pair.finished(call)
    assert words(report)[-2:] == SAID[3:]


@led_by_documents
@both_voices
async def test_where_no_socket_opens_the_call_ends(app: App, pair: Pair, voice: VoiceKind) -> None:
    app.reply(greeting="Hello.", voice=voice)(parrot)
    pair.refuse_sockets = True
    report = await pair.call(CallScript(steps=(Wait("hangup", within_s=60),)))
    assert report.hung_up_by == "bot"
    assert report.duration_s < 1.0
    assert len(app.service.calls) == 0


@led_by_documents
@pytest.mark.virtual(expect_crash=ValueError)
async def test_a_crash_is_followed_by_the_apology_and_the_end(app: App, pair: Pair) -> None:
    @app.call(voice="relay")
    async def stumble(call: Call) -> None:
        await call.say("Hello.")
        raise ValueError("on purpose")

    report = await pair.call(caller(Wait("hangup")))
    said = [entry.detail["text"] for entry in report.tape if entry.kind == "relay said"]
    assert said == ["Hello.", "I am sorry, something went wrong."]
    assert report.hung_up_by == "bot"


# ---- handed over --------------------------------------------------------------------------------


@led_by_documents
@pytest.mark.virtual(numbers={AGENT: STAYING})
@both_voices
async def test_a_call_that_was_handed_over_outlives_its_documents(
    app: App, pair: Pair, voice: VoiceKind
) -> None:
    outcomes: list[str] = []

    @app.call(voice=voice)
    async def pass_on(call: Call) -> None:
        outcomes.append((await call.transfer(AGENT)).result)

    report = await pair.call(caller(Wait("bot_silent", 400.0, within_s=500.0)))
    assert outcomes == ["answered"]
    assert report.bridged
    assert report.hung_up_by == "caller"
    assert report.duration_s > 399
    verbs = [entry.detail["verbs"] for entry in report.tape if entry.kind == "texml document"]
    assert verbs == [["Connect"], *[["Pause", "Redirect"]] * 3]


@led_by_documents
@pytest.mark.virtual(config=CarrierConfig(numbers={AGENT: STAYING}, ring_s=8.0))
@both_voices
async def test_a_document_does_not_hang_up_while_somebody_is_rung_for_the_caller(
    app: App, pair: Pair, voice: VoiceKind
) -> None:
    @app.call(voice=voice)
    async def pass_on_and_leave(call: Call) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(call.transfer(AGENT), 1.0)

    call = pair.place(caller(Wait("bot_silent", 20.0)))
    await asyncio.sleep(4.0)
    pair.drop_sockets()
    report = await pair.finished(call)
    assert report.bridged
    assert report.hung_up_by == "caller"
