"""The audio of a call: the rate at which bots have it, and the codecs in which it travels."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from callbridge.media.playout import PlayoutSettings
from callbridge.media.receiver import ByteOrder
from telecodecs import CodecError, Encoding, codec

NARROW = 8000
HD = ("G722", "OPUS", "AMR-WB", "L16")  # legs with 16 kHz


@dataclass(frozen=True, slots=True)
class MediaPlan:
    """`sample_rate` towards the bot, `tx` the codec that we ask to send in, `rx_name` the one that
    we ask to receive: empty for the same, "default" for what the leg has.

    Where it `chooses`, `tx` is for legs of which nothing is known."""

    sample_rate: int = NARROW
    tx_name: str = "PCMU"
    tx_rate: int = NARROW
    rx_name: str = ""
    chooses: bool = False
    l16_order: ByteOrder = "little"
    playout: PlayoutSettings = field(default_factory=PlayoutSettings)
    dtmf_in_audio: bool = False  # keys are heard in what the caller sends

    def for_leg(self, told: Mapping[str, object]) -> "MediaPlan":
        """The plan for a leg of which `call.initiated` has told what it may speak.

        Where that may be HD, it is sent G722: the cheapest of them to encode, the only one that
        every way of asking for a stream has a word for, and right for all, as the platform encodes
        for the leg what is not the leg's own. Where its library is missing it is one of the leg's
        that is there, else G.711."""
        if not self.chooses:
            return self
        possible = _possible(told)
        wide = [name for name in possible if name in HD]
        if self.sample_rate > NARROW and wide:
            for name in ("G722", *wide):
                tx = _built(name)
                if tx is not None:
                    # Not transcoded at all, where all that may come can be decoded.
                    ours = all(_built(each, decodes_only=True) for each in possible)
                    rx_name = "default" if ours else name
                    return replace(self, tx_name=name, tx_rate=tx.sample_rate, rx_name=rx_name)
        if "PCMA" in possible and "PCMU" not in possible:
            return replace(self, tx_name="PCMA")
        return self


def _possible(told: Mapping[str, object]) -> list[str]:
    """What both sides of the leg have, in the order of the offer; nothing where it is not told."""
    offered, ours = (_names(told.get(key)) for key in ("offered_codecs", "connection_codecs"))
    return [name for name in offered if name in ours]


def _names(listed: object) -> list[str]:
    """A mobile phone's offer is recorded as "AMR-WB~OCTET-ALIGN=0; MODE-SET=0,16000H,...,PCMU":
    what is behind a name goes by commas of its own, and is no codec's name either."""
    parts = listed.split(",") if isinstance(listed, str) else []
    return list(dict.fromkeys(part.partition("~")[0].strip().upper() for part in parts))


def _built(name: str, *, decodes_only: bool = False) -> Encoding | None:
    try:
        return codec(name, decodes_only=decodes_only).encoding
    except CodecError:  # another codec, or a library that is missing
        return None
