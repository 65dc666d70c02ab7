"""A conference of the platform: who is in it, what is done to them, and what happens there.

What is known of it comes from the answers to commands and from webhooks, in any order and however
often; `refresh` asks where both may have failed."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Literal, cast

from callbridge.control import commands as control
from callbridge.control import conferences as wire
from callbridge.control.client import CallControl
from callbridge.control.commands import ConferenceRole
from callbridge.control.events import Event
from callbridge.errors import CommandRefused, SettingsError
from callbridge.handoff.events import (
    ConferenceEnded,
    ConferenceEvent,
    ConferenceRecorded,
    FloorChanged,
    ParticipantJoined,
    ParticipantLeft,
)
from callbridge.handoff.participant import Participant
from callbridge.timing.signal import Signal

OVER = frozenset({"90019", "90058"})  # it has ended, or there is none of that id
WAITING_LIMIT = 256  # events that wait for a slow listener; then the oldest is dropped
NO_CONNECTION = (
    "CALLBRIDGE_CONNECTION_ID is not set: it is the id of the Call Control application that calls "
    "go out through (portal: Voice > Programmable Voice)"
)


@dataclass(slots=True)
class _Listener:
    events: deque[ConferenceEvent]
    signal: Signal


class Conference:
    """Made by `LiveConferences`. `ended` is done, with the reason, once it has ended."""

    def __init__(self, id: str, name: str, command: CallControl, connection_id: str = "") -> None:
        self.id, self.name = id, name
        self._connection_id = connection_id  # that calls go out through
        self.ended: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self.floor = ""  # call_control_id of who spoke last
        self.changed = Signal()
        self._command = command
        self._known: dict[str, Participant] = {}
        self._listeners: list[_Listener] = []

    def __repr__(self) -> str:
        return f"<Conference {self.name} of {len(self.participants)}>"

    @property
    def participants(self) -> list[Participant]:
        """Those who are there, as far as is known, as they came."""
        return [each for each in self._known.values() if each.present]

    def participant(self, call_control_id: str) -> Participant:
        """Of a call that is there, was there, or is to come."""
        if call_control_id not in self._known:
            self._known[call_control_id] = Participant(self, call_control_id)
        return self._known[call_control_id]

    def has(self, call_control_id: str) -> bool:
        known = self._known.get(call_control_id)
        return known is not None and known.present

    # ---- what is done to it -------------------------------------------------------------------

    async def send(self, command: control.Command) -> dict[str, object]:
        """Raises CommandRefused and its kin; learns from a refusal that it has ended."""
        try:
            return await self._command.send(command)
        except CommandRefused as error:
            if error.code in OVER:
                self._end("")
            raise

    async def join(
        self,
        call_control_id: str,
        *,
        mute: bool = False,
        hold: bool = False,
        hold_audio_url: str | None = None,
        role: ConferenceRole = "none",
        whisper_to: "Sequence[Participant | str]" = (),
        ends_on_exit: bool = False,
        beep: Literal["always", "never", "on_enter", "on_exit"] | None = None,
    ) -> Participant:
        """A call that is answered comes in. `ends_on_exit`: all are hung up when it leaves."""
        await self.send(
            wire.ConferenceJoin(
                conference_id=self.id,
                call_control_id=call_control_id,
                mute=mute or None,
                hold=hold or None,
                hold_audio_url=hold_audio_url,
                supervisor_role=None if role == "none" else role,
                whisper_call_control_ids=_ids(whisper_to) or None,
                end_conference_on_exit=ends_on_exit or None,
                beep_enabled=beep,
            )
        )
        participant = self.participant(call_control_id)
        participant.muted, participant.on_hold, participant.role = mute, hold, role
        self._joined(call_control_id, "")
        return participant

    async def invite(
        self,
        to: str,
        from_: str,
        *,
        role: ConferenceRole = "none",
        whisper_to: "Sequence[Participant | str]" = (),
        mute: bool = False,
        timeout: float = 30.0,
    ) -> str:
        """Ring a number, which comes in when it answers: somebody else, or a supervisor who listens
        (`monitor`), whispers or takes part (`barge`). No bot talks to them. Returns their
        call_control_id. Raises SettingsError without a connection to call out through."""
        if not self._connection_id:
            raise SettingsError(NO_CONNECTION)
        data = await self._command.send(
            control.Dial(
                connection_id=self._connection_id,
                to=to,
                from_=from_,
                timeout_secs=max(5, round(timeout)),
                conference_config=control.DialConference(
                    id=self.id,
                    mute=mute or None,
                    supervisor_role=None if role == "none" else role,
                    whisper_call_control_ids=_ids(whisper_to) or None,
                ),
            )
        )
        call_control_id = str(data.get("call_control_id"))
        self.participant(call_control_id).role = role
        return call_control_id

    async def leave(self, call_control_id: str) -> None:
        """The call goes on outside. One that is not there has left."""
        if self.ended.done():
            return
        try:
            await self.send(
                wire.ConferenceLeave(conference_id=self.id, call_control_id=call_control_id)
            )
        except CommandRefused:
            if not self.ended.done() and self.has(call_control_id):
                raise
        self._left(call_control_id, "")

    async def end(self) -> None:
        """All are hung up."""
        if not self.ended.done():
            try:
                await self.send(wire.ConferenceEnd(conference_id=self.id))
            except CommandRefused:
                if not self.ended.done():
                    raise
            self._end("")

    async def mute(self, *calls: str) -> None:
        """Those, or all if none is named."""
        await self.send(wire.ConferenceMute(conference_id=self.id, call_control_ids=calls or None))
        for each in self._meant(calls):
            each.muted = True

    async def unmute(self, *calls: str) -> None:
        await self.send(
            wire.ConferenceUnmute(conference_id=self.id, call_control_ids=calls or None)
        )
        for each in self._meant(calls):
            each.muted = False

    async def hold(self, *calls: str, audio_url: str | None = None) -> None:
        await self.send(
            wire.ConferenceHold(
                conference_id=self.id, call_control_ids=calls or None, audio_url=audio_url
            )
        )
        for each in self._meant(calls):
            each.on_hold = True

    async def unhold(self, *calls: str) -> None:
        named = calls or tuple(each.call_control_id for each in self.participants)
        await self.send(wire.ConferenceUnhold(conference_id=self.id, call_control_ids=named))
        for each in self._meant(named):
            each.on_hold = False

    async def supervise(
        self,
        call_control_id: str,
        role: ConferenceRole,
        whisper_to: "Sequence[Participant | str]" = (),
    ) -> None:
        await self.send(
            wire.ConferenceUpdate(
                conference_id=self.id,
                call_control_id=call_control_id,
                supervisor_role=role,
                whisper_call_control_ids=_ids(whisper_to) or None,
            )
        )
        self.participant(call_control_id).role = role

    async def play(
        self, url: str, *, times: int | None = 1, to: "Sequence[Participant | str]" = ()
    ) -> None:
        """The sound of a URL, to all or to those; `times` None: until `stop`."""
        await self.send(
            wire.ConferencePlay(
                conference_id=self.id,
                audio_url=url,
                loop="infinity" if times is None else times,
                call_control_ids=_ids(to) or None,
            )
        )

    async def stop(self, to: "Sequence[Participant | str]" = ()) -> None:
        """What plays."""
        await self.send(
            wire.ConferenceStop(conference_id=self.id, call_control_ids=_ids(to) or None)
        )

    async def speak(
        self,
        text: str,
        *,
        voice: str = "female",
        language: str | None = None,
        to: "Sequence[Participant | str]" = (),
    ) -> None:
        """The platform says it, to all or to those, with a voice of its own."""
        if language is None and voice in ("female", "male"):
            language = "en-US"  # the two basic voices need one
        await self.send(
            wire.ConferenceSpeak(
                conference_id=self.id,
                payload=text,
                voice=voice,
                language=language,
                call_control_ids=_ids(to) or None,
            )
        )

    async def record(
        self,
        format: Literal["mp3", "wav"] = "mp3",
        *,
        channels: Literal["single", "dual"] | None = None,
    ) -> None:
        """Until `stop_recording`, or the end; `ConferenceRecorded` tells where it is."""
        await self.send(
            wire.ConferenceRecordStart(conference_id=self.id, format=format, channels=channels)
        )

    async def stop_recording(self) -> None:
        await self.send(wire.ConferenceRecordStop(conference_id=self.id))

    async def end_with(self, call_control_id: str) -> bool:
        """The conference ends, and all are hung up, when this call leaves it; False if that could
        not be arranged."""
        for row in await self.refresh():
            if row.get("call_control_id") == call_control_id:
                change = wire.ParticipantUpdate(
                    conference_id=self.id,
                    participant_id=str(row.get("id")),
                    end_conference_on_exit=True,
                )
                await self.send(change)
                return True
        return False

    async def refresh(self) -> list[dict[str, object]]:
        """Ask the platform who is there. Raises CommandRefused and its kin, but for one that has
        ended, which has nobody."""
        try:
            rows = await self._command.every(wire.ParticipantsList(conference_id=self.id))
            if not rows:  # so it may have ended
                about = await self._command.send(wire.ConferenceStatus(conference_id=self.id))
                if about.get("status") == "completed":
                    self._end(str(about.get("end_reason") or ""))
        except CommandRefused as error:
            if error.code not in OVER:
                raise
            self._end("")
            return []
        there = {str(row.get("call_control_id")) for row in rows}
        for each in self.participants:
            if each.call_control_id not in there:
                self._left(each.call_control_id, "")
        for call_control_id in there:
            self._joined(call_control_id, "")
        for row in rows:
            each = self.participant(str(row.get("call_control_id")))
            each.muted, each.on_hold = bool(row.get("muted")), bool(row.get("on_hold"))
        return rows

    # ---- what happens there -------------------------------------------------------------------

    def events(self) -> AsyncIterator[ConferenceEvent]:
        """From this line on, until it has ended. Who falls 256 events behind loses the oldest."""
        listener = _Listener(deque(maxlen=WAITING_LIMIT), Signal())
        self._listeners.append(listener)
        return self._happening(listener)

    async def _happening(self, listener: _Listener) -> AsyncIterator[ConferenceEvent]:
        try:
            while True:
                while listener.events:
                    event = listener.events.popleft()
                    yield event
                    if isinstance(event, ConferenceEnded):
                        return
                if self.ended.done():
                    return
                await listener.signal.wait()
        finally:
            self._listeners.remove(listener)

    def on_event(self, event: Event) -> None:
        """A webhook of this conference."""
        call, at = event.call_control_id or "", event.occurred_at
        match event.event_type:
            case "conference.participant.joined":
                self._joined(call, at)
            case "conference.participant.left":
                self._left(call, at)
            case "conference.floor.changed":
                self.floor = call
                self._tell(FloorChanged(call))
            case "conference.ended":
                self._end(str(event.payload.get("reason") or ""))
            case "conference.recording.saved":
                self._tell(_recorded(event.payload))
            case _:
                pass

    def _joined(self, call_control_id: str, at: str) -> None:
        if call_control_id and self.participant(call_control_id).joined(at):
            self._tell(ParticipantJoined(call_control_id))

    def _left(self, call_control_id: str, at: str) -> None:
        if call_control_id and self.participant(call_control_id).left(at):
            self._tell(ParticipantLeft(call_control_id))

    def _end(self, reason: str) -> None:
        if self.ended.done():
            return
        for each in self.participants:
            self._left(each.call_control_id, "")
        self.ended.set_result(reason)
        self._tell(ConferenceEnded(reason))

    def _tell(self, event: ConferenceEvent) -> None:
        self.changed.notify()
        for listener in self._listeners:
            listener.events.append(event)
            listener.signal.notify()

    def _meant(self, calls: Sequence[str]) -> list[Participant]:
        return [self.participant(call) for call in calls] or self.participants


def _ids(participants: "Sequence[Participant | str]") -> tuple[str, ...]:
    return tuple(
        each.call_control_id if isinstance(each, Participant) else each for each in participants
    )


def _recorded(payload: dict[str, object]) -> ConferenceRecorded:
    told = payload.get("recording_urls")
    urls = cast("dict[str, object]", told) if isinstance(told, dict) else {}
    known = {name: str(url) for name, url in urls.items()}
    return ConferenceRecorded(str(payload.get("recording_id") or ""), known)
