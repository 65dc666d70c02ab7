"""What documents want from outside, and who waits for which answer and which sound."""

from collections.abc import Callable
from functools import partial

import msgspec

from callbridge.carrier.core.effects import Recognise, RequestTexml
from callbridge.carrier.core.exchange import Exchange
from callbridge.carrier.core.leg import CarrierLeg
from callbridge.carrier.parts.sounds import CarrierSounds, NoSound, SoundFile, SpokenText
from callbridge.carrier.texml.forms import TexmlForm
from callbridge.carrier.texml.verbs import FetchMethod
from telecodecs import Pcm


class TexmlAnswer(msgspec.Struct, frozen=True):
    """What came of a request: `status` 0 if there was no answer, and then `why`. `url` is where
    redirects of HTTP led to."""

    url: str
    status: int = 0
    body: bytes = b""
    why: str = ""

    @property
    def fault(self) -> str:
        """Empty for a success."""
        if not self.status:
            return self.why or "no answer"
        return "" if 200 <= self.status < 300 else f"HTTP {self.status}"


OnAnswer = Callable[[TexmlAnswer], None]
OnTexmlSound = Callable[[str, Pcm | NoSound], None]
OnTexmlPiece = Callable[[str, Pcm], bool]
OnText = Callable[[str | None], None]


class TexmlRequests:
    """What was asked of the shell, and who is told of the answer."""

    def __init__(self, exchange: Exchange, sounds: CarrierSounds) -> None:
        self._exchange, self._sounds = exchange, sounds
        self._requests: dict[str, OnAnswer] = {}
        self._speeches: dict[str, OnText] = {}

    # ---- for the parts ------------------------------------------------------------------------

    def ask(
        self, leg: CarrierLeg, url: str, method: FetchMethod, form: TexmlForm, then: OnAnswer
    ) -> None:
        request_id = self._exchange.new_uuid()
        self._requests[request_id] = then
        self._exchange.wish(RequestTexml(request_id, leg.call_control_id, url, method, form))

    def speak(self, said: SpokenText, sample_rate: int, then: OnTexmlSound) -> str:
        sound_id = self._exchange.new_uuid()
        told = self._sounds.announced(sample_rate, _told(sound_id, then))
        self._sounds.speak(sound_id, said, sample_rate, told)
        return sound_id

    def fetch(self, url: str, sample_rate: int, then: OnTexmlSound, piece: OnTexmlPiece) -> str:
        sound_id = self._exchange.new_uuid()
        told = self._sounds.announced(sample_rate, _told(sound_id, then))
        self._sounds.fetch(sound_id, SoundFile(url), sample_rate, told, partial(piece, sound_id))
        return sound_id

    def recognise(self, pcm: Pcm, sample_rate: int, then: OnText) -> None:
        speech_id = self._exchange.new_uuid()
        self._speeches[speech_id] = then
        self._exchange.wish(Recognise(speech_id, pcm, sample_rate))

    # ---- for the shell ------------------------------------------------------------------------

    def answered(self, request_id: str, answer: TexmlAnswer) -> None:
        if then := self._requests.pop(request_id, None):
            then(answer)

    def recognised(self, speech_id: str, text: str | None) -> None:
        """Nothing for speech that somebody else has asked for."""
        if then := self._speeches.pop(speech_id, None):
            then(text)


def _told(sound_id: str, then: OnTexmlSound) -> Callable[[Pcm | NoSound], None]:
    def arrived(sound: Pcm | NoSound) -> None:
        then(sound_id, sound)

    return arrived
