"""What a document has the caller hear: texts and sounds, one after the other."""

from collections import deque
from collections.abc import Iterable
from typing import Protocol

import numpy as np

from callbridge.carrier.audio.playout import CarrierPlayout, Channel
from callbridge.carrier.core.leg import CarrierLeg
from callbridge.carrier.parts.keypad import dialling
from callbridge.carrier.texml.verbs import SayVerb, TexmlPrompt
from telecodecs import Pcm


class SoundSource(Protocol):
    """Where sounds come from. A sound that was asked for comes later, by `Prompts.sounded`."""

    def speak(self, verb: SayVerb, sample_rate: int) -> str | None:
        """The name under which it will come; None where nobody speaks."""
        ...

    def fetch(self, url: str, sample_rate: int) -> str:
        """The same of a file on the web, which may come by `Prompts.grows` before it is whole."""
        ...


class Prompts:
    """A sound is asked for when its turn comes; one that never comes is left out."""

    def __init__(
        self, leg: CarrierLeg, source: SoundSource, prompts: Iterable[TexmlPrompt]
    ) -> None:
        self._leg, self._source = leg, source
        self._rate = leg.encoding.sample_rate
        self._playout = CarrierPlayout(self._rate)
        self._channel = Channel(self._playout, "self")
        self._waiting = deque(prompts)
        self._current: TexmlPrompt | None = None
        self._asked = ""  # the name of the sound that is on its way
        self._sound: Pcm | None = None  # of the current prompt
        self._played = 0  # times
        self._begun = 0  # samples of the current prompt that were put before it was whole
        leg.play(self._channel)

    def tick(self) -> bool:
        """Begin a tick; True when all was heard."""
        self._playout.finish()
        if self._asked or not self._playout.idle:
            return False
        if self._goes_on():
            self._play()
        elif self._waiting:
            self._begin(self._waiting.popleft())
        else:
            self.stop()
            return True
        return False

    def _goes_on(self) -> bool:
        """Whether the current prompt is to be heard once more; a loop of 0 has no end."""
        current = self._current
        if current is None or self._sound is None:
            return False
        return current.loop == 0 or self._played < current.loop

    def _begin(self, prompt: TexmlPrompt) -> None:
        self._current, self._sound, self._played, self._begun = prompt, None, 0, 0
        if isinstance(prompt, SayVerb):
            if prompt.text:
                self._asked = self._source.speak(prompt, self._rate) or ""
        elif prompt.digits:
            self._sound = np.concatenate(list(dialling(prompt.digits, self._rate)))
            self._play()
        else:
            self._asked = self._source.fetch(prompt.url, self._rate)

    def sounded(self, sound_id: str, pcm: Pcm | None) -> None:
        """None if there is no such sound after all."""
        if sound_id == self._asked:
            self._asked, self._sound = "", pcm if pcm is not None and len(pcm) else None
            if self._begun and self._sound is not None:
                self._playout.put(self._sound[self._begun :])
                self._played = 1

    def grows(self, sound_id: str, pcm: Pcm) -> bool:
        """The next of a sound that is not whole yet. False if nobody wants it any more."""
        if sound_id != self._asked:
            return False
        self._playout.put(pcm)
        self._begun += len(pcm)
        return True

    def _play(self) -> None:
        assert self._sound is not None
        self._playout.put(self._sound)
        self._played += 1

    def stop(self) -> None:
        self._waiting.clear()
        self._current = None
        self._asked = ""
        self._channel.clear()
        self._leg.silence(self._channel)
