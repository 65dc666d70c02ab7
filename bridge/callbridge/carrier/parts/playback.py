"""Sound files that the platform plays on a leg."""

from collections.abc import Callable
from functools import partial

import msgspec

from callbridge.carrier.audio.playout import Target
from callbridge.carrier.core.exchange import Exchange
from callbridge.carrier.core.leg import CarrierLeg
from callbridge.carrier.core.part import Part
from callbridge.carrier.parts.sound_queue import (
    HUNG_UP,
    LegSounds,
    PlayOnAnswer,
    QueuedSound,
    SoundEnd,
    SoundReceiver,
    teller,
)
from callbridge.carrier.parts.sounds import CarrierSounds, NoSound, SoundFile
from callbridge.carrier.parts.speak import ID_CHARS
from telecodecs import Pcm

MAX_KEPT_S = 600  # of sound, on one leg


class CarrierPlayback(msgspec.Struct, frozen=True, kw_only=True):
    """What a command plays; `times` None repeats it until it is stopped. `cached` may be a file
    that this call has played before."""

    file: SoundFile
    target: Target = "self"
    times: int | None = 1
    overlay: bool = False
    cached: bool = True


class CarrierPlaybacks:
    """Files of all legs, with their webhooks."""

    def __init__(self, exchange: Exchange, sounds: CarrierSounds) -> None:
        self._exchange, self._sounds = exchange, sounds

    def play(
        self,
        leg: CarrierLeg,
        playback: CarrierPlayback,
        then: Callable[[SoundEnd], None] | None = None,
    ) -> None:
        """`then` is told of its end as well."""
        sounds = LegSounds.of(leg)
        queue = sounds.overlays if playback.overlay else sounds.queue
        queue.add(self.sound(leg, playback, then))

    def play_on_answer(self, leg: CarrierLeg, playback: CarrierPlayback) -> None:
        leg.add(PlayOnAnswer(partial(self.play, leg, playback)))

    def play_before_bridge(self, leg: CarrierLeg, playback: CarrierPlayback) -> None:
        """The leg is bridged with the one that waits for it when it has heard this, or when there
        is nothing to be heard after all."""

        def bridge(end: SoundEnd) -> None:
            if end is not HUNG_UP:
                self._exchange.bridge_with_waiting(leg)

        leg.add(PlayOnAnswer(partial(self.play, leg, playback, bridge)))

    def sound(
        self,
        leg: CarrierLeg,
        playback: CarrierPlayback,
        then: Callable[[SoundEnd], None] | None = None,
    ) -> QueuedSound:
        """`then` is told of its end as well."""
        file = playback.file
        playback_id = self._exchange.new_id(ID_CHARS, 10)
        emit = teller(
            self._exchange,
            leg,
            playback_id=playback_id,
            media_url=file.url,
            media_name=file.media_name,
            overlay=playback.overlay,
        )

        def ended(end: SoundEnd) -> None:
            detail = {"status_detail": end.why} if end.why else {}
            emit("call.playback.ended", status=end.status, **detail)
            if then is not None:
                then(end)

        return QueuedSound(
            ask=partial(self._fetch, leg, playback_id, playback),
            started=partial(emit, "call.playback.started"),
            ended=ended,
            target=playback.target,
            times=playback.times,
        )

    def _fetch(
        self, leg: CarrierLeg, sound_id: str, playback: CarrierPlayback, then: SoundReceiver
    ) -> None:
        file = playback.file
        kept = KeptFiles.of(leg) if playback.cached and not file.content else None
        if kept is not None and (pcm := kept.get(file)) is not None:
            then(pcm)
            return

        def arrived(sound: Pcm | NoSound) -> None:
            if kept is not None and not isinstance(sound, NoSound):
                kept.keep(file, sound)
            then(sound)

        rate = leg.encoding.sample_rate
        announced = self._sounds.announced(rate, arrived)
        self._sounds.fetch(sound_id, file, rate, announced, then.piece)


class KeptFiles(Part):
    """The files that one call has played, for the next time; the oldest goes first."""

    def __init__(self, leg: CarrierLeg) -> None:
        self._samples_left = MAX_KEPT_S * leg.encoding.sample_rate
        self._files: dict[SoundFile, Pcm] = {}

    @classmethod
    def of(cls, leg: CarrierLeg) -> "KeptFiles":
        kept = leg.part(cls)
        if kept is None:
            kept = cls(leg)
            leg.add(kept)
        return kept

    def get(self, file: SoundFile) -> Pcm | None:
        return self._files.get(file)

    def keep(self, file: SoundFile, pcm: Pcm) -> None:
        if file in self._files:
            return
        self._files[file] = pcm
        self._samples_left -= len(pcm)
        while self._samples_left < 0:
            oldest = next(iter(self._files))
            self._samples_left += len(self._files.pop(oldest))

    def leg_ended(self) -> None:
        self._files.clear()
