"""The registry: it owns every call from `call.initiated` or our dial until `call.hangup`.

Webhooks find their call by its ids or by the client_state that we gave it, sockets by the token in
their address. Both only tell the call what happened; its own task (`course.py`) acts on it."""

import asyncio
import logging
import traceback
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, NoReturn

from callbridge.calls.call import Call
from callbridge.calls.course import Course, CourseOpening, SocketOpening
from callbridge.calls.dialling import Dialling
from callbridge.calls.documents import CallDocuments, held
from callbridge.calls.incoming import decide_first
from callbridge.calls.leg import Direction, Hangup, Leg, VoiceKind, client_state, read_client_state
from callbridge.calls.means import Bot, CallCounts, CallMeans, Registration
from callbridge.calls.pickup import Pickup, PickupKind
from callbridge.calls.platform import unanswered
from callbridge.calls.recording import Recordings
from callbridge.control import commands as control
from callbridge.control import texml
from callbridge.control.events import Event
from callbridge.errors import CommandError, SettingsError
from callbridge.handoff.conference import NO_CONNECTION
from callbridge.handoff.conferences import LiveConferences
from callbridge.handoff.queue import Queue
from callbridge.media.wire import StartBody
from callbridge.outcomes import Result
from callbridge.relay.wire import Setup
from callbridge.sockets import tokens
from callbridge.sockets.door import StreamRefused
from callbridge.tape.events import CallBegan, CallBroke
from callbridge.timing.clock import first_of

log = logging.getLogger("callbridge")

TOKEN_OUTLIVES_RING_S = 60.0
ENDED_REMEMBERED = 4096  # call ids whose late webhooks are no surprise


@dataclass(frozen=True, slots=True)
class Dialled:
    """How a call that we made was taken. True when it was answered, by a person as far as that was
    to be found out; the bot is then talking. `cause` is the platform's word for it."""

    result: Result
    call: Call
    cause: str = ""

    def __bool__(self) -> bool:
        return self.result == "answered"


class Calls:
    """All calls of one process."""

    def __init__(
        self,
        means: CallMeans,
        bot_for: Callable[[str], Registration | None],
        filled: Callable[[Registration], Registration],
    ) -> None:
        self.conferences = LiveConferences(means.command, means.connection_id)
        self.counts = CallCounts()
        self.draining = False
        self._means = means
        self._bot_for = bot_for
        self._filled = filled
        self._by_reference: dict[str, Course] = {}
        self._by_id: dict[str, Course] = {}
        self._ended_ids: dict[str, bool] = {}  # whether it was handed over; oldest first
        self._saving: dict[str, Recordings] = {}  # of calls that are over, by call_control_id
        self._tasks: set[asyncio.Task[None]] = set()
        self.audio = AudioSockets(self)
        self.relayed = RelaySockets(self)

    def __len__(self) -> int:
        return len(self._by_reference)

    def legs(self) -> list[Leg]:
        return [course.leg for course in self._by_reference.values()]

    @property
    def full(self) -> bool:
        return len(self) >= self._means.limits.calls

    # ---- calls begin ------------------------------------------------------------------------

    def ring(self, dialling: Dialling, registration: Registration) -> "Ring":
        """Call a number. Raises SettingsError without a connection to call out through."""
        connection_id = self.require_connection()
        ring = self._means.limits.ring if dialling.timeout is None else dialling.timeout

        async def opening(course: Course) -> None:
            def command(opening: SocketOpening) -> control.Dial:
                state = client_state(course.leg.reference)
                return dialling.command(connection_id, ring, state, opening)

            await course.dial(command, ring)

        if dialling.amd is not None:
            registration = _greeting_later(registration)
        course = self._begin(registration, opening, "outgoing", dialling.from_, dialling.to)
        if dialling.amd is not None:
            course.leg.pickup = Pickup(dialling.amd)
        return Ring(course)

    def queue(self, name: str) -> Queue:
        return Queue(name, self._means.command)

    def require_connection(self) -> str:
        """The id of what calls go out through. Raises SettingsError."""
        if not self._means.connection_id:
            raise SettingsError(NO_CONNECTION)
        return self._means.connection_id

    def ring_beside(
        self, dialling: Dialling, bot: Bot, beside: Leg, on_voicemail: Bot | None = None
    ) -> "Ring":
        """For a call that goes on: with a voice of its kind."""
        registration = Registration(bot, voice=beside.kind, on_voicemail=on_voicemail)
        return self.ring(dialling, self._filled(registration))

    def _call_came_in(self, event: Event) -> None:
        to = event.payload.get("to")
        registration = self._bot_for(to if isinstance(to, str) else "")
        if registration is None:
            log.warning("no bot answers this number", extra={"to": to})
            self.refuse(event, "NOT_FOUND")
            return
        opening: CourseOpening = Course.answer
        if registration.incoming is not None:
            opening = partial(decide_first, registration.incoming, event.payload)
        course = self._begin(registration, opening, "incoming", ids=event.payload)
        course.leg.client_state = read_client_state(event.client_state).text

    def refuse(self, event: Event, cause: control.RejectCause) -> None:
        """Reject a call without making it ours."""
        self.counts.refused += 1
        if event.call_control_id:
            command = control.Reject(call_control_id=event.call_control_id, cause=cause)
            self._own(self._send_quietly(command))

    async def _send_quietly(self, command: control.Command) -> None:
        try:
            await self._means.command.send(command)
        except CommandError as error:
            log.warning("not rejected", extra={"error": str(error)})

    def _begin(
        self,
        registration: Registration,
        opening: CourseOpening,
        direction: Direction,
        from_: str = "",
        to: str = "",
        ids: Mapping[str, object] | None = None,
    ) -> Course:
        course = Course(
            registration,
            opening,
            self._means,
            self.counts,
            self._new_token,
            self,
            log,
            self._own,
            direction=direction,
            from_=from_,
            to=to,
            told=ids,
        )
        leg = course.leg
        leg.identify(ids or {})
        self._by_reference[leg.reference] = course
        if leg.call_control_id:
            self._by_id[leg.call_control_id] = course
        self.counts.begun[leg.direction] += 1
        leg.tape.write(CallBegan(direction=leg.direction, from_=leg.from_, to=leg.to))
        self._own(self._run(course))
        return course

    def _own(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _run(self, course: Course) -> None:
        leg = course.leg
        try:
            await course.run()
        except Exception as error:  # a bug of ours must end one call, with its trace, and no other
            text = "".join(traceback.format_exception(error))
            leg.tape.write(
                CallBroke(error=f"{type(error).__name__}: {error}", traceback=text), error
            )
        finally:
            leg.end(Hangup("unspecified"))  # if it was cancelled before it began
            self.counts.ended[leg.ended.result().cause] += 1
            self.counts.media.update(leg.tally())
            del self._by_reference[leg.reference]
            if self._by_id.get(leg.call_control_id) is course:
                del self._by_id[leg.call_control_id]
            self._remember(leg.call_control_id, released=course.handed_over)
        if course.recordings.open:
            await self._until_saved(course)

    async def _until_saved(self, course: Course) -> None:
        """The platform saves what it has recorded after the call: its webhooks still arrive."""
        call_control_id = course.leg.call_control_id
        self._saving[call_control_id] = course.recordings
        try:
            await course.recordings.closed()
        finally:
            del self._saving[call_control_id]

    def _remember(self, call_control_id: str, *, released: bool) -> None:
        """A late webhook of it is no surprise, and no new call."""
        self._ended_ids[call_control_id] = released
        if len(self._ended_ids) > ENDED_REMEMBERED:
            del self._ended_ids[next(iter(self._ended_ids))]

    def _new_token(self, leg: Leg) -> str:
        """For the address of a socket to this leg: each has one of its own."""
        means = self._means
        expires = means.leg.clock.wall() + means.limits.ring + TOKEN_OUTLIVES_RING_S
        return tokens.mint(leg.reference, expires, means.secret)

    # ---- webhooks ---------------------------------------------------------------------------

    def on_event(self, event: Event) -> None:
        """A genuine webhook, in any order."""
        if event.event_type.startswith("conference."):
            self.conferences.on_event(event)
            if (course := self._by_id.get(event.call_control_id or "")) is not None:
                course.takeover.on_event(event)
            return
        state = read_client_state(event.client_state)
        call_control_id = event.call_control_id or ""
        course = self._by_id.get(call_control_id) or self._by_reference.get(state.reference)
        if course is None:
            self._stray(event)
        elif state.errand is not None and call_control_id != course.leg.call_control_id:
            course.on_errand_event(state.errand, event)
        else:
            course.on_event(event)
            if call_control_id and call_control_id == course.leg.call_control_id:
                self._by_id.setdefault(call_control_id, course)

    def _stray(self, event: Event) -> None:
        incoming = event.payload.get("direction") == "incoming"
        if event.event_type == "call.initiated" and incoming and event.call_control_id:
            if event.call_control_id not in self._ended_ids:
                self._call_came_in(event)
        elif (recordings := self._saving.get(event.call_control_id or "")) is not None:
            recordings.on_event(event)
        elif event.call_control_id not in self._ended_ids:
            self.counts.stray_events += 1
            log.debug("a webhook of no call of ours", extra={"event": event.event_type})

    # ---- documents --------------------------------------------------------------------------

    def knows(self, call_control_id: str) -> bool:
        return call_control_id in self._by_id or call_control_id in self._ended_ids

    def document(self, request: texml.TexmlRequest, *, first: bool) -> bytes:
        """How a call that TeXML leads goes on. Only with the `first` document can it begin."""
        course = self._by_id.get(request.call_sid)
        if course is not None and request.is_over:
            course.leg.end(Hangup("unspecified"))
        elif first and not self.knows(request.call_sid) and not request.is_over:
            return self._begin_by_document(request)
        if course is not None and course.documents is not None:
            return course.documents.first() if first else course.documents.next()
        if self._ended_ids.get(request.call_sid):
            return held(self._means.texml_url)
        return texml.hang_up()

    def _begin_by_document(self, request: texml.TexmlRequest) -> bytes:
        registration = self._bot_for(request.to)
        if registration is None:
            log.warning("no bot answers this number", extra={"to": request.to})
            self.counts.refused += 1
            return texml.reject("rejected")
        ids = {"call_control_id": request.call_sid, "from": request.from_, "to": request.to}
        course = self._begin(registration, Course.adopt, "incoming", ids=ids)
        means = self._means
        course.platform.webhook_url = means.webhook_url
        course.documents = CallDocuments(course.leg, means.texml_url, self._new_token)
        return course.documents.first()

    # ---- sockets ----------------------------------------------------------------------------

    def admit(self, voice: VoiceKind, token: str, header: str | None) -> Leg:
        """The leg whose socket this token opens. Raises StreamRefused."""
        claim = tokens.read(token, self._means.secret)
        if claim is None or (header is not None and header != token):
            self._refuse_stream(401, "the stream's token is not ours")
        course = self._by_reference.get(claim[0])
        if course is None:
            self._refuse_stream(404, "no call waits for this stream")
        return self._open_to(voice, course.leg, claim[1])

    def adopt(self, voice: VoiceKind, ids: Mapping[str, str]) -> Leg:
        """The leg of a socket that somebody else started: a known one, or a new one."""
        course = self._by_id.get(ids["call_control_id"])
        if course is not None:
            return self._open_to(voice, course.leg, float("inf"))
        registration = self._bot_for(ids["to"])
        if registration is None:
            self._refuse_stream(404, f"no bot answers {ids['to'] or 'this number'}")
        if self.full or self.draining:
            self._refuse_stream(503, "no room for another call")
        registration = replace(registration, voice=voice)
        return self._begin(registration, Course.adopt, "incoming", ids=ids).leg

    def _open_to(self, voice: VoiceKind, leg: Leg, expires: float) -> Leg:
        if leg.kind != voice:
            self._refuse_stream(409, f"the call is one of {leg.kind}, this is {voice}")
        if why := leg.may_attach(expires):
            self._refuse_stream(409, why)
        return leg

    def _refuse_stream(self, status: int, why: str) -> NoReturn:
        self.counts.streams_refused += 1
        raise StreamRefused(status, why)

    # ---- the end ----------------------------------------------------------------------------

    async def drain(self, within: float) -> None:
        """Take no new calls; let the running ones finish; end what is left."""
        self.draining = True
        if self._tasks:
            log.info("draining", extra={"calls": len(self), "within_s": within})
            await asyncio.wait(set(self._tasks), timeout=within)
        # Nobody is left on a silent line: what has not ended by now is hung up, then cancelled.
        hanging_up = [
            asyncio.create_task(course.abandon()) for course in self._by_reference.values()
        ]
        if hanging_up:
            await asyncio.wait(hanging_up)
        left = set(self._tasks)
        for task in left:
            task.cancel()
        if left:
            await asyncio.wait(left)


def _greeting_later(registration: Registration) -> Registration:
    """The platform would say the greeting of a relay to whoever picks up, machines as well."""
    relay = registration.relay
    if registration.voice != "relay" or relay is None or not relay.greeting:
        return registration
    return replace(registration, relay=replace(relay, greeting=None), greeting=relay.greeting)


_TAKEN_BY: dict[PickupKind, Result] = {
    "person": "answered",
    "machine": "voicemail",
    "fax": "failed",
}
OURS = "caller"  # where hang-ups of a call that we made come from, if they are our own


def _came_out(leg: Leg, call: Call) -> Dialled:
    """A dial whose leg has been answered, or has ended."""
    pickup = leg.pickup
    if pickup is not None and pickup.known.done():
        return Dialled(_TAKEN_BY[pickup.known.result()], call, pickup.answered_by)
    if pickup is None and leg.answered.done():
        return Dialled("answered", call)
    hangup = leg.ended.result()
    if leg.answered.done() and hangup.source != OURS:
        return Dialled("caller_hung_up", call, hangup.cause)
    if hangup.cause == "unknown":  # our own word, where the platform has none
        return Dialled("unknown", call, hangup.cause)
    return Dialled(unanswered(hangup.cause), call, hangup.cause)


class Ring:
    """A telephone that rings for us, or the call that has come of it."""

    def __init__(self, course: Course) -> None:
        self._course = course

    @property
    def call(self) -> Call:
        return self._course.call

    @property
    def leg(self) -> Leg:
        return self._course.leg

    async def picked_up(self) -> Dialled:
        """Returns when it is answered, and known by whom if that was asked for, or when it is clear
        that it is not."""
        leg = self.leg
        await first_of(leg.pickup.known if leg.pickup else leg.answered, leg.ended)
        return _came_out(leg, self.call)

    def given_up(self, result: Result, cause: str) -> Dialled:
        """How it came out, where it is not for the telephone to say."""
        return Dialled(result, self.call, cause)

    def withdraw(self) -> None:
        self._course.withdraw()


class AudioSockets:
    """Whose a socket of media streaming is: the admission of its door."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    def admit(self, token: str, header: str | None) -> Leg:
        return self._calls.admit("media", token, header)

    def adopt(self, start: StartBody, /) -> Leg:
        ids = {"call_control_id": start.call_control_id, "from": start.from_, "to": start.to}
        return self._calls.adopt("media", ids)


class RelaySockets:
    """The same of Conversation Relay."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    def admit(self, token: str, header: str | None) -> Leg:
        return self._calls.admit("relay", token, None)

    def adopt(self, setup: Setup, /) -> Leg:
        ids = {"call_control_id": setup.call_control_id, "from": setup.from_, "to": setup.to}
        return self._calls.adopt("relay", ids)
