"""A call that ends in the middle of whatever it does: every command x who ends it x when.

Speech and files come too late on purpose, as those of the real world do."""

from collections import Counter
from typing import Any, Literal

import pytest

from callbridge.carrier.config import CarrierConfig
from callbridge.carrier.people.script import CallScript
from tests.callbridge.carrier.line import SELF, STAY, Line, data, tone

BOB = "+13125550199"
URL = "http://files/menu.wav"
SPEECH: dict[str, object] = {"payload": "Hello there", "voice": "female"}
RECORD: dict[str, object] = {"format": "wav", "channels": "dual", "play_beep": True}

Ender = Literal["caller", "customer", "callee", "power"]

# What the first call is in the middle of; `BOB` and OTHER are a number and an answered call.
OTHER = "the other call"
COMMANDS: dict[str, list[tuple[str, dict[str, object]]]] = {
    "speak": [("speak", SPEECH)],
    "several speeches": [("speak", SPEECH)] * 3,
    "playback": [("playback_start", {"audio_url": URL})],
    "endless playback": [("playback_start", {"audio_url": URL, "loop": "infinity"})],
    "overlay": [
        ("playback_start", {"audio_url": URL}),
        ("playback_start", {"audio_url": URL, "overlay": True}),
    ],
    "gather": [("gather", {"maximum_digits": 4})],
    "gather by speech": [("gather_using_speak", SPEECH)],
    "gather by a file": [("gather_using_audio", {"audio_url": URL})],
    "recording": [("record_start", RECORD)],
    "paused recording": [("record_start", RECORD), ("record_pause", {})],
    "stream": [("streaming_start", {**SELF, "stream_url": "ws://app/media"})],
    "relay": [("conversation_relay_start", {"url": "ws://app/relay"})],
    "transcription": [("transcription_start", {})],
    "digits": [("send_dtmf", {"digits": "1w2W3"})],
    "transfer": [("transfer", {"to": BOB})],
    "transfer with a file": [("transfer", {"to": BOB, "audio_url": URL})],
    "recorded transfer": [("transfer", {"to": BOB, "record": "record-from-answer"})],
    "bridge": [("bridge", {"call_control_id": OTHER})],
    "bridge and record": [("bridge", {"call_control_id": OTHER}), ("record_start", RECORD)],
    "queue": [("enqueue", {"queue_name": "support"})],
    "queue with music": [
        ("enqueue", {"queue_name": "support"}),
        ("playback_start", {"audio_url": URL, "loop": "infinity"}),
    ],
    "refer": [("refer", {"sip_address": "sip:nobody@example.com"})],
}
WHEN = {"at once": 0, "a tick later": 1, "when it sounds": 60}


class BusyLine(Line):
    """A call that does something, and another one that stands by."""

    def __init__(self) -> None:
        numbers = {BOB: CallScript(steps=STAY)}
        config = CarrierConfig(webhook_url="http://app/", numbers=numbers, ring_s=0.5)
        super().__init__(config, speaks=True, converses=True)
        self.call, self.other = self.ring(), self.ring()
        for each in (self.call, self.other):
            assert self.command(each, "answer").status == 200

    def do(self, commands: list[tuple[str, dict[str, object]]]) -> None:
        for action, fields in commands:
            given = {
                name: self.other if value is OTHER else value for name, value in fields.items()
            }
            response = self.command(self.call, action, **given)
            assert response.status == 200, (action, response.body)

    def pass_time(self, ticks: int) -> None:
        for _ in range(ticks):
            self.tick()
            if ticks > 1:
                self.sounds_arrive()

    def sounds_arrive(self) -> None:
        speeches, self.to_speak = self.to_speak, []
        files, self.to_fetch = self.to_fetch, []
        words, self.to_say = self.to_say, []
        for speech in speeches:
            self.switch.synthesised(speech.speak_id, tone(400), self.now)
        for file in files:
            self.switch.fetched(file.sound_id, tone(400), self.now)
        for said in words:
            self.switch.spoken(said.sound_id, None, self.now)
        self.settle()

    def end(self, who: Ender) -> None:
        match who:
            case "caller":
                self.switch.hang_up(self.call, self.now)
            case "callee":
                self.switch.hang_up(self.other, self.now)
            case "power":
                self.switch.shut_down(self.now)
            case "customer":
                assert self.command(self.call, "hangup").status == 200
        self.settle()

    def everything_ends(self) -> None:
        """Whoever is left."""
        path = f"/v2/connections/{self.config.connection_id}/active_calls"
        live: Any = self.request("GET", path).body["data"]
        for each in live:
            self.command(each["call_control_id"], "hangup")
        self.tick(5)


@pytest.mark.parametrize("when", WHEN)
@pytest.mark.parametrize("who", ["caller", "customer", "callee", "power"])
@pytest.mark.parametrize("what", COMMANDS)
def test_a_call_may_end_in_the_middle_of_anything(what: str, who: Ender, when: str) -> None:
    line = BusyLine()
    line.do(COMMANDS[what])
    line.pass_time(WHEN[when])
    line.end(who)
    line.tick(5)
    line.everything_ends()
    line.sounds_arrive()  # too late
    line.tick(50)
    told = Counter(
        (event["event_type"], event["payload"]["call_control_id"]) for event in line.events
    )
    began = {call for event, call in told if event == "call.initiated"}
    assert {call: told["call.hangup", call] for call in began} == dict.fromkeys(began, 1)
    for sound in ("playback", "speak"):
        for call in began:
            started, ended = (told[f"call.{sound}.{e}", call] for e in ("started", "ended"))
            assert started <= ended, sound
    assert line.switch.live_legs == 0
    exchange = line.switch._exchange  # pyright: ignore[reportPrivateUsage]
    assert not exchange._rooms  # pyright: ignore[reportPrivateUsage]
    assert not line.switch._sounds._waiting  # pyright: ignore[reportPrivateUsage]
    queues: Any = line.request("GET", "/v2/queues").body["data"]
    assert all(queue["current_size"] == 0 for queue in queues)
    line.tick(200)
    assert not line.to_speak
    assert not line.to_fetch


def test_the_other_one_of_a_bridge_is_told_and_nothing_of_it_stays() -> None:
    line = BusyLine()
    line.do(COMMANDS["bridge"])
    line.end("caller")
    line.tick(2)
    assert line.report(line.other).state == "ended"
    assert data(line.request("GET", f"/v2/calls/{line.other}"))["is_alive"] is False
