"""examples/realtime/: a call over real sockets between the bridge and the local model's server."""

from pathlib import Path

import pytest
from examples.realtime import bot
from starlette.applications import Starlette

from callbridge.testing import Pair, caller_of
from callbridge.timing.clock import SystemClock
from tests.vendors.openai.rules import read_rules
from tests.vendors.openai_realtime.server import KEY, MODEL, RealtimeServer
from tests.vendors.sockets import served

EXAMPLE = Path(__file__).parents[2] / "examples" / "realtime"


async def test_the_caller_is_answered_and_says_goodbye(monkeypatch: pytest.MonkeyPatch) -> None:
    """In real time, some twenty seconds: the caller cuts an answer, and the model hangs up."""
    server = RealtimeServer(read_rules(EXAMPLE / "model.json"), pace=8.0)
    async with served(Starlette(routes=server.routes)) as address:
        monkeypatch.setenv("OPENAI_API_KEY", KEY)
        monkeypatch.setenv("OPENAI_BASE_URL", f"{address}/v1")
        monkeypatch.setenv("OPENAI_REALTIME_MODEL", MODEL)
        pair = Pair(bot.app, clock=SystemClock())
        report = await pair.call(caller_of(EXAMPLE / "bot.json"))
        await pair.close()
    assert not report.failed
    assert server.refused == []
    assert server.heard == ["When do you open on Monday?", "Thank you, goodbye."]
    said = [turn.heard.strip() for turn in report.said]
    assert said[0] == "Miller and Sons, good day. How can I help you?"
    assert said[1] == "Let me see."
    assert said[2].startswith("We are open from nine to six on Mondays.")
    assert report.said[2].cut
    assert said[3] == "Thank you for calling. Goodbye."
    (cut,) = server.sent("conversation.item.truncate")
    assert cut["audio_end_ms"] == pytest.approx(1000 * report.said[2].heard_s, abs=1)
    assert report.hung_up_by == "bot"
