"""One call in a conference."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from callbridge.control import commands as control
from callbridge.control.commands import ConferenceRole

if TYPE_CHECKING:
    from callbridge.handoff.conference import Conference

NEVER = ""  # before every ISO 8601 time


class Participant:
    """One call in a conference, by its id: what can be done to it, and what was last known."""

    def __init__(self, conference: "Conference", call_control_id: str) -> None:
        self.call_control_id = call_control_id
        self.present = False
        self.muted = False
        self.on_hold = False
        self.role: ConferenceRole = "none"
        self._conference = conference
        self._joined_at = self._left_at = NEVER

    def __repr__(self) -> str:
        return f"<Participant {self.call_control_id[-6:]} of {self._conference.name}>"

    async def mute(self) -> None:
        """Nobody hears them any more."""
        await self._conference.mute(self.call_control_id)

    async def unmute(self) -> None:
        await self._conference.unmute(self.call_control_id)

    async def hold(self, audio_url: str | None = None) -> None:
        """They hear this sound, over and over, and nothing of the conference."""
        await self._conference.hold(self.call_control_id, audio_url=audio_url)

    async def unhold(self) -> None:
        await self._conference.unhold(self.call_control_id)

    async def play(self, url: str, *, times: int | None = 1) -> None:
        """To them alone; `times` None: until `stop`."""
        await self._conference.play(url, times=times, to=[self.call_control_id])

    async def speak(self, text: str, *, voice: str = "female", language: str | None = None) -> None:
        """To them alone."""
        await self._conference.speak(text, voice=voice, language=language, to=[self])

    async def leave(self) -> None:
        """Out of the conference; the call goes on."""
        await self._conference.leave(self.call_control_id)

    async def hang_up(self) -> None:
        """Out of the conference, and out of the call."""
        await self._conference.send(control.Hangup(call_control_id=self.call_control_id))

    async def supervise(
        self, role: ConferenceRole, whisper_to: "Sequence[Participant | str]" = ()
    ) -> None:
        """`monitor` is heard by nobody, `whisper` by `whisper_to` alone, `barge` by all."""
        await self._conference.supervise(self.call_control_id, role, whisper_to)

    def joined(self, at: str) -> bool:
        """Whether that is news; `at` is ISO 8601, or empty for "just now"."""
        if at and at <= self._left_at:
            return False  # it came late: they have left since
        self._joined_at = max(self._joined_at, at)
        was, self.present = self.present, True
        return not was

    def left(self, at: str) -> bool:
        if at and at < self._joined_at:
            return False  # of an earlier visit
        self._left_at = max(self._left_at, at)
        was, self.present = self.present, False
        return was
