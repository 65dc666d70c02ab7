"""Our own ear for a model that hears and speaks: what is a turn, and what an interruption."""

from typing import Any

import numpy as np
import pytest

from callbridge import App
from callbridge.testing import Pair, Wait, caller, says, tone
from tests.callbridge.bots.test_realtime import COUNTING, FRAME_MS, Bot, sounds
from tests.vendors.openai import answers as a
from tests.vendors.openai_realtime.server import RealtimeServer

ANSWERED = (Wait("bot_speaking"), Wait("bot_silent", 1.0))


def own(server: RealtimeServer, **settings: Any) -> Bot:
    return Bot(server, turns="ours", **settings)


async def test_our_ear_takes_the_turns(app: App, pair: Pair) -> None:
    server = RealtimeServer()
    bot = own(server)
    app.call(bot)
    report = await pair.call(
        caller(says("good morning"), *ANSWERED, says("and goodbye"), *ANSWERED)
    )
    assert server.heard == ["good morning", "and goodbye"]
    session = server.sessions[0].config
    assert session["audio"]["input"]["turn_detection"] is None
    assert [turn.heard for turn in report.said] == [
        "You said: good morning",
        "You said: and goodbye",
    ]
    assert [each["role"] for each in bot.history] == ["user", "assistant", "user", "assistant"]
    assert server.refused == []


async def test_an_interruption_is_cut_to_the_frame(app: App, pair: Pair) -> None:
    server = RealtimeServer(a.in_order(a.writes(COUNTING), a.writes("Yes?")))
    app.call(own(server))
    report = await pair.call(
        caller(says("count"), Wait("bot_speaking", 1.0), says("please stop it"), *ANSWERED)
    )
    (cut,) = server.sent("conversation.item.truncate")
    heard_ms = sum(end - start for start, end in sounds(report)[:-1])
    assert abs(cut["audio_end_ms"] - heard_ms) <= 2 * FRAME_MS
    assert report.said[0].cut
    assert [turn.heard for turn in report.said[1:]] == ["Yes?"]
    assert server.refused == []


async def test_a_cough_makes_it_wait_and_cuts_nothing(app: App, pair: Pair) -> None:
    server = RealtimeServer(a.in_order(a.writes(COUNTING)))
    app.call(own(server))
    report = await pair.call(
        caller(says("count"), Wait("bot_speaking", 1.0), says(tone(0.3)), Wait("bot_silent", 2.0))
    )
    assert server.sent("conversation.item.truncate") == []
    assert [turn.heard for turn in report.said] == [COUNTING]
    assert len(server.sent("response.create")) == 1
    assert server.refused == []


async def test_the_model_hears_no_silence(app: App, pair: Pair) -> None:
    """Ten seconds of nothing cost nothing."""
    server = RealtimeServer()
    app.call(own(server))
    report = await pair.call(caller(Wait("bot_silent", 10.0), says("hello"), *ANSWERED))
    spoken = int(np.count_nonzero(np.abs(report.caller) > 100))
    assert spoken < server.octets_heard < spoken + 2.5 * 8000
    assert server.heard == ["hello"]


@pytest.mark.parametrize("at_once", [True, False])
async def test_a_lost_session_hears_the_turn_again(app: App, pair: Pair, at_once: bool) -> None:
    fault: list[a.Part] = [a.Drop()] if at_once else [a.Stall(0.4), a.Drop()]
    server = RealtimeServer(a.in_order(a.Completion(fault), a.writes("Hello again.")))
    app.call(own(server))
    report = await pair.call(caller(says("hello"), *ANSWERED))
    assert [turn.heard for turn in report.said] == ["Hello again."]
    assert server.refused == []
