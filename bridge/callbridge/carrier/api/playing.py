"""Sound files on a leg, and what all commands that play something have in common."""

import base64
import binascii
from dataclasses import dataclass

from callbridge.carrier.api.operation import CarrierMeans, LegCommand
from callbridge.carrier.api.problems import refused
from callbridge.carrier.audio.playout import Target
from callbridge.carrier.core.leg import CarrierLeg
from callbridge.carrier.parts.playback import CarrierPlayback
from callbridge.carrier.parts.sound_queue import CANCELLED, MAX_QUEUED, LegSounds, Which
from callbridge.carrier.parts.sounds import SoundFile
from callbridge.carrier.shapes import is_url


@dataclass(frozen=True, kw_only=True)
class StartPlayback(LegCommand, operation_id="calls.actions.start_playback"):
    """`audio_type` is not acted on: what a file is stands in the file."""

    audio_url: str | None = None
    media_name: str | None = None
    playback_content: str | None = None
    loop: str | int | None = None
    overlay: bool = False
    stop: Which | None = None
    target_legs: Target = "self"
    cache_audio: bool = True

    def act(self, leg: CarrierLeg, means: CarrierMeans) -> None:
        file = self._file()
        times = times_of(self.loop)
        sounds = LegSounds.of(leg)
        if self.overlay and not sounds.queue.active:
            detail = "an overlay needs a playback that is under way, and there is none"
            raise refused("90033", detail, "/overlay")
        stop_first(leg, self.stop, overlay=self.overlay)
        means.playbacks.play(
            leg,
            CarrierPlayback(
                file=file,
                target="self" if self.overlay else self.target_legs,
                times=times,
                overlay=self.overlay,
                cached=self.cache_audio,
            ),
        )

    def _file(self) -> SoundFile:
        given = [self.audio_url, self.media_name, self.playback_content]
        if sum(bool(value) for value in given) > 1:
            raise refused("10027", "give one of audio_url, media_name and playback_content")
        if self.playback_content:
            return SoundFile(content=_decoded(self.playback_content))
        file = file_of(self.audio_url, self.media_name)
        if file is None:
            detail = "one of audio_url, media_name and playback_content is required"
            raise refused("10004", detail, "/audio_url")
        return file


@dataclass(frozen=True, kw_only=True)
class StopPlayback(LegCommand, operation_id="calls.actions.stop_playback"):
    """Speech as well. Nothing happens where nothing sounds: it may have ended a moment ago."""

    overlay: bool = False
    stop: Which = "all"

    def act(self, leg: CarrierLeg, means: CarrierMeans) -> None:
        stop_first(leg, self.stop, overlay=self.overlay)


def stop_first(leg: CarrierLeg, which: Which | None, *, overlay: bool = False) -> None:
    """Make room for what a command plays. Raises Refused for one sound too many."""
    sounds = LegSounds.of(leg)
    if which is not None:
        (sounds.overlays if overlay else sounds.queue).stop(which, CANCELLED)
    elif sounds.is_full:
        raise refused("90033", f"{MAX_QUEUED} sounds wait to be played on this call")


def times_of(loop: str | int | None) -> int | None:
    """How often to play; None is without end. Raises Refused."""
    match loop:
        case None:
            return 1
        case "infinity":
            return None
        case str() as text if text.isascii() and text.isdecimal() and 1 <= int(text[:4]) <= 100:
            return int(text)
        case int() as number if 1 <= number <= 100:
            return number
        case _:
            raise refused("90009", "loop is a number from 1 to 100, or infinity", "/loop")


def file_of(url: str | None, name: str | None, prefix: str = "") -> SoundFile | None:
    """`prefix` is that of the parameters' names. Raises Refused for what is no address."""
    if url and name:
        raise refused("10027", f"give either {prefix}audio_url or {prefix}media_name")
    if url:
        if not is_url(url, ("http", "https")):
            detail = f"{prefix}audio_url must be a URL of http or https"
            raise refused("10003", detail, f"/{prefix}audio_url")
        return SoundFile(url=url)
    return SoundFile(media_name=name) if name else None


def _decoded(content: str) -> bytes:
    try:
        return base64.b64decode(content, validate=True)
    except (binascii.Error, ValueError):
        raise refused("10027", "playback_content must be base64", "/playback_content") from None
