"""Recordings of the carrier in memory, where there is no shell that writes files."""

import io
import wave

import numpy as np

from callbridge.carrier.core.effects import SaveRecording, WriteRecording
from callbridge.carrier.core.links import PATH
from callbridge.carrier.net.speaking import RelayRecogniser
from callbridge.carrier.net.spool import Spool, utterances
from telecodecs import Pcm


class MemoryRecordings:
    """Frames by the ids of their recordings: (n, channels) int16, once they are saved."""

    def __init__(self) -> None:
        self.saved: dict[str, Pcm] = {}
        self._rates: dict[str, int] = {}
        self._spools: dict[str, Spool] = {}

    def write(self, wish: WriteRecording) -> None:
        self._spools.setdefault(wish.recording_id, Spool()).write_out(wish.frames)

    def file(self, url: str) -> bytes | None:
        """What is downloaded from this link, always WAV; None if it is none of a recording."""
        found = next((id for id in self.saved if f"{PATH}/{id}/" in url), None)
        if found is None:
            return None
        file = io.BytesIO()
        with wave.open(file, "wb") as wav:
            wav.setnchannels(self.saved[found].shape[1])
            wav.setsampwidth(2)
            wav.setframerate(self._rates[found])
            wav.writeframes(self.saved[found].astype("<i2").tobytes())
        return file.getvalue()

    def save(self, wish: SaveRecording, recogniser: RelayRecogniser | None) -> str | None:
        """What is said in it, where that is asked for."""
        with self._spools.pop(wish.recording_id, None) or Spool() as spool:
            empty = np.zeros((0, wish.channels), np.int16)
            self.saved[wish.recording_id] = np.concatenate([empty, *spool.blocks(wish)])
            self._rates[wish.recording_id] = wish.sample_rate
            if not wish.transcribe or recogniser is None:
                return None
            texts = (
                recogniser.transcribe(pcm, wish.sample_rate) for pcm in utterances(spool, wish)
            )
            return " ".join(text for text in texts if text)
