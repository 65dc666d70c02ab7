"""Text that the platform speaks on a leg."""

from collections.abc import Callable
from functools import partial

from callbridge.carrier.audio.playout import Target
from callbridge.carrier.core.events import EventScope
from callbridge.carrier.core.exchange import Exchange
from callbridge.carrier.core.leg import CarrierLeg
from callbridge.carrier.parts.sound_queue import LegSounds, QueuedSound, SoundEnd
from callbridge.carrier.parts.sounds import CarrierSounds, SpokenText

ID_CHARS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"


class CarrierSpeech:
    """Texts of all legs, with their webhooks or without."""

    def __init__(self, exchange: Exchange, sounds: CarrierSounds) -> None:
        self._exchange, self._sounds = exchange, sounds

    def say(self, leg: CarrierLeg, said: SpokenText, *, target: Target, times: int | None) -> None:
        """`times` None repeats it until it is stopped."""
        speak_id = self._exchange.new_id(ID_CHARS, 10)
        scope = EventScope(leg, routing=leg.rerouted)  # of the command, also when that is over
        emit = partial(self._exchange.emit, scope, speak_id=speak_id)

        def ended(end: SoundEnd) -> None:
            self._note(leg, end)
            # Of how speech ends the documents know no more than this.
            status = "call_hangup" if end.status == "call_hangup" else "completed"
            emit("call.speak.ended", status=status)

        LegSounds.of(leg).queue.add(
            QueuedSound(
                ask=partial(self._sounds.speak, speak_id, said, leg.encoding.sample_rate),
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

        ask = partial(self._sounds.speak, sound_id, said, leg.encoding.sample_rate)
        return QueuedSound(ask=ask, ended=over)

    def _note(self, leg: CarrierLeg, end: SoundEnd) -> None:
        if end.why:
            self._exchange.note(leg, "speak failed", why=end.why)
