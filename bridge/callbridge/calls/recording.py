"""Recordings of one call: asked for by its bot, made and saved by the platform.

A recording is saved after it was stopped, or after the call: its webhook may come when the bot has
long ended. So what is known of it belongs to the leg's `Recordings`, which the registry keeps until
each of them has come out."""

import asyncio
import traceback
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager, suppress
from datetime import datetime
from typing import Any, cast

from callbridge.calls.leg import Leg
from callbridge.calls.platform import PlatformSide
from callbridge.control import commands as control
from callbridge.control.events import Event
from callbridge.control.recording import RecordingsList, RecordPause, RecordResume, RecordStop
from callbridge.errors import CallGone, CommandError, LocalProtocolError
from callbridge.outcomes import RecordingOutcome
from callbridge.tape.codeline import code_line
from callbridge.tape.events import Asked, BotCrashed, ErrandSettled, RecordingNotChanged
from callbridge.timing.clock import first_of
from callbridge.voice.ear import Spawn

# So long, one after the other, webhooks are waited for before the platform is asked once more.
PATIENCE_S = (30.0, 30.0, 60.0, 180.0)
UNTOLD = "the platform tells nothing of it"

OnSaved = Callable[[RecordingOutcome], Awaitable[object]]


class Recording:
    """One of them, as its bot holds it. `id` is the platform's, empty as long as it names none."""

    def __init__(
        self, recordings: "Recordings", id: str, format: str, on_saved: OnSaved | None
    ) -> None:
        loop = asyncio.get_running_loop()
        self.id = id
        self.format = format
        self.paused = False  # by the bot
        self.held = False  # by a secure block, which stands above the bot's own pauses
        self.on_saved = on_saved
        self.stopped: asyncio.Future[None] = loop.create_future()
        self.outcome: asyncio.Future[RecordingOutcome] = loop.create_future()
        self.trouble = ""  # an error of the platform that may have been this recording's
        self._recordings = recordings

    def __repr__(self) -> str:
        return f"<Recording {self.id}>"

    @property
    def going_on(self) -> bool:
        """Whether more may yet be recorded, as far as we know."""
        return not (self.stopped.done() or self.outcome.done())

    async def pause(self) -> None:
        """What follows is not recorded. Raises CommandRefused and its kin."""
        if not self.held:
            await self._recordings.for_bot(self._recordings.pause(self))
        self.paused = True

    async def resume(self) -> None:
        """Go on with it; in a secure block, when that ends. Raises CommandRefused and its kin."""
        if not self.held:
            await self._recordings.for_bot(self._recordings.resume(self))
        self.paused = False

    async def stop(self) -> None:
        """End it before its block does. Raises CommandRefused and its kin."""
        await self._recordings.stop(self)

    async def saved(self, timeout: float = 30.0) -> RecordingOutcome:
        """What became of it, once it was stopped or the call has ended.

        When nothing was told for `timeout` seconds the platform is asked; what it does not know
        either is `unknown`, and another `saved` may know more. A bot whose call has ended has no
        time left to wait: that is what `on_saved` of `call.record` is for."""
        await first_of(self.outcome, timeout=timeout)
        if not self.outcome.done():
            await self._recordings.ask(self)
        return self.known()

    def known(self) -> RecordingOutcome:
        if self.outcome.done():
            return self.outcome.result()
        return RecordingOutcome("unknown", self.id, cause=self.trouble or UNTOLD)


class Recordings:
    """Those that the bot of one leg has started, in their order."""

    __slots__ = ("_all", "_blocks", "_commanding", "_following", "_leg", "_own", "_platform")

    def __init__(self, leg: Leg, platform: PlatformSide, own: Spawn) -> None:
        self._leg = leg
        self._platform = platform
        self._own = own  # makes tasks that may outlive the call
        self._all: list[Recording] = []
        self._blocks = 0  # that hold them
        self._commanding = asyncio.Lock()  # a block finds no recording that is just being started
        self._following: set[asyncio.Future[None]] = set()

    @property
    def open(self) -> bool:
        """Whether something is yet to be told of one."""
        return bool(self._following)

    async def closed(self) -> None:
        """Returns when all that can be told of them was told."""
        await asyncio.wait(self._following)

    # ---- commands ---------------------------------------------------------------------------

    async def start(self, fields: Mapping[str, object], on_saved: OnSaved | None) -> Recording:
        """Raises CommandRefused and its kin."""
        async with self._commanding:
            if self._blocks:
                raise LocalProtocolError("no recording begins in a secure block")
            recording = await self._started(fields, on_saved)
        self._leg.tape.write(Asked(errand="recording", to=recording.id))
        followed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._following.add(followed)
        self._own(self._follow(recording, followed))
        return recording

    async def _started(self, fields: Mapping[str, object], on_saved: OnSaved | None) -> Recording:
        leg, fields = self._leg, dict(fields)
        if self._platform.webhook_url is not None:
            fields["webhook_url"] = self._platform.webhook_url
        data = await self._platform.send(
            control.Action(
                call_control_id=leg.call_control_id, action="record_start", fields=fields
            )
        )
        id = data.get("recording_id")
        recording = Recording(self, _text(id), _text(fields["format"]), on_saved)
        self._all.append(recording)
        return recording

    async def stop(self, recording: Recording) -> None:
        leg = self._leg
        if not recording.going_on:
            return
        if not leg.ended.done():
            with suppress(CallGone):  # or it has ended by itself, and is called unknown
                await self._platform.send(
                    RecordStop(
                        call_control_id=leg.call_control_id, recording_id=recording.id or None
                    )
                )
        if not recording.stopped.done():
            recording.stopped.set_result(None)

    async def stop_quietly(self, recording: Recording) -> None:
        """For a bot that raises already: what comes of this is only told of."""
        try:
            await self.stop(recording)
        except CommandError as error:
            self._leg.tape.write(RecordingNotChanged(action="stop", error=str(error)))

    async def for_bot(self, work: Coroutine[Any, Any, None]) -> None:
        await self._platform.for_bot(work)

    async def pause(self, recording: Recording) -> None:
        await self._platform.send(
            RecordPause(
                call_control_id=self._leg.call_control_id, recording_id=recording.id or None
            )
        )

    async def resume(self, recording: Recording) -> None:
        await self._platform.send(
            RecordResume(
                call_control_id=self._leg.call_control_id, recording_id=recording.id or None
            )
        )

    # ---- secure blocks ----------------------------------------------------------------------

    @asynccontextmanager
    async def held(self) -> AsyncGenerator[None]:
        """None of them goes on in the block. Raises CommandRefused and its kin before it begins."""
        self._blocks += 1
        try:
            async with self._commanding:
                for recording in self._all:
                    if recording.going_on and not recording.held:
                        await self._hold(recording)
            yield
        finally:
            self._blocks -= 1
            await self._let_go()

    async def _hold(self, recording: Recording) -> None:
        recording.held = True  # also if nobody knows whether it pauses: it is resumed all the same
        if not recording.paused:
            try:
                await self.for_bot(self.pause(recording))
            except CallGone:
                if recording.going_on:  # and not saved meanwhile, having ended by itself
                    raise

    async def _let_go(self) -> None:
        async with self._commanding:
            for recording in self._all:
                if recording.held and not self._blocks:
                    recording.held = False
                    if recording.going_on and not recording.paused:
                        await self._resume_quietly(recording)

    async def _resume_quietly(self, recording: Recording) -> None:
        """What was entered is the bot's, whatever comes of this."""
        if self._leg.ended.done():
            return
        try:
            await self.resume(recording)
        except CommandError as error:
            recording.paused = True
            self._leg.tape.write(RecordingNotChanged(action="resume", error=str(error)))

    # ---- what becomes of them ---------------------------------------------------------------

    async def _follow(self, recording: Recording, followed: "asyncio.Future[None]") -> None:
        """From its start until it has come out and the bot was told."""
        try:
            await first_of(recording.stopped, recording.outcome, self._leg.ended)
            for patience_s in PATIENCE_S:
                if not recording.outcome.done():
                    await first_of(recording.outcome, timeout=patience_s)
                if not recording.outcome.done():
                    await self.ask(recording)
            outcome = recording.known()
            self._leg.tape.write(
                ErrandSettled(errand="recording", result=outcome.result, cause=outcome.cause)
            )
            if recording.on_saved is not None:
                await self._tell(recording.on_saved, outcome)
        finally:
            self._following.discard(followed)
            followed.set_result(None)

    async def _tell(self, on_saved: OnSaved, outcome: RecordingOutcome) -> None:
        try:
            await on_saved(outcome)
        except Exception as error:  # foreign code: its crash is told of like the bot's own
            text = "".join(traceback.format_exception(error))
            what = f"{type(error).__name__}: {error}"
            crash = BotCrashed(error=what, traceback=text, **code_line(error)._asdict())
            self._leg.tape.write(crash, error)

    async def ask(self, recording: Recording) -> None:
        """What the platform has saved of this call, when its webhook has not come."""
        listing = RecordingsList(call_control_id=self._leg.call_control_id)
        try:
            found = await self._platform.page(listing)
        except CommandError:
            return
        if recording.id:
            meant = [each for each in found if each.get("id") == recording.id]
        else:  # of several without a name nobody could say which is which
            claimed = {each.id for each in self._all}
            meant = [each for each in found if each.get("id") not in claimed]
        if len(meant) == 1:
            self._settle(recording, _as_listed(meant[0]))
        elif recording.trouble:
            self._settle(
                recording, RecordingOutcome("failed", recording.id, cause=recording.trouble)
            )

    def on_event(self, event: Event) -> None:
        """Any webhook of the leg, also after the call."""
        match event.event_type:
            case "call.recording.saved":
                self._on_saved(event.payload)
            case "call.recording.error":
                self._on_error(str(event.payload.get("reason") or "the platform gives no reason"))
            case _:
                pass

    def _on_saved(self, payload: Mapping[str, object]) -> None:
        outcome = _as_told(payload)
        for recording in self._all:
            if recording.id and recording.id == outcome.id:
                self._settle(recording, outcome)
                return
        nameless = [each for each in self._all if not each.id and not each.outcome.done()]
        same = [each for each in nameless if each.format in outcome.urls]
        for recording in (same or nameless)[:1]:
            self._settle(recording, outcome)

    def _on_error(self, reason: str) -> None:
        """It does not say of which recording."""
        unknown = [recording for recording in self._all if not recording.outcome.done()]
        over = [recording for recording in unknown if recording.stopped.done()] or unknown
        for recording in over:
            recording.trouble = reason
        if len(over) == 1:
            self._settle(over[0], RecordingOutcome("failed", over[0].id, cause=reason))

    def _settle(self, recording: Recording, outcome: RecordingOutcome) -> None:
        recording.id = recording.id or outcome.id
        if not recording.outcome.done():
            recording.outcome.set_result(outcome)


def _as_told(payload: Mapping[str, object]) -> RecordingOutcome:
    """Out of a webhook."""
    urls = _texts(payload.get("recording_urls")) or _texts(payload.get("public_recording_urls"))
    began, ended = (_time(payload.get(f"recording_{name}_at")) for name in ("started", "ended"))
    duration_s = None if began is None or ended is None else (ended - began).total_seconds()
    return RecordingOutcome("saved", _text(payload.get("recording_id")), urls, duration_s)


def _as_listed(item: Mapping[str, Any]) -> RecordingOutcome:
    """Out of the platform's list."""
    millis = item.get("duration_millis")
    duration_s = millis / 1000 if isinstance(millis, int) else None
    urls = _texts(item.get("download_urls"))
    return RecordingOutcome("saved", _text(item.get("id")), urls, duration_s)


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _texts(value: object) -> dict[str, str]:
    if not isinstance(value, Mapping):
        return {}
    pairs = cast("Mapping[object, object]", value).items()
    return {str(name): text for name, text in pairs if isinstance(text, str)}


def _time(value: object) -> datetime | None:
    try:
        return datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
