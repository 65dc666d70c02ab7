"""Keeps a model's session going for as long as a call lasts: connects, notices that nothing comes,
connects anew, and tells the new session what the old one knew and what it has missed."""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from logging import Logger, LoggerAdapter
from typing import Protocol

from callbridge.calls.live import LiveSide
from callbridge.errors import MalformedFrame, ModelFailed
from callbridge.realtime.events import Dialect, Recalled, SessionEvent, Trouble
from callbridge.realtime.socket import Connect, LinkRefused, ModelLink

ATTEMPTS = 4  # to connect, one after the other, and sessions in a row that bring nothing
BACKOFF_S = 0.25  # before the second one; doubled for each that follows
LASTING_S = 30.0  # a session that has lasted so long has brought something
GARBAGE = 20  # messages without sense, and a session is given up
READY_S = 8.0  # for a session to be as it was asked for
STALL_S = 12.0  # without a sign of the model while one is due, and a session is given up
WRITE_BUFFER = 262_144  # octets not yet taken by the socket; above it the caller's audio is dropped
PRE_ROLL_S = 0.5  # of the caller's audio that is kept, as their speech is noticed late
REPLAYED_S = 20.0  # at most, of what the caller has said and nobody has answered
RENEW_S = 120.0  # before a session ends by itself: from then on a quiet moment will do, ...
RENEW_AT_ONCE_S = 10.0  # ... and from then on any moment
INFINITE = float("inf")
LOOK_S = 0.5  # between two looks whether the moment is quiet

SessionMaker = Callable[[], Dialect]
CallLogger = LoggerAdapter[Logger]


class SessionOwner(Protocol):
    """The conversation, as far as its session is concerned."""

    @property
    def quiet(self) -> bool:
        """Whether nobody would notice if the session were another one."""
        ...

    def conversation(self) -> Sequence[Recalled]:
        """What was said so far."""
        ...

    def on_event(self, event: SessionEvent) -> None: ...

    def on_first_session(self) -> None: ...

    def on_new_session(self, *, cut_off: bool) -> None:
        """The last one is gone, in the middle of a reply if it was `cut_off`. The new one knows
        the conversation, and hears again what the caller has said to nobody."""
        ...


class SessionKeeper:
    """One call's; the `LinkListener` of its present socket."""

    def __init__(
        self,
        new_session: SessionMaker,
        connect: Connect,
        live: LiveSide,
        log: CallLogger,
        owner: SessionOwner,
    ) -> None:
        self.session = new_session()
        self.failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.caller_waits = False  # they speak, or have spoken and hear nothing yet
        self.listening = True  # what the caller says is passed on as it comes
        self.dropped = 0  # payloads of the caller that the socket did not take
        self._new_session = new_session
        self._connect = connect
        self._live = live
        self._log = log
        self._owner = owner
        self._link: ModelLink | None = None
        self._expires_at: float | None = None  # Unix seconds
        self._lost = False
        self._untold: Callable[[], None] | None = None
        self._open_ears = False  # the session may be told more than its opening
        self._stirred = asyncio.Event()  # it was lost, or its end is known
        self._recent: deque[bytes] = deque()
        self._sent_octets = 0
        self._opened_at = 0.0
        self._fruitless = self._garbage = 0
        self._alarm: asyncio.TimerHandle | None = None

    async def keep(self) -> None:
        """Until it is cancelled. Raises ModelFailed when there is no more use in trying."""
        await self._open()
        self._tell_owner(self._owner.on_first_session)
        while True:
            await self._until_lost_or_old()
            cut_off = self._lost and not self.session.idle
            if self._fruitless > 1:
                await self._pause(self._fruitless)
            old, self._link = self._link, None
            await self._open(old)
            self._tell_owner(partial(self._owner.on_new_session, cut_off=cut_off))

    def _tell_owner(self, of_the_session: Callable[[], None]) -> None:
        """At once, or as soon as it may be told anything."""
        if self._open_ears:
            of_the_session()
        else:
            self._untold = of_the_session

    def close(self) -> None:
        self.watch(None)
        if self.dropped:
            self._log.warning("%d frames of the caller did not reach the model", self.dropped)
            self.dropped = 0
        if self._link is not None:
            self._link.close()
            self._link = None

    # ---- connecting -------------------------------------------------------------------------

    async def _open(self, old: ModelLink | None = None) -> None:
        """Connect, again and again for a while. The old socket is closed when there is a new one,
        as the caller hears on meanwhile."""
        for attempt in range(ATTEMPTS):
            await self._pause(attempt)
            session = self._new_session()
            self._lost = False
            try:
                link = await self._connect(session.url, session.headers, self)
            except LinkRefused as refused:
                self._log.warning("the model cannot be reached: %s", refused)
                trouble = session.refused_by(refused.status, str(refused))
                if trouble is not None and trouble.fatal:
                    raise as_error(trouble) from refused
                continue
            if old is not None:
                old.close()
            self._begin(session, link)
            return
        where = self.session.url.partition("?")[0]
        raise ModelFailed(f"the model cannot be reached at {where}, {ATTEMPTS} attempts")

    async def _pause(self, number: int) -> None:
        if number > ATTEMPTS:
            raise ModelFailed(f"the model's session broke {number} times and brought nothing")
        if number:
            await asyncio.sleep(BACKOFF_S * 2 ** (number - 1))

    def _begin(self, session: Dialect, link: ModelLink) -> None:
        self.session, self._link = session, link
        self._expires_at = None
        self._opened_at = self._live.now()
        self._sent_octets = self._garbage = 0
        self._open_ears = not session.waits_for_ready
        self.watch(READY_S)
        self.send(session.opening(self._owner.conversation()))
        if self._open_ears:
            self._hear_what_was_missed()

    def _hear_what_was_missed(self) -> None:
        if self.listening or self.caller_waits:
            self.hear_again()

    async def _until_lost_or_old(self) -> None:
        """Or so old that it is about to end, and the moment is a quiet one."""
        while not self._lost:
            left = INFINITE if self._expires_at is None else self._expires_at - self._live.wall()
            quiet = self._owner.quiet and self.session.idle and not self.caller_waits
            if left <= RENEW_AT_ONCE_S or (left <= RENEW_S and quiet):
                return
            self._stirred.clear()
            look = LOOK_S if left <= RENEW_S else left - RENEW_S
            try:
                async with asyncio.timeout(look if look < INFINITE else None):
                    await self._stirred.wait()
            except TimeoutError:
                continue

    def on_ready(self, expires_at: float | None) -> None:
        """The session is as it was asked for, and ends by itself at this Unix time. One that would
        end at once has a clock that is not ours, and says nothing."""
        if not self._open_ears:
            self._open_ears = True
            self._hear_what_was_missed()
            untold, self._untold = self._untold, None
            if untold is not None:
                untold()
        if expires_at is not None and (left := expires_at - self._live.wall()) > RENEW_S:
            self.ends_in(left)
        self.watch(STALL_S if self.caller_waits else None)

    def ends_in(self, left_s: float) -> None:
        """It will be ended by the other side."""
        self._expires_at = self._live.wall() + left_s
        self._stirred.set()

    # ---- losing -----------------------------------------------------------------------------

    def on_closed(self, code: int, reason: str) -> None:
        trouble = self.session.refused_by(code, reason)
        if trouble is not None and trouble.fatal:
            self.fail(trouble)
        else:
            self.give_up(f"the model's socket is lost ({code} {reason})")

    def give_up(self, why: str) -> None:
        """This session is of no use any more."""
        if self._lost:
            return
        self._log.warning("%s: a new session", why)
        self._fruitless = self._fruitless + 1 if self._age_s < LASTING_S else 1
        self._lost = True
        self._stirred.set()
        if not self.caller_waits:
            self._recent.clear()  # it was heard
        self.close()

    @property
    def _age_s(self) -> float:
        return self._live.now() - self._opened_at

    def fail(self, trouble: Trouble) -> None:
        """There is no use in a new session, either."""
        self.close()
        if not self.failed.done():
            self.failed.set_exception(as_error(trouble))

    def watch(self, seconds: float | None) -> None:
        """Give the session up unless this is asked for again within so long."""
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        if seconds is not None:
            why = f"the model has given no sign for {seconds:g} s"
            self._alarm = asyncio.get_running_loop().call_later(seconds, self.give_up, why)

    def note_sign(self) -> None:
        """The session brings something."""
        self._fruitless = 0

    # ---- what passes ------------------------------------------------------------------------

    def on_text(self, text: bytes) -> None:
        try:
            events = self.session.receive(text)
        except MalformedFrame as error:
            self._garbage += 1
            self._log.warning("the model sent what makes no sense: %s", error)
            if self._garbage > GARBAGE:
                self.give_up("too much of it")
            return
        self.send(self.session.to_send())
        for event in events:
            self._owner.on_event(event)

    def send(self, texts: Sequence[str]) -> None:
        if self._link is not None:
            for text in texts:
                self._link.send(text)

    def hear(self, payload: bytes) -> None:
        """The caller's audio; kept for a new session as long as it may be needed."""
        recent = self._recent
        recent.append(payload)
        keeps_s = REPLAYED_S if self.caller_waits or self._link is None else PRE_ROLL_S
        limit = int(keeps_s * self.session.hears.octets_per_s) // max(1, len(payload))
        while len(recent) > limit:
            recent.popleft()
        if self._link is not None and self.listening and self._open_ears:
            self._append(payload)

    def hear_again(self) -> None:
        """Pass on what is kept: the beginning of what the caller says."""
        if self._link is not None:
            for payload in self._recent:
                self._append(payload)

    def _append(self, payload: bytes) -> None:
        link = self._link
        assert link is not None, "there is a socket"
        if link.buffered() > WRITE_BUFFER:
            self.dropped += 1
            return
        self._sent_octets += len(payload)
        link.send(self.session.hear(payload))

    def heard_at(self, position_ms: float) -> float:
        """When the caller's audio at this position of the session was sent, by the call's clock."""
        sent_ms = 1000 * self._sent_octets / self.session.hears.octets_per_s
        return self._live.now() - max(0.0, sent_ms - position_ms) / 1000


def as_error(trouble: Trouble) -> ModelFailed:
    return ModelFailed(f"the model refuses: {trouble.message} ({trouble.code})")
