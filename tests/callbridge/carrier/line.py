"""A carrier in memory: what its shell would do is done here by hand, in virtual ticks.

Frames are read and written as plain JSON, from the platform's contract: not with the bridge's
code, which could share a mistake with the carrier's."""

import base64
import json
from collections.abc import Callable, Mapping
from typing import Any, cast

import numpy as np

from callbridge.carrier.api.problems import Response
from callbridge.carrier.config import CarrierConfig
from callbridge.carrier.core.effects import (
    CallFinished,
    CloseStream,
    DropRecordingFile,
    Effect,
    FetchSound,
    OpenStream,
    PhoneHears,
    Recognise,
    RequestTexml,
    SaveRecording,
    SendFrame,
    SendWebhook,
    SpeakWords,
    Synthesise,
    TellPhone,
    WriteRecording,
)
from callbridge.carrier.core.links import RecordingServer
from callbridge.carrier.core.report import CallReport
from callbridge.carrier.people.script import CallScript, Step, Wait
from callbridge.carrier.switch import Switch
from callbridge.testing.recordings import MemoryRecordings
from telecodecs import Pcm, codec
from tests.callbridge.carrier.documents import check_event

KEY = "local-key"
RTP = {"stream_url": "ws://127.0.0.1:9/media", "stream_bidirectional_mode": "rtp"}
SELF = RTP | {"stream_bidirectional_target_legs": "self"}
STAY = (Wait("hangup", within_s=14400),)

Frame = dict[str, Any]


def tone(ms: int, rate: int = 8000, hz: float = 440.0) -> Pcm:
    return np.asarray(8000 * np.sin(np.arange(ms * rate // 1000) * 2 * np.pi * hz / rate), np.int16)


def media(payload: bytes) -> str:
    body = {"payload": base64.b64encode(payload).decode()}
    return json.dumps({"event": "media", "media": body})


def mark(name: str) -> str:
    return json.dumps({"event": "mark", "mark": {"name": name}})


CLEAR = '{"event":"clear"}'


class Line:
    """`bot` is called with every frame that the customer receives and may call `send`."""

    def __init__(
        self,
        config: CarrierConfig | None = None,
        *,
        speaks: bool = False,
        converses: bool = False,
        connects: bool = True,
        mp3: bool = True,
        bot: "Callable[[Line, Frame], None] | None" = None,
    ) -> None:
        self.config = config or CarrierConfig(webhook_url="http://app/hooks")
        self.switch = Switch(
            self.config,
            wall=1_700_000_000.0,
            seed=1,
            speaks=speaks,
            converses=converses,
            recordings=RecordingServer(mp3=mp3),
        )
        self.recordings = MemoryRecordings()
        self.to_save: list[SaveRecording] = []
        self.saves = True  # at once; else a test answers `to_save`
        self.now = 0.0
        self.connects = connects
        self.bot = bot
        self.frames: list[Frame] = []
        self.deliveries: list[SendWebhook] = []
        self.requests: list[RequestTexml] = []
        self.opened: list[OpenStream] = []
        self.to_speak: list[Synthesise] = []
        self.to_say: list[SpeakWords] = []
        self.to_fetch: list[FetchSound] = []
        self.to_recognise: list[Recognise] = []
        self.log: list[str] = []  # the order of what left the carrier
        self.finished: list[str] = []
        self._ticks = 0

    # ---- what the customer does -------------------------------------------------------------

    def request(
        self, method: str, path: str, body: object = None, authorization: str | None = None
    ) -> Response:
        raw = body if isinstance(body, bytes) else json.dumps(body or {}).encode()
        response = self.switch.request(
            method, path, raw, authorization or f"Bearer {KEY}", self.now
        )
        self.settle()
        return response

    def command(self, call: str, action: str, /, **fields: object) -> Response:
        method = "PUT" if action == "client_state_update" else "POST"
        return self.request(method, f"/v2/calls/{call}/actions/{action}", fields)

    def dial(self, to: str, **fields: object) -> Response:
        body = {"connection_id": self.config.connection_id, "from": "+13125550100", "to": to}
        return self.request("POST", "/v2/calls", body | fields)

    def send(self, text: str | bytes, stream: int = -1) -> None:
        self.switch.stream_received(self.opened[stream].stream_id, text, self.now)
        self.settle()

    # ---- what the world does ------------------------------------------------------------------

    def ring(self, *steps: Step, **script: Any) -> str:
        call = self.switch.place_call(CallScript(steps=steps or STAY, **script), self.now)
        self.settle()
        return call

    def streaming(self, *steps: Step, params: Mapping[str, object] = SELF, **script: Any) -> str:
        """A call that is answered and streamed."""
        call = self.ring(*steps, **script)
        response = self.command(call, "answer", **params)
        assert response.status == 200, response.body
        return call

    def tick(self, count: int = 1) -> None:
        for _ in range(count):
            self._ticks += 1
            self.now = self._ticks * 0.02
            self.switch.tick(self.now)
            self.settle()

    def settle(self) -> None:
        while effects := self.switch.effects():
            for effect in effects:
                self._carry_out(effect)

    def _carry_out(self, effect: Effect) -> None:
        match effect:
            case SendWebhook():
                check_event(effect.event)
                self.deliveries.append(effect)
                self.log.append(self.events[-1]["event_type"])
            case RequestTexml():
                self.requests.append(effect)
            case OpenStream(stream_id):
                self.opened.append(effect)
                if self.connects:
                    self.switch.stream_opened(stream_id, self.now)
            case SendFrame(_, text):
                frame = json.loads(text)
                self.frames.append(frame)
                self.log.append(frame["event"] if "event" in frame else frame["type"])
                if self.bot is not None:
                    self.bot(self, frame)
            case CloseStream():
                self.log.append("close")
            case Synthesise():
                self.to_speak.append(effect)
            case SpeakWords():
                self.to_say.append(effect)
            case FetchSound():
                self.to_fetch.append(effect)
            case Recognise():
                self.to_recognise.append(effect)
            case WriteRecording():
                self.recordings.write(effect)
            case SaveRecording():
                self.to_save.append(effect)
                self.recordings.save(effect, None)
                if self.saves:
                    self.switch.recording_saved(effect.recording_id, self.now)
            case DropRecordingFile(recording_id):
                del self.recordings.saved[recording_id]
            case TellPhone() | PhoneHears():
                pass  # see phones/phone_line.py
            case CallFinished(call):
                self.finished.append(call)

    # ---- what is seen -------------------------------------------------------------------------

    @property
    def events(self) -> list[dict[str, Any]]:
        """Without what is around them: all but one have it."""
        return [
            cast(dict[str, Any], each.event.get("data", each.event)) for each in self.deliveries
        ]

    def event_types(self, call: str | None = None) -> list[str]:
        return [
            event["event_type"]
            for event in self.events
            if call is None or event["payload"].get("call_control_id") == call
        ]

    def payload(self, event_type: str) -> dict[str, Any]:
        """Of the latest event of a type."""
        found: dict[str, Any] = [e for e in self.events if e["event_type"] == event_type][-1]
        payload: dict[str, Any] = found["payload"]
        return payload

    def of(self, event: str) -> list[Frame]:
        return [frame for frame in self.frames if frame["event"] == event]

    def marks(self) -> list[str]:
        return [frame["mark"]["name"] for frame in self.of("mark")]

    def errors(self) -> list[int]:
        return [frame["payload"]["code"] for frame in self.of("error")]

    def report(self, call: str) -> CallReport:
        return self.switch.report(call)


def sounding(pcm: Pcm) -> list[bool]:
    """Of every 20 ms at 8 kHz, whether it is more than digital silence."""
    return [bool(pcm[begin : begin + 160].any()) for begin in range(0, len(pcm), 160)]


def ulaw(pcm: Pcm) -> bytes:
    return codec("PCMU").encode(pcm)


def codes(response: Response) -> list[tuple[str, str | None]]:
    """(code, pointer) of every error."""
    errors: Any = response.body["errors"]
    return [(error["code"], error.get("source", {}).get("pointer")) for error in errors]


def data(response: Response) -> dict[str, Any]:
    assert response.status == 200, response.body
    return cast(dict[str, Any], response.body["data"])
