"""Telephone audio in numpy: codecs, resampling, DTMF. No I/O, and no knowledge of any wire.

Audio is `Pcm` everywhere: (n,) int16, mono. A codec turns it into the payload of one frame and
back; `codec("PCMU")` gives one for a call and a direction."""

from telecodecs.errors import CodecError, MissingLibrary
from telecodecs.pcm import Pcm, silence
from telecodecs.registry import Codec, Encoding, codec, encoding
from telecodecs.resample import Resampler, resample, resample_round

__all__ = [
    "Codec",
    "CodecError",
    "Encoding",
    "MissingLibrary",
    "Pcm",
    "Resampler",
    "codec",
    "encoding",
    "resample",
    "resample_round",
    "silence",
]
