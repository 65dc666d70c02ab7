"""Several telephones ring at once for one caller; the first who accepts has the call.

Each is a call with a bot of its own, which says what it is about and asks. Who is too late, or is
asked when the caller has gone, is told so."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from callbridge.calls.dialling import Dialling
from callbridge.calls.reach import OutgoingRing
from callbridge.errors import CallError
from callbridge.outcomes import Result
from callbridge.timing.clock import first_of
from telecodecs import Pcm

if TYPE_CHECKING:
    from callbridge.calls.call import Call

Sayable = str | Path | Pcm
Briefing = Callable[["Call"], Awaitable[bool]]

ASK = "Press 1 to take this call, or 2 to decline."
TOO_LATE = "Somebody else has taken the call."
GONE = "The caller has hung up."

EXCUSE_S = 1.0  # so long after an accepted call could not be joined it may turn out why

WORST_FIRST: tuple[Result, ...] = ("declined", "voicemail", "busy", "no_answer", "failed")


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What somebody is told who has picked up, and asked. Without a `prompt` and an `accept` key
    they have the call at once."""

    about: Sayable | Briefing = ""
    prompt: Sayable = ""
    accept: str = ""
    decline: str = ""
    times: int = 3  # it is asked
    wait: float = 6.0  # s, for a key, after each
    too_late: str = ""  # said to whom another one was faster than
    gone: str = ""  # said to whom the caller did not wait for


class Offer:
    """One telephone, and the bot that talks to who picks it up."""

    def __init__(self, offers: "Offers", dialling: Dialling) -> None:
        loop = asyncio.get_running_loop()
        self.dialling = dialling
        self.ring: OutgoingRing | None = None
        self.result: asyncio.Future[Result] = loop.create_future()
        self.cause = ""
        self._offers = offers

    async def __call__(self, agent: "Call") -> None:
        """The bot of whoever picks up."""
        try:
            accepted = not self._offers.closed and await self._asked(agent)
            if accepted and self._offers.take(self):
                if await self._offers.connected(agent):
                    await self._offers.stay()
                    return
                await first_of(self._offers.closing, timeout=EXCUSE_S)
        except CallError as error:
            self.settle("declined", str(error))
            raise
        finally:
            left = self.ring is not None and self.ring.leg.ended.done()
            self.settle("declined" if left else "failed", "hung up" if left else "their bot ended")
        await self._excuse(agent)

    async def _asked(self, agent: "Call") -> bool:
        """Whether they take the call; False as soon as it is nobody's to take."""
        asking = asyncio.ensure_future(self._ask(agent))
        closing = self._offers.closing
        try:
            await first_of(asking, closing)
            return asking.done() and asking.result()
        finally:
            if not asking.done():
                asking.cancel()
                agent.interrupt()

    async def _ask(self, agent: "Call") -> bool:
        question = self._offers.question
        about = question.about
        if callable(about):
            accepted = await about(agent)
            self.settle_unless(accepted)
            return accepted
        key = await self._key(agent, about, 0.0) if has_words(about) else ""
        for _ in range(question.times if question.accept else 0):
            key = key or await self._key(agent, question.prompt, question.wait)
            if key and key in question.accept:
                return True
            if key and key in question.decline:
                self.settle("declined", f"key {key}")
                return False
            key = ""
        if not question.accept:
            return True
        self.settle("no_answer", "nobody pressed a key")
        return False

    async def _key(self, agent: "Call", prompt: Sayable, wait: float) -> str:
        question = self._offers.question
        key = await agent.first_key(prompt if has_words(prompt) else None, timeout=wait)
        return key if key in question.accept + question.decline else ""

    async def _excuse(self, agent: "Call") -> None:
        """Say why they do not get the call, if they would have."""
        question, offers = self._offers.question, self._offers
        words = question.gone if offers.gone else question.too_late if offers.winner else ""
        if words and offers.closed and self.result.result() in ("no_answer", "failed"):
            await agent.say(words, interruptible=False)

    def settle_unless(self, accepted: bool) -> None:
        if not accepted:
            self.settle("declined", "as the bot that asked them says")

    def settle(self, result: Result, cause: str = "") -> None:
        """Only the first outcome counts."""
        if not self.result.done():
            self.cause = cause
            self.result.set_result(result)


class Offers:
    """Who is asked for one caller. `connect` joins the one who has accepted with the caller, and
    returns False where that could not be; with `until` their call is ours until that is done."""

    def __init__(
        self,
        question: Question,
        connect: "Callable[[Offer, Call], Awaitable[bool]]",
        until: "asyncio.Future[None] | None" = None,
    ) -> None:
        self.question = question
        self.until = until
        self.all: list[Offer] = []
        self.winner: Offer | None = None
        self.gone = False  # the caller
        self.closing: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._connect = connect

    @property
    def closed(self) -> bool:
        return self.closing.done()

    async def first(
        self, diallings: Sequence[Dialling], ring: "Callable[[Offer], OutgoingRing]"
    ) -> bool:
        """Ring them all. True when one of them has the caller, False when nobody will. To be
        closed in any case."""
        for dialling in diallings:
            offer = Offer(self, dialling)
            self.all.append(offer)
            offer.ring = ring(offer)
        await asyncio.gather(*(self._ringing(offer) for offer in self.all))
        return self.winner is not None

    async def _ringing(self, offer: Offer) -> None:
        """Until this offer has come out, or another one has won."""
        assert offer.ring is not None, "it rings"
        picked_up = asyncio.ensure_future(offer.ring.picked_up())
        try:
            await first_of(picked_up, self.closing)
            if picked_up.done():
                dialled = picked_up.result()
                if not dialled:
                    offer.settle(dialled.result, dialled.cause)
                await first_of(offer.result, self.closing)
        finally:
            picked_up.cancel()

    def take(self, offer: Offer) -> bool:
        """Whether the call is theirs: it is the first one's who accepts."""
        if self.winner is not None or self.closed:
            offer.settle("no_answer", "another one was faster")
            return False
        self.winner = offer
        return True

    async def connected(self, agent: "Call") -> bool:
        """Join the winner with the caller; if that fails, the others have their chance."""
        offer = self.winner
        assert offer is not None, "somebody has accepted"
        if await self._connect(offer, agent):
            offer.settle("answered")
            self.close()
            return True
        self.winner = None
        offer.settle("failed", "they could not be joined with the caller")
        return False

    async def stay(self) -> None:
        """The bot of somebody who has the caller, where bots listen on."""
        winner = self.winner
        if self.until is not None and winner is not None and winner.ring is not None:
            await first_of(self.until, winner.ring.leg.ended)

    def close(self, *, gone: bool = False) -> None:
        """Nobody else is wanted: what rings stops, who is being asked is told."""
        if self.closed:
            return
        self.gone = self.gone or gone
        self.closing.set_result(None)
        for offer in self.all:
            if offer is not self.winner:
                offer.settle("no_answer", "nobody was needed any more")
                if offer.ring is not None:
                    offer.ring.withdraw()

    @property
    def result(self) -> tuple[Result, str]:
        """Of all of them: what says most of why nobody has the call."""
        outcomes = {offer.result.result(): offer for offer in self.all if offer.result.done()}
        for result in ("answered", *WORST_FIRST):
            if result in outcomes:
                return result, outcomes[result].cause
        return "unknown", ""


def has_words(prompt: "Sayable | Briefing") -> bool:
    return not isinstance(prompt, str) or bool(prompt)
