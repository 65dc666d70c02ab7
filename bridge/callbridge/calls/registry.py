"""The registry: it owns every call from `call.initiated` or our dial until `call.hangup`.

Webhooks find their call by its ids or by the client_state that we gave it, sockets by the token in
their address. Both only tell the call what happened; the call's own task (`life.py`) acts on it."""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Literal, NoReturn
from urllib.parse import urlencode

from callbridge.calls.call import Call
from callbridge.calls.course import (
    Bot,
    CallCounts,
    CallLog,
    Life,
    Line,
    Opening,
    Unanswered,
    unanswered,
)
from callbridge.calls.leg import Direction, Hangup, Leg, client_state, read_client_state
from callbridge.control import commands as control
from callbridge.errors import CommandError
from callbridge.media.wire import StartBody
from callbridge.sockets import tokens
from callbridge.sockets.door import StreamRefused
from callbridge.timing.clock import first_of

log = logging.getLogger("callbridge")

TOKEN_OUTLIVES_RING_S = 60.0
ENDED_REMEMBERED = 4096  # call ids whose late webhooks are no surprise


@dataclass(frozen=True, slots=True)
class Dialled:
    """How a call that we made was taken. True when it was answered; the bot is then talking."""

    result: Literal["answered"] | Unanswered
    call: Call
    cause: str = ""

    def __bool__(self) -> bool:
        return self.result == "answered"


class Calls:
    """All calls of one process."""

    def __init__(self, line: Line, bot_for: Callable[[str], Bot | None]) -> None:
        self.counts = CallCounts()
        self.draining = False
        self._line = line
        self._bot_for = bot_for
        self._by_reference: dict[str, Life] = {}
        self._by_id: dict[str, Life] = {}
        self._ended_ids: deque[str] = deque(maxlen=ENDED_REMEMBERED)
        self._tasks: set[asyncio.Task[None]] = set()

    def __len__(self) -> int:
        return len(self._by_reference)

    def legs(self) -> list[Leg]:
        return [life.leg for life in self._by_reference.values()]

    @property
    def full(self) -> bool:
        return len(self) >= self._line.limits.calls

    # ---- calls begin ------------------------------------------------------------------------

    async def dial(
        self, to: str, from_: str, bot: Bot, connection_id: str, timeout: float | None = None
    ) -> Dialled:
        """Call a number. Returns when it is answered, with its bot running, or when it is not."""
        ring = timeout if timeout is not None else self._line.limits.ring
        leg = self._leg("outgoing", from_, to)

        def command(stream: control.Stream) -> control.Dial:
            return control.Dial(
                connection_id=connection_id,
                to=to,
                from_=from_,
                timeout_secs=max(5, round(ring)),
                client_state=client_state(leg.reference),
                stream=stream,
            )

        life = self._begin(leg, bot, lambda life: life.dial(command, ring))
        await first_of(leg.answered, leg.ended)
        if leg.answered.done():
            return Dialled("answered", life.call)
        cause = leg.ended.result().cause
        return Dialled(unanswered(cause), life.call, cause)

    def _call_came_in(self, event: control.Event) -> None:
        payload = event.payload
        leg = self._leg("incoming", "", "")
        leg.identify(payload)
        leg.client_state = event.client_state
        bot = self._bot_for(leg.to)
        if bot is None:
            log.warning("no bot answers this number", extra={"to": leg.to})
            self.refuse(event, "NOT_FOUND")
            return
        self._begin(leg, bot, Life.answer)

    def refuse(self, event: control.Event, cause: control.RejectCause) -> None:
        """Reject a call without making it ours."""
        self.counts.refused += 1
        if event.call_control_id:
            command = control.Reject(call_control_id=event.call_control_id, cause=cause)
            self._own(self._send_quietly(command))

    async def _send_quietly(self, command: control.Command) -> None:
        try:
            await self._line.command.send(command)
        except CommandError as error:
            log.warning("not rejected", extra={"error": str(error)})

    def _leg(self, direction: Direction, from_: str, to: str) -> Leg:
        line = self._line
        return Leg(line.plan, line.clock, line.ticker, direction=direction, from_=from_, to=to)

    def _begin(self, leg: Leg, bot: Bot, opening: Opening) -> Life:
        line = self._line
        call = Call(
            leg,
            line.command,
            line.jobs,
            CallLog(log, leg),
            line.studio,
            lambda errand: life.spawn(errand),
        )
        life = Life(leg, call, bot, opening, line, self.counts, self._new_stream)
        self._by_reference[leg.reference] = life
        if leg.call_control_id:
            self._by_id[leg.call_control_id] = life
        self.counts.begun[leg.direction] += 1
        call.log.info("call begins", extra={"from": leg.from_, "to": leg.to})
        self._own(self._run(life))
        return life

    def _own(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _run(self, life: Life) -> None:
        leg = life.leg
        try:
            await life.run()
        except Exception:  # a bug of ours must end one call, with its trace, and no other
            life.log.exception("the call broke")
        finally:
            leg.end(Hangup("unspecified"))  # if it was cancelled before it began
            self.counts.ended[leg.ended.result().cause] += 1
            self.counts.media.update(leg.tally())
            del self._by_reference[leg.reference]
            if self._by_id.get(leg.call_control_id) is life:
                del self._by_id[leg.call_control_id]
            self._ended_ids.append(leg.call_control_id)

    def _new_stream(self, leg: Leg) -> control.Stream:
        """What to ask of the platform: a stream to this leg, under a token of its own."""
        line = self._line
        expires = line.clock.wall() + line.limits.ring + TOKEN_OUTLIVES_RING_S
        token = tokens.mint(leg.reference, expires, line.secret)
        return control.Stream(
            stream_url=f"{line.media_url}?{urlencode({'token': token})}",
            stream_auth_token=token,
            # What we receive shall be one of the two laws, whatever codec the leg has.
            stream_codec="PCMA" if line.plan.tx_name == "PCMA" else "PCMU",
            stream_bidirectional_codec=line.plan.tx_name,
            stream_bidirectional_sampling_rate=line.plan.tx_rate,
        )

    # ---- webhooks ---------------------------------------------------------------------------

    def on_event(self, event: control.Event) -> None:
        """A genuine webhook, in any order."""
        reference, transfer = read_client_state(event.client_state)
        call_control_id = event.call_control_id or ""
        life = self._by_id.get(call_control_id) or self._by_reference.get(reference)
        if life is None:
            self._stray(event)
        elif transfer is not None and call_control_id != life.leg.call_control_id:
            life.transfer_event(transfer, event)
        else:
            life.event(event)
            if call_control_id and call_control_id == life.leg.call_control_id:
                self._by_id.setdefault(call_control_id, life)

    def _stray(self, event: control.Event) -> None:
        incoming = event.payload.get("direction") == "incoming"
        if event.event_type == "call.initiated" and incoming and event.call_control_id:
            if event.call_control_id not in self._ended_ids:
                self._call_came_in(event)
        elif event.call_control_id not in self._ended_ids:
            self.counts.stray_events += 1
            log.debug("a webhook of no call of ours", extra={"event": event.event_type})

    # ---- sockets ----------------------------------------------------------------------------

    def admit(self, token: str, header: str | None) -> Leg:
        """The leg whose stream this token opens. Raises StreamRefused."""
        claim = tokens.read(token, self._line.secret)
        if claim is None or (header is not None and header != token):
            self._refuse_stream(401, "the stream's token is not ours")
        life = self._by_reference.get(claim[0])
        if life is None:
            self._refuse_stream(404, "no call waits for this stream")
        if why := life.leg.may_attach(claim[1]):
            self._refuse_stream(409, why)
        return life.leg

    def adopt(self, start: StartBody) -> Leg:
        """The leg of a stream that somebody else started: a known one, or a new one."""
        life = self._by_id.get(start.call_control_id)
        if life is not None:
            if why := life.leg.may_attach(float("inf")):
                self._refuse_stream(409, why)
            return life.leg
        bot = self._bot_for(start.to)
        if bot is None:
            self._refuse_stream(404, f"no bot answers {start.to or 'this number'}")
        if self.full or self.draining:
            self._refuse_stream(503, "no room for another call")
        leg = self._leg("incoming", start.from_, start.to)
        leg.call_control_id = start.call_control_id
        self._begin(leg, bot, Life.adopt)
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
        hanging_up = [asyncio.create_task(life.abandon()) for life in self._by_reference.values()]
        if hanging_up:
            await asyncio.wait(hanging_up)
        left = set(self._tasks)
        for task in left:
            task.cancel()
        if left:
            await asyncio.wait(left)
