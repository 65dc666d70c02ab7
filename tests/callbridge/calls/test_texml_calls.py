"""Calls that TeXML leads, in virtual time: the carrier asks the real application for documents."""

import msgspec
import pytest

from callbridge import App, Call, Turn
from callbridge.calls.leg import VoiceKind
from callbridge.carrier.config import CarrierConfig, TexmlApplication
from callbridge.testing import Pair, Wait, caller, says
from callbridge.testing.pair import ADDRESS

TEXML = TexmlApplication(voice_url=f"{ADDRESS}/texml")
TOLD = msgspec.structs.replace(TEXML, status_url=f"{ADDRESS}/webhooks")
by_document = pytest.mark.virtual(config=CarrierConfig(texml=TEXML))
with_status = pytest.mark.virtual(config=CarrierConfig(texml=TOLD))


async def parrot(call: Call, turn: Turn) -> str:
    if turn.text == "goodbye":
        await call.hangup()
    return f"You said {turn.text}."


@by_document
@pytest.mark.parametrize("voice", ["relay", "media"])
async def test_one_bot(app: App, pair: Pair, voice: VoiceKind) -> None:
    app.reply(greeting="Hello.", voice=voice)(parrot)
    report = await pair.call(
        caller(Wait("bot_silent", 1.0), says("two tickets"), Wait("bot_silent", 1.0))
    )
    for e in report.tape:
        print(e)
    print(report.commands)
    print(report.turns)
    assert not report.failed


@by_document
@pytest.mark.parametrize("voice", ["relay", "media"])
async def test_hup(app: App, pair: Pair, voice: VoiceKind) -> None:
    app.reply(greeting="Hello.", voice=voice)(parrot)
    report = await pair.call(caller(Wait("bot_silent", 1.0), says("goodbye"), Wait("hangup")))
    for e in report.tape:
        print(e)
    print(report.commands)
    print(report.turns)
    assert not report.failed
