"""Recordings of the carrier in memory, where there is no shell that writes files."""

import numpy as np

from callbridge.carrier.core.effects import SaveRecording, WriteRecording
from callbridge.carrier.net.speaking import RelayRecogniser
from callbridge.carrier.net.spool import Spool, utterances
from telecodecs import Pcm


class MemoryRecordings:
    """Frames by the ids of their recordings: (n, channels) int16, once they are saved."""

    def __init__(self) -> None:
        self.saved: dict[str, Pcm] = {}
        self._spools: dict[str, Spool] = {}

    def write(self, wish: WriteRecording) -> None:
        self._spools.setdefault(wish.recording_id, Spool()).write_out(wish.frames)

    def save(self, wish: SaveRecording, recogniser: RelayRecogniser | None) -> str | None:
        """What is said in it, where that is asked for."""
        with self._spools.pop(wish.recording_id, None) or Spool() as spool:
            empty = np.zeros((0, wish.channels), np.int16)
            self.saved[wish.recording_id] = np.concatenate([empty, *spool.blocks(wish)])
            if not wish.transcribe or recogniser is None:
                return None
            texts = (
                recogniser.transcribe(pcm, wish.sample_rate) for pcm in utterances(spool, wish)
            )
            return " ".join(text for text in texts if text)
