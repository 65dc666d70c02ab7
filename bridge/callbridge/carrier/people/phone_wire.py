"""What a telephone in a browser and the carrier tell each other: JSON text frames.

Audio is binary, one frame of 20 ms each: 160 octets of mu-law where the call's codec is PCMU, 640
octets of little-endian 16 bit at 16 kHz where it is L16. See docs/phone.md."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from callbridge.errors import CallbridgeError

MAX_CHARS = 2048  # of a frame of the page
PhoneCodec = Literal["PCMU", "L16"]
FRAME_OCTETS: dict[PhoneCodec, int] = {"PCMU": 160, "L16": 640}
HungUpBy = Literal["you", "other", "carrier"]

ShortText = Annotated[str, Meta(max_length=64)]


class MalformedPhoneFrame(CallbridgeError):
    """The page sent what no page of ours sends."""


class FromPhone(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="type"):
    """A frame of the page."""


class PhoneHello(FromPhone, frozen=True, tag="hello"):
    """The first frame. `token` is that of the page; `number` is where calls reach it."""

    token: Annotated[str, Meta(max_length=128)]
    number: ShortText
    name: ShortText = ""
    codec: PhoneCodec = "PCMU"

    def __repr__(self) -> str:
        return f"PhoneHello(number={self.number!r}, name={self.name!r}, codec={self.codec!r})"


class DialNumber(FromPhone, frozen=True, tag="call"):
    to: ShortText


class AnswerCall(FromPhone, frozen=True, tag="answer"):
    pass


class LeaveCall(FromPhone, frozen=True, tag="hangup"):
    """Hangs up, declines what rings, gives up what it rings."""


class PressKey(FromPhone, frozen=True, tag="press"):
    digit: Annotated[str, Meta(pattern=r"\A[0-9A-D*#]\Z")]


class HoldCall(FromPhone, frozen=True, tag="hold"):
    on: bool


class TransferCall(FromPhone, frozen=True, tag="transfer"):
    """The other side is connected with that number, and this phone is out of it."""

    to: ShortText


PhoneFrame = PhoneHello | DialNumber | AnswerCall | LeaveCall | PressKey | HoldCall | TransferCall


class ToPhone(msgspec.Struct, frozen=True, tag_field="type", rename={"from_": "from"}):
    """A frame to the page. `call` is the leg's call_control_id."""


class PhoneReady(ToPhone, frozen=True, tag="ready"):
    """Calls to `number` ring here from now on."""

    number: str
    name: str
    codec: PhoneCodec


class PhoneEntry(msgspec.Struct, frozen=True):
    number: str
    name: str


class PhoneBook(ToPhone, frozen=True, tag="book"):
    """The other phones, whenever one comes or goes."""

    phones: tuple[PhoneEntry, ...]


class PhoneRings(ToPhone, frozen=True, tag="ringing"):
    """`name` is empty where the number that calls is no phone."""

    call: str
    from_: str
    name: str
    codec: PhoneCodec


class PhoneCalls(ToPhone, frozen=True, tag="calling"):
    call: str
    to: str
    codec: PhoneCodec


class PhoneAnswered(ToPhone, frozen=True, tag="answered"):
    """Audio flows both ways."""

    call: str


class AnsweredElsewhere(ToPhone, frozen=True, tag="elsewhere"):
    """Another phone of this number has the call; this one is free again."""

    call: str


class PhoneHeld(ToPhone, frozen=True, tag="held"):
    call: str
    on: bool


class PhoneTransfers(ToPhone, frozen=True, tag="transferring"):
    """It rings at `to`; the call goes on until somebody answers there."""

    call: str
    to: str


class PhoneEnded(ToPhone, frozen=True, tag="ended"):
    """`cause` in the platform's words, `by` whom."""

    call: str
    cause: str
    by: HungUpBy


class PhoneRefused(ToPhone, frozen=True, tag="refused"):
    """What was asked for was not done; a sentence for the person."""

    why: str


PhoneNews = (
    PhoneReady
    | PhoneBook
    | PhoneRings
    | PhoneCalls
    | PhoneAnswered
    | AnsweredElsewhere
    | PhoneHeld
    | PhoneTransfers
    | PhoneEnded
    | PhoneRefused
)

_decoder: msgspec.json.Decoder[PhoneFrame] = msgspec.json.Decoder(PhoneFrame, strict=True)


def decode_phone_frame(text: str) -> PhoneFrame:
    """Raises MalformedPhoneFrame; what it says repeats no value, as one may be the token."""
    if len(text) > MAX_CHARS:
        raise MalformedPhoneFrame(f"a control frame has at most {MAX_CHARS} characters")
    try:
        return _decoder.decode(text)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise MalformedPhoneFrame(f"no control frame of a phone: {error}") from None


def encode_phone_news(news: PhoneNews) -> str:
    return msgspec.json.encode(news).decode()
