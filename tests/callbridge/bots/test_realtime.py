"""A model that hears and speaks, against a strict local server of its protocol: in virtual time."""

import asyncio
from typing import Any

import numpy as np
import pytest

from callbridge import App, Call, Message
from callbridge.bots import realtime
from callbridge.tape.events import CallEvent, WaterfallMeasured
from callbridge.tape.tape import CallIds
from callbridge.testing import CallReport, Pair, Press, Wait, caller, says
from callbridge.testing.speech import CHARACTER_S, HummingSynthesiser
from telecodecs import Pcm, codec
from tests.vendors.openai import answers as a
from tests.vendors.openai_realtime.server import KEY, MODEL, RealtimeServer

COUNTING = "one two three four five six seven eight nine ten eleven twelve thirteen fourteen."
FRAME_MS = 20


class Bot:
    """Lets the server's model talk, and keeps what the history was when the talk was over."""

    def __init__(self, server: RealtimeServer, **settings: Any) -> None:
        self.settings: dict[str, Any] = {
            "api_key": KEY,
            "model": MODEL,
            "connect": server.connect,
        } | settings
        self.history: list[Message] = []
        self.calls: list[Call] = []

    async def __call__(self, call: Call) -> None:
        self.calls.append(call)
        try:
            await realtime.converse(call, "You are brief.", **self.settings)
        finally:
            self.history = call.history


@pytest.fixture
def app() -> App:
    return App()


def sounds(report: CallReport) -> list[tuple[int, int]]:
    """(start, end) in ms of what the caller heard in one go: silence of 100 ms parts two."""
    loud = np.flatnonzero(np.abs(report.bot) > 100)
    gaps = np.flatnonzero(np.diff(loud) > 800)
    starts = [loud[0], *loud[gaps + 1]] if len(loud) else []
    ends = [*loud[gaps], loud[-1]] if len(loud) else []
    return [(int(s) // 8, int(e) // 8) for s, e in zip(starts, ends, strict=True)]


def instructions_of(session: dict[str, Any]) -> str:
    return str(session["session"]["instructions"])


# ---- a conversation -----------------------------------------------------------------------------


async def test_the_caller_speaks_and_the_model_answers(app: App, pair: Pair) -> None:
    server = RealtimeServer()
    bot = Bot(server)
    app.call(bot)
    report = await pair.call(caller(says("good morning"), Wait("bot_silent", 2.0)))
    assert server.heard == ["good morning"]
    assert [turn.text for turn in report.turns] == ["good morning", "You said: good morning"]
    assert bot.history == [
        {"role": "user", "content": "good morning"},
        {"role": "assistant", "content": "You said: good morning"},
    ]
    assert server.refused == []


async def test_the_session_is_the_wires_and_as_it_was_asked_for(app: App, pair: Pair) -> None:
    def opening_hours(day: str) -> str:
        """When we are open."""
        return "nine to five"

    server = RealtimeServer()
    app.call(Bot(server, tools=[opening_hours], voice="cedar", more={"max_output_tokens": 500}))
    await pair.call(caller(Wait("bot_silent", 0.5)))
    (update,) = server.sent("session.update")
    session = update["session"]
    assert instructions_of(update) == "You are brief."
    assert session["audio"]["input"]["format"] == {"type": "audio/pcmu"}
    assert session["audio"]["output"] == {"format": {"type": "audio/pcmu"}, "voice": "cedar"}
    assert session["max_output_tokens"] == 500
    assert [tool["name"] for tool in session["tools"]] == ["opening_hours"]
    assert server.refused == []


async def test_the_model_greets_first(app: App, pair: Pair) -> None:
    server = RealtimeServer(a.in_order(a.writes("Hello, who is calling?"), a.writes("Hello Ann.")))
    app.call(Bot(server, greeting="Hello, who is calling?"))
    report = await pair.call(
        caller(Wait("bot_speaking"), Wait("bot_silent", 0.5), says("ann"), Wait("bot_silent", 2.0))
    )
    (first,) = server.sent("response.create")
    assert first["response"]["instructions"].startswith("You are brief.")
    assert 'say "Hello, who is calling?"' in first["response"]["instructions"]
    texts = [turn.heard for turn in report.turns]
    assert texts == ["Hello, who is calling?", "ann", "Hello Ann."]
    assert server.refused == []


async def test_keys_are_told_to_the_model(app: App, pair: Pair) -> None:
    server = RealtimeServer()
    app.call(Bot(server))
    await pair.call(caller(Press("42"), Wait("bot_speaking"), Wait("bot_silent", 1.0)))
    (item,) = server.sent("conversation.item.create")
    (part,) = item["item"]["content"]
    assert part == {"type": "input_text", "text": "[The caller has pressed the keys 4 2]"}
    assert server.refused == []


class Waterfalls:
    """Reads the tape."""

    def __init__(self) -> None:
        self.measured: list[dict[str, float]] = []

    def on_event(
        self, ids: CallIds, at: float, event: CallEvent, error: BaseException | None
    ) -> None:
        if isinstance(event, WaterfallMeasured):
            self.measured.append(event.after_s)


WATERFALLS = Waterfalls()


@pytest.mark.virtual(readers=(WATERFALLS,))
async def test_nothing_waits_between_the_model_and_the_wire(app: App, pair: Pair) -> None:
    """The model needs 0.3 s and its network 20 ms each way; we need none."""
    WATERFALLS.measured.clear()
    server = RealtimeServer()
    app.call(Bot(server))
    await pair.call(caller(says("good morning"), Wait("bot_speaking"), Wait("bot_silent", 1.0)))
    (after_s,) = WATERFALLS.measured
    assert after_s["first_audio"] - after_s["turn_ended"] == pytest.approx(0.3, abs=0.001)
    assert after_s["first_sent"] == after_s["first_audio"]
    assert after_s["first_heard"] - after_s["first_sent"] <= 2.1 * FRAME_MS / 1000


# ---- what was heard -----------------------------------------------------------------------------


AWAY = [
    pytest.param(0.0, id="here"),
    pytest.param(0.06, marks=pytest.mark.virtual(delay=0.06), id="60 ms away"),
]


@pytest.mark.parametrize("delay", AWAY)
@pytest.mark.parametrize("after_s", [0.3, 0.9, 1.7])
async def test_a_cut_says_what_the_caller_heard_to_the_frame(
    app: App, pair: Pair, delay: float, after_s: float
) -> None:
    """A platform that is away plays on until the clear is there: that much more is heard."""
    server = RealtimeServer(a.in_order(a.writes(COUNTING), a.writes("Yes?")))
    bot = Bot(server)
    app.call(bot)
    report = await pair.call(
        caller(
            says("count"), Wait("bot_speaking", after_s), says("stop it"), Wait("bot_silent", 2.0)
        )
    )
    (cut,) = server.sent("conversation.item.truncate")
    (first_start, first_end), _ = sounds(report)
    assert abs(first_end - first_start - cut["audio_end_ms"] - 2000 * delay) <= FRAME_MS
    said = report.said[0]
    assert said.cut
    assert cut["audio_end_ms"] == pytest.approx(1000 * said.heard_s, abs=1)
    assert [turn.heard for turn in report.said[1:]] == ["Yes?"]
    assert server.refused == []


async def test_history_has_the_words_that_were_heard(app: App, pair: Pair) -> None:
    """The voice of these tests takes as long for every letter: so the estimate is exact."""
    server = RealtimeServer(a.in_order(a.writes(COUNTING), a.writes("Yes?")))
    bot = Bot(server)
    app.call(bot)
    report = await pair.call(
        caller(says("count"), Wait("bot_speaking", 1.0), says("stop it"), Wait("bot_silent", 2.0))
    )
    heard = bot.history[1]["content"]
    letters = int(1000 * report.said[0].heard_s / (1000 * CHARACTER_S))
    assert COUNTING.startswith(heard)
    assert letters - len("thirteen ") <= len(heard) <= letters
    assert [each["role"] for each in bot.history] == ["user", "assistant", "user", "assistant"]


async def test_what_was_not_heard_at_all_is_taken_out(app: App, pair: Pair) -> None:
    """The service refuses to cut what has no sound yet: the item goes."""
    server = RealtimeServer(a.in_order(a.writes(COUNTING), a.writes("Yes?")), latency_s=0.0)
    app.call(Bot(server))
    bot_call = asyncio.create_task(_cuts_at_the_first_sound(app, pair, server))
    report = await pair.call(caller(says("count"), Wait("bot_silent", 6.0)))
    await bot_call
    assert len(server.sent("conversation.item.delete")) == 1
    assert server.sent("conversation.item.truncate") == []
    assert server.refused == []
    assert "".join(turn.heard for turn in report.said) == ""


async def _cuts_at_the_first_sound(app: App, pair: Pair, server: RealtimeServer) -> None:
    """As if the caller had spoken when the first delta was on its way to the platform."""
    while not (server.sessions and server.sessions[0].has_spoken):  # noqa: ASYNC110  virtual
        await asyncio.sleep(0.001)
    session = server.sessions[0]
    assert session.reply is not None
    session.emit("input_audio_buffer.speech_started", audio_start_ms=0, item_id="item_x")
    session.reply.cancel("turn_detected")


async def test_a_reply_that_was_heard_to_its_end_is_not_cut(app: App, pair: Pair) -> None:
    server = RealtimeServer()
    app.call(Bot(server))
    await pair.call(
        caller(
            says("one"), Wait("bot_speaking"), Wait("bot_silent", 0.5),
            says("two"), Wait("bot_speaking"), Wait("bot_silent", 1.0),
        )
    )  # fmt: skip
    assert server.sent("conversation.item.truncate") == []
    assert server.heard == ["one", "two"]


# ---- straight through ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "law",
    [
        pytest.param("PCMU", marks=pytest.mark.virtual(codec="PCMU")),
        pytest.param("PCMA", marks=pytest.mark.virtual(codec="PCMA")),
    ],
)
async def test_octets_pass_as_they_are(app: App, pair: Pair, law: str) -> None:
    """What the model says is on the wire octet by octet, and what the caller says at the model."""
    server = RealtimeServer(a.in_order(a.writes("Good day.")))
    bot = Bot(server)
    app.call(bot)
    report = await pair.call(caller(says("hello"), Wait("bot_silent", 2.0)))
    session = server.sessions[0]
    assert session.config["audio"]["output"]["format"] == {"type": f"audio/{law.lower()}"}
    spoken = codec(law).decode(codec(law).encode(_hummed("Good day.")))
    start = sounds(report)[0][0] * 8
    heard = report.bot[start - 8 : start + len(spoken) + 8]
    offset = int(np.argmax(np.abs(heard) > 0))
    first = int(np.argmax(np.abs(spoken) > 0))
    assert np.array_equal(heard[offset : offset + len(spoken) - first], spoken[first:])
    assert server.heard == ["hello"]


async def test_nothing_is_decoded_that_nobody_wants(app: App, pair: Pair) -> None:
    server = RealtimeServer()
    bot = Bot(server)
    app.call(bot)
    placed = await pair.ring()
    await asyncio.sleep(0.5)
    (leg,) = app.service.calls.legs()
    assert leg.audio is not None
    assert leg.audio.line.stream is not None
    assert leg.audio.line.stream.session.wanted is False
    before = server.octets_heard
    await asyncio.sleep(1.0)
    assert server.octets_heard - before == 8000
    await placed.hangs_up()


@pytest.mark.virtual(codec="L16", codec_rate=16000)
async def test_another_wire_is_resampled(app: App, pair: Pair) -> None:
    server = RealtimeServer()
    app.call(Bot(server))
    report = await pair.call(caller(says("good morning"), Wait("bot_silent", 2.0)))
    assert server.sessions[0].config["audio"]["input"]["format"]["type"] == "audio/pcm"
    assert server.heard == ["good morning"]
    assert report.said[0].heard == "You said: good morning"
    (start, end), *_ = sounds(report)
    assert abs(end - start - 1000 * CHARACTER_S * len("You said: good morning")) < 2 * FRAME_MS
    assert server.refused == []


def _hummed(text: str) -> Pcm:
    return np.concatenate([word.pcm for word in HummingSynthesiser().speak(text, 8000)])
