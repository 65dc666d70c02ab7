"""Ten minutes after many calls, a carrier holds no more than after few: whatever they did."""

import asyncio
import gc
import json
import sys
from collections import Counter
from collections.abc import Callable
from types import BuiltinFunctionType, FunctionType, ModuleType
from typing import Any
from weakref import ReferenceType

import httpx
import pytest
from nacl.signing import SigningKey

from callbridge.carrier.api.problems import Response
from callbridge.carrier.config import CarrierConfig
from callbridge.carrier.core.effects import (
    FetchSound,
    OpenStream,
    Recognise,
    SaveRecording,
    SendWebhook,
    SpeakWords,
    Synthesise,
)
from callbridge.carrier.net.deliver import SpawnErrand
from callbridge.carrier.net.shell import Shell
from callbridge.carrier.people.script import CallScript, HangUp, Wait
from callbridge.carrier.switch import Switch
from tests.callbridge.carrier.line import KEY, SELF, STAY, mark, media, tone
from tests.callbridge.carrier.relay_line import words

BOB = "+13125550199"
CONFIG = CarrierConfig(
    webhook_url="http://127.0.0.1:9/hooks",
    numbers={BOB: CallScript(steps=STAY)},
    ring_s=0.02,
)
GONE_SOON = CallScript(steps=(Wait("answered"), HangUp()))
CALLS = 10_000
DELIVERED = 300  # by a shell, which signs each event: a tenth of the speed
FEW = 1_000  # enough to fill what is bounded by a number: the requests that were asked last
OUT_OF_TEN = 1  # calls that do more than to be answered and to hang up
FORGOTTEN_S = CONFIG.keep_finished_s + 1  # an empty queue is forgotten before that, too

MORE: list[tuple[str, dict[str, Any]]] = [
    ("streaming_start", SELF),
    ("speak", {"payload": "Hello.", "voice": "female"}),
    ("playback_start", {"audio_url": "http://127.0.0.1:9/a.wav", "loop": "infinity"}),
    ("gather", {"maximum_digits": 4}),
    ("gather_using_speak", {"payload": "A number, please.", "voice": "female"}),
    ("send_dtmf", {"digits": "123"}),
    ("record_start", {"format": "wav", "channels": "dual"}),
    ("transcription_start", {}),
    ("conversation_relay_start", {"url": "ws://127.0.0.1:9/relay"}),
    ("enqueue", {"queue_name": "support"}),
    ("transfer", {"to": BOB}),
    ("transfer", {"to": "+13125550100"}),  # which nobody answers
    ("conference", {}),
    ("dial", {}),
]


class Calls:
    """Short calls to one carrier, one after the other, which gets what it wishes of the world."""

    def __init__(self) -> None:
        self.now = 0.0
        self.switch = Switch(CONFIG, wall=1_700_000_000.0, seed=1, speaks=True, converses=True)
        self.opened: list[str] = []
        self.events: Counter[str] = Counter()
        self.placed = 0

    def place(self, count: int) -> None:
        """They do in turn all that calls can do; each command has an id, to be repeated by."""
        for number in range(count):
            if number % 10 < OUT_OF_TEN:
                self._long(*MORE[self.placed // 10 % len(MORE)])
            else:
                self._short()
            self.placed += 1

    def _short(self) -> None:
        call = self.switch.place_call(GONE_SOON, self.now)
        self._command(call, "answer")
        self._tick()

    def _long(self, action: str, fields: dict[str, Any]) -> None:
        call = self.switch.place_call(CallScript(steps=STAY), self.now)
        self._command(call, "answer", webhook_url="http://127.0.0.1:9/other")
        if action == "conference":
            self._request("/v2/conferences", call_control_id=call, name=call)
        elif action == "dial":
            to = {"to": BOB, "from": BOB, "connection_id": CONFIG.connection_id, "link_to": call}
            self._request("/v2/calls", bridge_on_answer=True, **to)
        else:
            self._command(call, action, **fields)
        self._tick()
        for stream_id in self.opened:
            for frame in (media(bytes(800)), mark("a")):
                self.switch.stream_received(stream_id, frame, self.now)
        self.opened.clear()
        self._tick()
        self._command(call, "hangup")
        self._tick()

    def _command(self, call: str, action: str, **fields: object) -> None:
        self._request(f"/v2/calls/{call}/actions/{action}", command_id=f"{self.placed}", **fields)

    def _request(self, path: str, **fields: object) -> None:
        body = json.dumps(fields).encode()
        answer: Response = self.switch.request("POST", path, body, f"Bearer {KEY}", self.now)
        assert answer.status == 200, (path, answer.body)
        self._settle()

    def _tick(self) -> None:
        self.now += 0.02
        self.switch.tick(self.now)
        self._settle()

    def _settle(self) -> None:
        while effects := self.switch.effects():
            for effect in effects:
                match effect:
                    case SendWebhook():
                        self.events[effect.event_type] += 1
                    case OpenStream(stream_id):
                        self.switch.stream_opened(stream_id, self.now)
                        self.opened.append(stream_id)
                    case SaveRecording(recording_id):
                        self.switch.recording_saved(recording_id, self.now)
                    case Synthesise(speak_id):
                        self.switch.synthesised(speak_id, tone(60), self.now)
                    case FetchSound(sound_id):
                        self.switch.fetched(sound_id, tone(60), self.now)
                    case SpeakWords(sound_id):
                        self.switch.spoken(sound_id, words("Hello."), self.now)
                    case Recognise(session_id):
                        self.switch.recognised(session_id, "Hello.", self.now)
                    case _:
                        pass

    def held_later(self) -> tuple[Counter[str], int]:
        """What the carrier holds once all is over and forgotten."""
        for _ in range(2):  # who still rings gives up, and is forgotten the second time
            self.now += FORGOTTEN_S
            self._tick()
        self.switch.request("GET", "/v2/queues", b"", f"Bearer {KEY}", self.now)
        return held(self.switch)


def held(root: object) -> tuple[Counter[str], int]:
    """What an object leads to: how many there are of each type of ours, and the bytes of all."""
    of_types: Counter[str] = Counter()
    size, seen = 0, {id(root)}
    ahead: list[Any] = [root]
    while ahead:
        found = ahead.pop()
        size += _bytes(found)
        if type(found).__module__.startswith("callbridge."):
            of_types[type(found).__name__] += 1
        for inner in _inside(found):
            if id(inner) not in seen:
                seen.add(id(inner))
                ahead.append(inner)
    return of_types, size


def _bytes(value: object) -> int:
    """But for a dict: its table stays as large as it has ever been."""
    return 0 if isinstance(value, dict) else sys.getsizeof(value)


def _inside(value: object) -> list[Any]:
    """Without the code that it is of: that leads to everything."""
    if isinstance(value, FunctionType):
        return list(value.__closure__ or ())
    code = (type, ModuleType, BuiltinFunctionType, ReferenceType)
    return [inner for inner in gc.get_referents(value) if not isinstance(inner, code)]


def test_ten_thousand_calls_leave_no_more_than_a_thousand() -> None:
    calls = Calls()
    calls.place(FEW)
    few, few_bytes = calls.held_later()
    calls.place(CALLS - FEW)
    many, many_bytes = calls.held_later()
    assert calls.events["call.hangup"] >= CALLS
    assert calls.switch.live_legs == 0
    assert many == few
    assert many_bytes < 1.02 * few_bytes


class Open:
    """Sockets that open at once and take everything."""

    def __init__(
        self,
        switch: Switch,
        spawn: SpawnErrand,
        settle: Callable[[], None],
        now: Callable[[], float],
    ) -> None:
        self._switch, self._now = switch, now

    def open(self, wish: OpenStream) -> None:
        self._switch.stream_opened(wish.stream_id, self._now())

    def send(self, stream_id: str, text: str) -> None: ...

    def close(self, stream_id: str) -> None: ...


class Customer:
    """A server that takes every third event only when it comes again."""

    def __init__(self) -> None:
        self.taken: Counter[str] = Counter()
        self.refused = 0

    def __call__(self, request: httpx.Request) -> httpx.Response:
        event = json.loads(request.content)
        if event["meta"]["attempt"] == 1 and sum(self.taken.values()) % 3 == 0:
            self.refused += 1
            return httpx.Response(503)
        self.taken[event["data"]["event_type"]] += 1
        return httpx.Response(200)


@pytest.mark.virtual
async def test_a_shell_has_no_task_and_no_delivery_left() -> None:
    customer = Customer()
    transport = httpx.MockTransport(customer)
    async with httpx.AsyncClient(transport=transport) as http, asyncio.TaskGroup() as group:
        before = len(asyncio.all_tasks())
        shell = Shell(CONFIG, group, http, SigningKey.generate(), streams=Open)
        clock = group.create_task(shell.run_clock())
        for _ in range(DELIVERED):
            call = shell.switch.place_call(GONE_SOON, shell.now())
            path, body = f"/v2/calls/{call}/actions/answer", json.dumps(SELF).encode()
            shell.switch.request("POST", path, body, f"Bearer {KEY}", shell.now())
            shell.settle()
            await asyncio.sleep(0.02)
        await shell.quiet(within=60)
        clock.cancel()
        await asyncio.sleep(0)
        assert len(asyncio.all_tasks()) == before
        assert customer.taken["call.hangup"] == DELIVERED
        assert customer.refused > DELIVERED
