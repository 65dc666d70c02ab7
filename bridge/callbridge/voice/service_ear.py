"""The part of a call's ear that is a service, or has a fallback: asked on the event loop, and if it
streams, fed with the whole call."""

from collections.abc import Callable, Coroutine
from typing import Any

from callbridge.errors import SpeechFailed
from callbridge.speech.engines import Recogniser, RemoteRecogniser
from callbridge.speech.fallback import FallbackRecogniser
from callbridge.speech.hearing import LiveEar, spare_of, streaming_of, transcribe
from callbridge.speech.studio import Studio
from callbridge.tape.events import EngineFailed
from callbridge.tape.tape import Tape
from telecodecs import Pcm


class ServiceEar:
    """`on_words` is called when a stream has understood more of what is being said."""

    def __init__(
        self,
        studio: Studio,
        tape: Tape,
        sample_rate: int,
        spawn: Callable[[Coroutine[Any, Any, None]], object],
        on_words: Callable[[], None],
    ) -> None:
        self.live: LiveEar | None = None
        self._recogniser: Recogniser | None = None
        self._studio = studio
        self._tape = tape
        self._rate = sample_rate
        self._spawn = spawn
        self._on_words = on_words

    def use(self, recogniser: Recogniser) -> None:
        """From now on; a plain one is none of ours."""
        self.close()
        wanted = isinstance(recogniser, RemoteRecogniser | FallbackRecogniser)
        self._recogniser = recogniser if wanted else None
        if (streaming := streaming_of(recogniser)) is not None:
            self.live = LiveEar(streaming, self._rate, self._on_words, self._stream_lost)
            self._spawn(self.live.run())

    def close(self) -> None:
        if self.live is not None:
            self.live.close()
        self.live = None

    @property
    def in_use(self) -> bool:
        return self._recogniser is not None

    async def text(self, audio: Pcm, ended_at: float) -> str:
        """Of what was said until then. Raises SpeechFailed."""
        recogniser = self._recogniser
        assert recogniser is not None, "it is in use"
        if self.live is not None:
            try:
                return await self.live.text(len(audio), ended_at)
            except SpeechFailed as error:
                if (spare := spare_of(recogniser)) is None:
                    raise
                self._fell_back(str(error))
                recogniser = spare
        return await transcribe(
            recogniser, audio, self._rate, self._studio.hearing, self._fell_back
        )

    def _stream_lost(self, why: str) -> None:
        self._tape.write(EngineFailed(what="ear", why=why))

    def _fell_back(self, why: str) -> None:
        self._studio.counts.fallbacks += 1
        self._tape.write(EngineFailed(what="ear", why=why))
