"""Telephone audio in numpy: codecs, resampling, DTMF. No I/O, and no knowledge of any wire.

Audio is `Pcm` everywhere: (n,) int16, mono. A codec turns it into the payload of one frame and
back; `codec("PCMU")` gives one for a call and a direction."""

from telecodecs.errors import CodecError
from telecodecs.pcm import Pcm, silence
from telecodecs.registry import Codec, Encoding, codec
from telecodecs.resample import Resampler, resample

__all__ = [
    "Codec",
    "CodecError",
    "Encoding",
    "Pcm",
    "Resampler",
    "codec",
    "resample",
    "silence",
]
