"""The one that looks at the platform, for all who have a page open: never a question per viewer.

With nobody there it asks nothing. What fails is asked again later and later, and not before the
platform wants to be asked (`Retry-After`)."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Generator, Sequence
from contextlib import contextmanager
from typing import Any

from callbridge.control.commands import CallStatus
from callbridge.control.conferences import ConferencesList, ParticipantsList
from callbridge.control.lists import ActiveCallsList, CallEventsList
from callbridge.control.queues import QueueCallsList, QueuesList
from callbridge.desk.desk import Desk, JsonItem
from callbridge.desk.dialling import is_over
from callbridge.desk.page import board as made
from callbridge.desk.page.board import BoardSeat, DeskBoard
from callbridge.desk.page.trails import LegTrails
from callbridge.desk.trail import LegTrail
from callbridge.errors import CallGone, CarrierUnreachable, CommandError, CommandRefused
from callbridge.timing.clock import Clock
from callbridge.timing.signal import Signal, changed

SOONEST_S = 1.0  # between two looks, whoever hurries
LONGEST_PAUSE_S = 60.0
STRANGERS_A_LOOK = 8  # legs whose past is asked for, one by one
SEATS_A_LOOK = 4  # conferences at which nobody looks, whose size is shown in the list
Topic = tuple[str, str]  # ("conference", its id), ("queue", its name), ("leg", its id), ("all", "")


class Lookout:
    """`board` is what is known; `changed` tells of a new one."""

    def __init__(self, desk: Desk, clock: Clock, every_s: float) -> None:
        self.board = DeskBoard()
        self.changed = Signal()
        self.backing_off = False
        self._desk, self._clock, self._every_s = desk, clock, every_s
        self._watched: Counter[Topic] = Counter()
        self._hurried = 0
        self._wake = Signal()
        self._nudged = False
        self._trails = LegTrails()
        self._tells_events = True  # an account may not read them
        self._seats: dict[str, list[JsonItem]] = {}
        self._waiting: dict[str, list[JsonItem]] = {}
        self._turn = 0  # whose seats are asked for next

    # ---- who looks ------------------------------------------------------------------------------

    @contextmanager
    def watched(self, *topics: Topic) -> Generator[None]:
        """While this is entered, the platform is looked at."""
        self._watched.update(topics)
        self.nudge()
        try:
            yield
        finally:
            self._watched.subtract(topics)
            self._watched += Counter()  # without those that nobody watches

    def nudge(self) -> None:
        """Look soon: something was done, or somebody has come."""
        self._nudged = True
        self._wake.notify()

    async def fresh(self, *topics: Topic, within_s: float = 4.0) -> DeskBoard:
        """What is known, not older than one look; as it is, where nothing new comes in time."""
        known = self._knows(topics) and self._clock.wall() - self.board.at < self._every_s
        if known or self.backing_off:
            return self.board
        with self.watched(*(topics or (("all", ""),))):
            await changed(self.changed, timeout=within_s)
        return self.board

    async def next_board(self) -> None:
        """Wait for the next look, if it comes in time."""
        await changed(self.changed, timeout=2 * self._every_s + SOONEST_S)

    def _knows(self, topics: Sequence[Topic]) -> bool:
        kinds = {"conference": self._seats, "queue": self._waiting}
        return all(name in kinds[kind] for kind, name in topics if kind in kinds)

    def trail(self, leg_id: str) -> LegTrail:
        return self._trails.of(leg_id) or LegTrail([])

    async def until(
        self, id: str, leg_id: str, *names: str, within_s: float, beside: str = ""
    ) -> LegTrail | None:
        """The events of a leg, once one of these names, or its end, is among them. None: silence,
        or the call `beside` it, for which it was made, is over.

        An account that may not read events is asked for the state of the call instead."""
        self._hurried += 1
        since = self._clock.wall()
        try:
            with self.watched(("leg", leg_id)):
                async with asyncio.timeout(within_s):
                    while True:
                        trail = self.trail(leg_id)
                        if trail.find(*names, "call.hangup"):
                            return trail
                        if not self._tells_events and (told := await self._status(id)) is not None:
                            return told
                        if beside and self.is_over(beside, since):
                            return None
                        await changed(self.changed, timeout=SOONEST_S)
        except TimeoutError:
            return None
        finally:
            self._hurried -= 1

    def is_over(self, id: str, since: float = 0.0) -> bool:
        """Whether a call is known to be over, by a look after `since`."""
        board = self.board
        return not board.problem and board.at > since and board.call(id) is None

    async def _status(self, id: str) -> LegTrail | None:
        """What the state of a call says, as the events would: it is over, or was answered."""
        try:
            status = await self._desk.send(CallStatus(call_control_id=id))
        except CallGone:
            status = {}
        except CommandError:
            return None
        if is_over(status):
            return LegTrail([{"name": "call.hangup"}])
        return LegTrail([{"name": "call.answered"}]) if status.get("call_duration") else None

    # ---- looking --------------------------------------------------------------------------------

    async def run(self) -> None:
        failures = 0
        while True:
            await self._somebody()
            self._nudged = False
            try:
                await self._look()
            except CommandError as error:
                failures += 1
                pause = self._failed(error, failures)
                self.backing_off = True
                await asyncio.sleep(pause)
            except Exception:
                self._show(problem="The desk itself has failed: its log says why. Start it anew.")
                raise
            else:
                failures, self.backing_off = 0, False
                await asyncio.sleep(SOONEST_S)
                if not self._hurried and not self._nudged:
                    await changed(self._wake, timeout=self._every_s - SOONEST_S)

    async def _somebody(self) -> None:
        while not (self._watched or self._hurried or self._nudged):
            await changed(self._wake)

    def _failed(self, error: CommandError, failures: int) -> float:
        """Returns for how many seconds nothing is asked."""
        pause = min(self._every_s * 2.0 ** min(failures - 1, 10), LONGEST_PAUSE_S)
        if isinstance(error, CarrierUnreachable):
            pause = max(pause, error.retry_after_s)
        self._show(problem=_in_words(error, pause))
        return pause

    async def _look(self) -> None:
        """Four questions, one more for each page that is open on a conference or a queue, and at
        most a dozen for what is new."""
        desk = self._desk
        calls = await desk.every(ActiveCallsList(connection_id=desk.connection_id))
        await self._hear_events(_named(calls, "call_leg_id"))
        conferences = await desk.every(ConferencesList(status="in_progress"))
        queues = await desk.every(QueuesList())
        await self._ask_seats(_named(conferences, "id"))
        await self._ask_waiting(_named(queues, "name"))
        seated = [seat for seats in self._seats.values() for seat in seats]
        legs = {made.text(leg, "call_leg_id") for leg in (*calls, *seated)}
        self._trails.keep(legs | {name for kind, name in self._watched if kind == "leg"})
        self._show(calls, conferences, queues)

    async def _hear_events(self, legs: list[str]) -> None:
        listing = CallEventsList(
            connection_id=self._desk.connection_id, since=self._trails.since(self._clock.wall())
        )
        try:
            self._trails.add(await self._desk.every(listing))
            self._tells_events = True
        except CommandRefused as error:
            if error.status == 401:
                raise
            self._tells_events = False
            return
        strangers = self._trails.unknown(legs)[:STRANGERS_A_LOOK]

        async def ask(leg: str) -> None:
            self._trails.add_whole(leg, await self._desk.every(CallEventsList(leg_id=leg)))

        await _all_of([ask(leg) for leg in strangers])

    async def _ask_seats(self, ids: list[str]) -> None:
        self._seats = {id: seats for id, seats in self._seats.items() if id in ids}
        watched = [id for id in ids if self._watched["conference", id]]
        others = [id for id in ids if id not in watched]
        turn = self._turn % max(1, len(others))
        others = (others[turn:] + others[:turn])[:SEATS_A_LOOK]
        self._turn += SEATS_A_LOOK

        async def ask(id: str) -> None:
            found = await self._unless_gone(ParticipantsList(conference_id=id))
            self._seats[id] = [each for each in found if each.get("status") != "left"]

        await _all_of([ask(id) for id in (*watched, *others)])

    async def _ask_waiting(self, names: list[str]) -> None:
        self._waiting = {name: calls for name, calls in self._waiting.items() if name in names}

        async def ask(name: str) -> None:
            self._waiting[name] = await self._unless_gone(QueueCallsList(queue_name=name))

        await _all_of([ask(name) for name in names if self._watched["queue", name]])

    async def _unless_gone(self, listing: ParticipantsList | QueueCallsList) -> list[JsonItem]:
        try:
            return await self._desk.every(listing)
        except CommandRefused as error:
            if error.status != 404:
                raise
            return []

    # ---- what is shown --------------------------------------------------------------------------

    def _show(
        self,
        calls: Sequence[JsonItem] | None = None,
        conferences: Sequence[JsonItem] = (),
        queues: Sequence[JsonItem] = (),
        problem: str = "",
    ) -> None:
        """After a failure what was known stays, and says since when."""
        if calls is None:
            old = self.board
            self.board = DeskBoard(old.at, problem, old.calls, old.conferences, old.queues)
        else:
            seats = {id: self._seated(id) for id in self._seats}
            sits = {seat.id: id for id, those in seats.items() for seat in those}
            self.board = DeskBoard(
                at=self._clock.wall(),
                calls=tuple(self._call(call, sits) for call in calls),
                conferences=tuple(
                    made.conference_of(each, seats.get(made.text(each, "id")))
                    for each in conferences
                ),
                queues=tuple(self._queue(each) for each in queues),
            )
        self.changed.notify()

    def _seated(self, id: str) -> list[BoardSeat]:
        return [
            made.seat_of(seat, self._trails.of(made.text(seat, "call_leg_id")))
            for seat in self._seats[id]
        ]

    def _call(self, item: JsonItem, sits: dict[str, str]) -> made.BoardCall:
        trail = self._trails.of(made.text(item, "call_leg_id"))
        return made.call_of(item, trail, sits.get(made.text(item, "call_control_id"), ""))

    def _queue(self, item: JsonItem) -> made.BoardQueue:
        waiting = self._waiting.get(made.text(item, "name"))
        return made.queue_of(item, None if waiting is None else list(map(made.queued_of, waiting)))


def _named(items: Sequence[JsonItem], name: str) -> list[str]:
    """What they are called, of those that have a name."""
    return [called for item in items if (called := made.text(item, name))]


async def _all_of(work: Sequence[Awaitable[Any]]) -> None:
    """A few at a time; the first that fails is what failed."""
    results = await asyncio.gather(*work, return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException):
            raise result


def _in_words(error: CommandError, pause: float) -> str:
    again = f"It is asked again in {pause:.0f} s."
    if isinstance(error, CommandRefused) and error.status == 401:
        return f"The platform does not take TELNYX_API_KEY. {again}"
    return f"The platform cannot be asked: {error} {again}"
