"""A carrier in memory with telephones in browsers: what its shell would send them is kept here."""

from typing import Any, TypeVar

from callbridge.carrier.config import CarrierConfig
from callbridge.carrier.core.effects import Effect, PhoneHears, TellPhone
from callbridge.carrier.people.phone_wire import (
    AnswerCall,
    DialNumber,
    HoldCall,
    LeaveCall,
    PhoneCodec,
    PhoneFrame,
    PhoneHello,
    PhoneNews,
    PressKey,
    TransferCall,
)
from callbridge.carrier.people.script import CallScript, Play, Wait
from callbridge.host.audiofile import Clip
from telecodecs import Pcm, codec, g711
from tests.callbridge.carrier.line import STAY, Line, tone

ADA, BOB = "+13125550141", "+13125550142"
BUSY, TALKER = "+13125550198", "+13125550199"
News = TypeVar("News", bound=PhoneNews)


def numbers() -> CarrierConfig:
    talks = CallScript(steps=(Wait("answered"), Play(Clip(tone(400), 8000)), *STAY))
    return CarrierConfig(webhook_url="http://app/hooks", numbers={BUSY: "busy", TALKER: talks})


class PhonesLine(Line):
    def __init__(self, **options: Any) -> None:
        super().__init__(numbers(), **options)
        self.told: dict[str, list[PhoneNews]] = {}
        self.heard: dict[str, list[bytes]] = {}

    def _carry_out(self, effect: Effect) -> None:
        match effect:
            case TellPhone(phone, news):
                self.told.setdefault(phone, []).append(news)
            case PhoneHears(phone, payload):
                self.heard.setdefault(phone, []).append(payload)
            case _:
                super()._carry_out(effect)

    # ---- what a phone does --------------------------------------------------------------------

    def plug_in(self, phone: str, number: str, name: str = "", speaks: PhoneCodec = "PCMU") -> None:
        self.does(phone, PhoneHello("token", number, name, speaks))

    def does(self, phone: str, frame: PhoneFrame) -> None:
        self.switch.phone_says(phone, frame, self.now)
        self.settle()

    def dials(self, phone: str, to: str) -> None:
        self.does(phone, DialNumber(to))

    def answers(self, phone: str) -> None:
        """Which is done with the next tick."""
        self.does(phone, AnswerCall())
        self.tick()

    def leaves(self, phone: str) -> None:
        self.does(phone, LeaveCall())
        self.tick()

    def presses(self, phone: str, digit: str) -> None:
        self.does(phone, PressKey(digit))
        self.tick()

    def holds(self, phone: str, on: bool) -> None:
        self.does(phone, HoldCall(on))
        self.tick()

    def transfers(self, phone: str, to: str) -> None:
        self.does(phone, TransferCall(to))
        self.tick()

    def closes(self, phone: str) -> None:
        self.switch.phone_is_gone(phone, self.now)
        self.settle()
        self.tick()

    def says(self, phone: str, pcm: Pcm, speaks: PhoneCodec = "PCMU") -> None:
        """In real time, a frame a tick."""
        coder = codec(speaks)
        step = coder.encoding.sample_rate // 50
        for at in range(0, len(pcm), step):
            self.switch.phone_said(phone, coder.encode(pcm[at : at + step]), self.now)
            self.tick()

    # ---- what it is told ----------------------------------------------------------------------

    def news(self, phone: str, kind: type[News]) -> list[News]:
        return [each for each in self.told.get(phone, []) if isinstance(each, kind)]

    def loudness(self, phone: str, frames: int = 25) -> int:
        """The loudest sample of the last frames."""
        payload = b"".join(self.heard.get(phone, [])[-frames:])
        return int(abs(g711.decode_ulaw(payload).astype(int)).max()) if payload else 0

    def leg(self, phone: str) -> str:
        """The call_control_id of the call that it was told of last."""
        calls = [call for each in self.told[phone] if (call := getattr(each, "call", None))]
        return str(calls[-1])
