"""Text that the platform speaks on a leg."""

from collections.abc import Callable
from functools import partial

from callbridge.carrier.audio.playout import Target
from callbridge.carrier.core.exchange import Exchange
from callbridge.carrier.core.leg import CarrierLeg
from callbridge.carrier.parts.sound_queue import (
    LegSounds,
    PlayOnAnswer,
    QueuedSound,
    SoundEnd,
    teller,
)
from callbridge.carrier.parts.sounds import CarrierSounds, OnSound, SpokenText

ID_CHARS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"


class CarrierSpeech:
    """Texts of all legs, with their webhooks or without."""

    def __init__(self, exchange: Exchange, sounds: CarrierSounds) -> None:
        self._exchange, self._sounds = exchange, sounds

    def say(self, leg: CarrierLeg, said: SpokenText, *, target: Target, times: int | None) -> None:
        """`times` None repeats it until it is stopped."""
        speak_id = self._exchange.new_id(ID_CHARS, 10)
        emit = teller(self._exchange, leg, speak_id=speak_id)

        def ended(end: SoundEnd) -> None:
            self._note(leg, end)
            # Of how speech ends the documents know no more than this.
            status = "call_hangup" if end.status == "call_hangup" else "completed"
            emit("call.speak.ended", status=status)

        LegSounds.of(leg).queue.add(
            QueuedSound(
                ask=partial(self._speak, leg, speak_id, said),
                started=partial(emit, "call.speak.started"),
                ended=ended,
                target=target,
                times=times,
            )
        )

    def prompt(
        self, leg: CarrierLeg, said: SpokenText, ended: Callable[[SoundEnd], None]
    ) -> QueuedSound:
        """For a gather, which has no webhooks of its speech."""
        sound_id = self._exchange.new_id(ID_CHARS, 10)

        def over(end: SoundEnd) -> None:
            self._note(leg, end)
            ended(end)

        return QueuedSound(ask=partial(self._speak, leg, sound_id, said), ended=over)

    def announce_on_answer(self, leg: CarrierLeg) -> None:
        """What a call of an account that is not verified begins with."""
        if self._sounds.announces:
            ask = partial(self._sounds.announce, leg.encoding.sample_rate)
            sound = QueuedSound(ask=ask, ended=partial(self._note, leg))
            leg.add(PlayOnAnswer(lambda: LegSounds.of(leg).queue.add(sound)))

    def _speak(self, leg: CarrierLeg, sound_id: str, said: SpokenText, then: OnSound) -> None:
        rate = leg.encoding.sample_rate
        self._sounds.speak(sound_id, said, rate, self._sounds.announced(rate, then))

    def _note(self, leg: CarrierLeg, end: SoundEnd) -> None:
        if end.why:
            self._exchange.note(leg, "speak failed", why=end.why)
