"""What documents want from outside, and who waits for which answer and which sound."""

from collections.abc import Callable

import msgspec

from callbridge.carrier.core.effects import FetchSound, Recognise, RequestTexml, Synthesise
from callbridge.carrier.core.exchange import Exchange
from callbridge.carrier.core.leg import CarrierLeg
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
OnSound = Callable[[str, Pcm | None], None]
OnText = Callable[[str | None], None]


class TexmlRequests:
    """What was asked of the shell, and who is told of the answer."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._requests: dict[str, OnAnswer] = {}
        self._sounds: dict[str, OnSound] = {}
        self._speeches: dict[str, OnText] = {}

    # ---- for the parts ------------------------------------------------------------------------

    def ask(
        self, leg: CarrierLeg, url: str, method: FetchMethod, form: TexmlForm, then: OnAnswer
    ) -> None:
        request_id = self._exchange.new_uuid()
        self._requests[request_id] = then
        self._exchange.wish(RequestTexml(request_id, leg.call_control_id, url, method, form))

    def speak(self, text: str, sample_rate: int, then: OnSound) -> str:
        sound_id = self._exchange.new_uuid()
        self._sounds[sound_id] = then
        self._exchange.wish(Synthesise(sound_id, text, sample_rate, ssml=False))
        return sound_id

    def fetch(self, url: str, sample_rate: int, then: OnSound) -> str:
        sound_id = self._exchange.new_uuid()
        self._sounds[sound_id] = then
        self._exchange.wish(FetchSound(sound_id, url, sample_rate))
        return sound_id

    def recognise(self, pcm: Pcm, sample_rate: int, then: OnText) -> None:
        speech_id = self._exchange.new_uuid()
        self._speeches[speech_id] = then
        self._exchange.wish(Recognise(speech_id, pcm, sample_rate))

    # ---- for the shell ------------------------------------------------------------------------

    def answered(self, request_id: str, answer: TexmlAnswer) -> None:
        if then := self._requests.pop(request_id, None):
            then(answer)

    def sounded(self, sound_id: str, pcm: Pcm | None) -> None:
        """Nothing for a sound that somebody else has asked for."""
        if then := self._sounds.pop(sound_id, None):
            then(sound_id, pcm)

    def recognised(self, speech_id: str, text: str | None) -> None:
        """The same of what was said."""
        if then := self._speeches.pop(speech_id, None):
            then(text)
