"""Text to speech offline, by espeak-ng: robotic, quick, and always there.

An optional extra: `pip install callbridge[voice]` brings the library and its voices as the wheel
espeakng-loader. The library is GPL-3: a product that ships it together with this file has to
respect that; Callbridge itself never needs it."""

import ctypes
import functools
import importlib
import threading
from typing import Any

import numpy as np

from bridge.errors import SettingsError
from telecodecs import Pcm, resample, silence

# From espeak-ng's speak_lib.h.
_SYNCHRONOUS = 2
_RATE = 1  # espeakRATE, words per minute
_UTF8, _SSML = 1, 0x10
_INSTALL = "install the extra callbridge[voice] (espeak-ng, GPL-3)"

_Callback = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p
)

# The library is one synthesiser per process, with its voice and speed as global state.
_one_at_a_time = threading.Lock()


def speak(
    text: str, sample_rate: int, *, voice: str = "en-us", rate: int = 165, ssml: bool = False
) -> Pcm:
    """Speak a text. `rate` is in words per minute. Blocks for about 2 ms per second of speech.

    Returns (n,) int16. Raises SettingsError without the library or for an unknown voice."""
    with _one_at_a_time:
        library, own_rate = _library()
        if library.espeak_SetVoiceByName(voice.encode()) != 0:
            raise SettingsError(f"espeak-ng has no voice {voice!r}; 'en-us' is always there")
        library.espeak_SetParameter(_RATE, rate, 0)
        pieces: list[Pcm] = []

        def keep(samples: Any, count: int, _events: int | None) -> int:
            if samples and count:
                pieces.append(np.ctypeslib.as_array(samples, (count,)).astype(np.int16))
            return 0  # go on

        callback = _Callback(keep)
        library.espeak_SetSynthCallback(callback)
        data = text.replace("\0", " ").encode() + b"\0"
        flags = _UTF8 | (_SSML if ssml else 0)
        library.espeak_Synth(data, ctypes.c_size_t(len(data)), 0, 0, 0, flags, None, None)
    pcm = np.concatenate(pieces) if pieces else silence(0)
    return resample(pcm, own_rate, sample_rate)


@functools.cache
def _library() -> tuple[ctypes.CDLL, int]:
    """The initialised library and the sample rate of its voices."""
    try:
        loader: Any = importlib.import_module("espeakng_loader")
        library = ctypes.CDLL(str(loader.get_library_path()))
        data: bytes = str(loader.get_data_path()).encode()
    except (ImportError, OSError, RuntimeError) as error:
        raise SettingsError(f"no voice: {_INSTALL}; {error}") from None
    rate = library.espeak_Initialize(_SYNCHRONOUS, 0, data, 0)
    if rate <= 0:
        raise SettingsError(f"espeak-ng did not start with the voices in {data.decode()}")
    return library, rate
