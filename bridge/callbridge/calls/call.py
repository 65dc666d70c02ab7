"""A call as a bot holds it: hear, speak, take keys, hand over, hang up.

The same object serves a bot that wants frames (`audio`, `write`) and one that wants outcomes
(`play`, `gather`, `transfer`). Outcomes are return values; exceptions say that the call is over
(`CallEnded`), was handed over (`CallReleased`) or lost its stream for good (`StreamLost`).

Asked inside a reply, between two pieces of its text, whatever follows a text waits until it was
heard: `yield "Goodbye."; await call.hangup()`."""

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine, Generator
from contextlib import asynccontextmanager, contextmanager
from typing import Any, Literal, overload

from callbridge.calls.connecting import Connector
from callbridge.calls.leg import Hangup, Leg, client_state
from callbridge.calls.platform import PlatformSide
from callbridge.calls.reach import Reach
from callbridge.calls.recording import OnSaved, Recording, Recordings
from callbridge.calls.with_others import WithOthers
from callbridge.control import commands as control
from callbridge.control.recording import AudioFileChannels, AudioFileFormat
from callbridge.host.download import Download
from callbridge.speech.numbers import without_numbers
from callbridge.tape.events import CallEvent, PlatformTold, ToolRan
from callbridge.tape.tape import TapeListener
from callbridge.timing.jobs import Jobs
from callbridge.timing.signal import changed


class Call(WithOthers):
    """One call, for as long as a bot has it."""

    def __init__(
        self,
        leg: Leg,
        platform: PlatformSide,
        connector: Connector,
        reach: Reach,
        recordings: Recordings,
        jobs: Jobs,
        download: Download,
        log: logging.LoggerAdapter[logging.Logger],
    ) -> None:
        super().__init__(leg, platform, connector, reach, jobs, download)
        self.log = log
        self._recordings = recordings
        self._hangup: asyncio.Task[None] | None = None

    def __repr__(self) -> str:
        leg = self._leg
        return f"<Call {leg.reference} {leg.direction} {leg.from_} → {leg.to}>"

    # ---- who is calling ---------------------------------------------------------------------

    @property
    def reference(self) -> str:
        """Our own name of the call; in every log line, and in the platform's client_state."""
        return self._leg.reference

    @property
    def call_control_id(self) -> str:
        return self._leg.call_control_id

    @property
    def call_session_id(self) -> str:
        return self._leg.call_session_id

    @property
    def direction(self) -> Literal["incoming", "outgoing"]:
        return self._leg.direction

    @property
    def from_(self) -> str:
        return self._leg.from_

    @property
    def to(self) -> str:
        return self._leg.to

    @property
    def client_state(self) -> str:
        """The text that the call came with, or was given by `set_client_state`."""
        return self._leg.client_state

    @property
    def custom_parameters(self) -> dict[str, str]:
        """What the stream was started with, for streams that somebody else started."""
        return self._leg.custom_parameters

    @property
    def answered_by(self) -> str:
        """Who has picked up a call that was dialled with `amd`, in the platform's word: human,
        human_residence, human_business, not_sure, silence, machine, fax_detected; `screening` for
        a telephone that asks who calls. Empty while nothing was told of it."""
        return self._leg.pickup.answered_by if self._leg.pickup is not None else ""

    @property
    def ended(self) -> Hangup | None:
        """Why the call ended, once it has."""
        return self._leg.ended.result() if self._leg.ended.done() else None

    async def over(self) -> Hangup:
        """Until the call has ended, one that was handed over included: a bot that has transferred
        its caller may stay to learn for how long they talk, and its recordings go on meanwhile.
        It hears nothing of what they say: its stream, or its relay, is stopped."""
        leg = self._leg
        while not leg.ended.done():
            if leg.released:
                await self._platform.leave()
            await changed(leg.phase_changed, done=leg.ended)
        return leg.ended.result()

    def events(self) -> AsyncIterator[CallEvent]:
        """What happens on the call from now on, typed, until it ends.

        The platform's error frames are `StreamError`, its webhooks `PlatformTold`; see
        `callbridge.tape.events`. Who falls 256 events behind loses the oldest."""
        return self._happening(self._leg.tape.listen())

    def event(
        self, event_type: str, *, timeout: float | None = None
    ) -> Coroutine[Any, Any, PlatformTold | None]:
        """The platform's next webhook of this name on this call, such as "call.playback.ended".

        It is looked out for from this line on, also when it is awaited later:
        `ended = call.event("call.playback.ended")`, the command, `await ended`. None if it has not
        come within `timeout` seconds, or the call ends without it."""
        self._check()
        return self._next_told(event_type, timeout, self._leg.tape.listen(trusted=True))

    async def _next_told(
        self, event_type: str, timeout: float | None, listener: TapeListener
    ) -> PlatformTold | None:
        try:
            async with asyncio.timeout(timeout):
                async for event in self._happening(listener):
                    if isinstance(event, PlatformTold) and event.event_type == event_type:
                        return event
        except TimeoutError:
            pass
        finally:
            self._leg.tape.leave(listener)  # at once: a generator is closed some time later
        return None

    async def _happening(self, listener: TapeListener) -> AsyncIterator[CallEvent]:
        try:
            while listener.events or not (listener.closed or self._leg.ended.done()):
                if not listener.events:
                    await listener.signal.wait()
                while listener.events:
                    yield listener.events.popleft()
        finally:
            self._leg.tape.leave(listener)

    # ---- the platform -----------------------------------------------------------------------

    async def send_digits(self, digits: str) -> None:
        """Press keys towards the other side: 0-9 A-D * #, `w` waits half a second, `W` one."""
        await self._after_text()
        await self.send(control.SendDtmf(call_control_id=self.call_control_id, digits=digits))

    # ---- the platform's own -----------------------------------------------------------------

    @asynccontextmanager
    async def record(
        self,
        *,
        format: AudioFileFormat = "mp3",
        channels: AudioFileChannels = "dual",
        play_beep: bool = False,
        on_saved: OnSaved | None = None,
        **fields: object,
    ) -> AsyncGenerator[Recording]:
        """Let the platform record what is heard in the block, both sides.

        `async with call.record() as recording: ...`, and behind it `await recording.saved()`. Any
        other field of the platform's record_start goes with it: `recording_track`, `max_length` and
        `timeout_secs` in seconds, `trim`, `custom_file_name`, `transcription`.

        When the call ends in the block the platform saves what there is, after the bot has ended:
        `on_saved`, an async function, is given the RecordingOutcome whenever that is known, once,
        whatever became of the bot. Raises CommandRefused and its kin."""
        await self._after_text()
        wanted = {"format": format, "channels": channels, "play_beep": play_beep} | fields
        recording = await self._platform.for_bot(self._recordings.start(wanted, on_saved))
        try:
            yield recording
        except BaseException:  # cancelled as well: the platform would record on
            await self._recordings.stop_quietly(recording)
            raise
        await recording.stop()

    @asynccontextmanager
    async def secure(self) -> AsyncGenerator[None]:
        """For numbers of cards and PINs: `async with call.secure(): pin = await call.gather(4)`.

        In the block the recordings of `record` pause, and every digit, spoken ones and the words of
        numbers included, is a • in `history`, `events()`, the log and the tape; in webhooks and in
        what the bot raises until the call ends. `gather`, `listen` and `event` return the real
        ones. Blocks may stand in each other.

        Raises CommandRefused and its kin before anything is asked if a recording cannot be paused;
        LocalProtocolError where one is begun in the block."""
        await self._after_text()
        secrecy = self._leg.tape.secrecy
        secrecy.enter(without_numbers)
        try:
            async with self._recordings.held():
                yield
                await self._after_text()  # what was said in the block is heard in it
        finally:
            secrecy.leave()

    async def sip_info(self, body: str, *, content_type: str = "text/plain") -> None:
        """Send the far end a SIP INFO of up to 1400 bytes. One that it sends is the event
        `call.sip_info.received`. Raises CommandRefused and its kin."""
        await self._after_text()
        await self.send(
            control.SendSipInfo(
                call_control_id=self.call_control_id, body=body, content_type=content_type
            )
        )

    async def speak(self, text: str, *, voice: str = "AWS.Polly.Joanna") -> bool:
        """Let the platform say something with a voice of its own; True when it was said.

        It is not our audio: `interrupt` does not stop it, the ledger does not know it, and it
        sounds beside whatever the bot plays."""
        await self._after_text()
        self._close_live()
        said = await self._platform.for_bot(self._platform.speak(text, voice))
        self._check()
        return said

    async def hangup(self) -> None:
        """Let what was said play out, then end the call. What is said later is not heard."""
        if self._leg.ended.done():
            return
        await self._after_text()
        if self._hangup is None:
            self._close_live()
            # A task of its own: the one that calls may be cancelled before the goodbye was heard.
            self._hangup = asyncio.create_task(self._platform.hang_up())
            self._leg.ended.add_done_callback(lambda _: self._cancel_hangup())
        await asyncio.wait({self._hangup})
        if not self._hangup.cancelled():  # by the end of the call, which is what was asked for
            self._hangup.result()

    @overload
    async def send(self, command: control.Command, /) -> dict[str, object]: ...

    @overload
    async def send(self, command: str, /, **fields: object) -> dict[str, object]: ...

    async def send(self, command: control.Command | str, /, **fields: object) -> dict[str, object]:
        """Any command of the Voice API, or by its name one on this call, as
        `await call.send("gather_using_speak", payload="Your PIN?", voice="female")`; the field
        `from` is written `from_`. Raises CommandRefused and its kin."""
        self._check()
        if isinstance(command, str):
            if "from_" in fields:
                fields["from"] = fields.pop("from_")
            command = control.Action(
                call_control_id=self.call_control_id, action=command, fields=fields
            )
        return await self._platform.for_bot(self._platform.send(command))

    async def set_client_state(self, text: str) -> None:
        """Let every later webhook of this call carry a text, beside what leads it back here."""
        state = client_state(self.reference, text=text)
        await self.send(
            control.ClientStateUpdate(call_control_id=self.call_control_id, client_state=state)
        )
        self._leg.client_state = text

    @contextmanager
    def tool_runs(self, name: str, arguments: str) -> Generator[Callable[[str], None]]:
        """While a tool of a model runs, whose result what is yielded is told: for the tape."""
        tape, results = self._leg.tape, [""]
        began_at = tape.now()
        try:
            yield results.append
        finally:
            result = results[-1]
            tape.write(ToolRan(tool=name, arguments=arguments, result=result, began_at=began_at))

    # ---- inside -----------------------------------------------------------------------------

    def _cancel_hangup(self) -> None:
        if self._hangup is not None:
            self._hangup.cancel()
