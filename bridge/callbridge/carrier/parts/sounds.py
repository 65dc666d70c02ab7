"""Sounds that come from outside the core: texts that are spoken, files that are fetched. Who asks
for one is told when it is there."""

import re
from collections.abc import Callable
from typing import Literal

import msgspec
import numpy as np

from callbridge.carrier.core.effects import FetchSound, Synthesise
from callbridge.carrier.core.exchange import Exchange
from telecodecs import Pcm

LANGUAGE = re.compile(r"(?<![A-Za-z])([a-z]{2,3}-[A-Z]{2})(?![a-z])")
ENGLISH = "en-US"


def language_of(voice: str, language: str | None) -> str:
    """What a voice speaks where nobody says so: many have it in their names."""
    named = LANGUAGE.search(voice)
    return language or (named.group() if named else ENGLISH)


class SpokenText(msgspec.Struct, frozen=True):
    """What a voice says, and how; `language` is a tag such as en-GB."""

    text: str
    ssml: bool = False
    language: str = ENGLISH
    female: bool = False


class SoundFile(msgspec.Struct, frozen=True):
    """On the web, in the carrier's own store, or here: one of the three."""

    url: str = ""
    media_name: str = ""
    content: bytes = b""


NoSoundStatus = Literal["failed", "file_not_found"]


class NoSound(msgspec.Struct, frozen=True):
    """There is no such sound after all."""

    why: str
    status: NoSoundStatus = "failed"


OnSound = Callable[[Pcm | NoSound], None]
OnPiece = Callable[[Pcm], bool]
"""Takes the next of a sound that is not whole yet; says whether it is still wanted."""

# What callers of an account that is not verified hear before every machine-made speech or audio of
# dial, transfer, speak, playback_start, the gathers, Say and Play: the platform's own words.
ANNOUNCEMENT = SpokenText(
    "This is an automated call generated on the Telnyx platform, please report any abuse to "
    "fraud@telnyx.com"
)


class CarrierSounds:
    """What was asked of the shell, and who is told of the answer."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._waiting: dict[str, OnSound] = {}
        self._growing: dict[str, OnPiece] = {}
        self._announcements: dict[int, Pcm] = {}  # by their sample rate

    @property
    def announces(self) -> bool:
        return self._exchange.config.announces and self._exchange.speaks

    def announce(self, sample_rate: int, then: OnSound) -> None:
        """The announcement by itself."""
        if (pcm := self._announcements.get(sample_rate)) is not None:
            then(pcm)
            return

        def arrived(sound: Pcm | NoSound) -> None:
            if not isinstance(sound, NoSound):
                self._announcements[sample_rate] = sound
            then(sound)

        self.speak(self._exchange.new_uuid(), ANNOUNCEMENT, sample_rate, arrived)

    def announced(self, sample_rate: int, then: OnSound) -> OnSound:
        """Takes a sound, and passes it on with the announcement before it where there is to be
        one."""
        if not self.announces:
            return then

        def arrived(sound: Pcm | NoSound) -> None:
            if isinstance(sound, NoSound):
                then(sound)
                return

            def joined(before: Pcm | NoSound) -> None:
                then(sound if isinstance(before, NoSound) else np.concatenate((before, sound)))

            self.announce(sample_rate, joined)

        return arrived

    def speak(self, sound_id: str, said: SpokenText, sample_rate: int, then: OnSound) -> None:
        self._waiting[sound_id] = then
        self._exchange.wish(
            Synthesise(sound_id, said.text, sample_rate, said.ssml, said.language, said.female)
        )

    def fetch(
        self,
        sound_id: str,
        file: SoundFile,
        sample_rate: int,
        then: OnSound,
        piece: OnPiece | None = None,
    ) -> None:
        """`piece` is told of a file of the web as it comes, before `then` is told of all of it;
        not where the announcement is to be heard before it."""
        self._waiting[sound_id] = then
        in_pieces = piece is not None and bool(file.url) and not self.announces
        if piece is not None and in_pieces:
            self._growing[sound_id] = piece
        self._exchange.wish(
            FetchSound(sound_id, file.url, sample_rate, file.media_name, file.content, in_pieces)
        )

    def piece(self, sound_id: str, pcm: Pcm) -> bool:
        """Whether it is still wanted."""
        grow = self._growing.get(sound_id)
        if grow is not None and grow(pcm):
            return True
        self._growing.pop(sound_id, None)
        self._waiting.pop(sound_id, None)
        return False

    def arrived(self, sound_id: str, sound: Pcm | NoSound) -> None:
        """The shell's answer; nothing happens for a sound that nobody has asked for here."""
        self._growing.pop(sound_id, None)
        if then := self._waiting.pop(sound_id, None):
            then(sound)
