"""What is tried on a Conversation Relay: each scenario is a call of its own."""

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager

import msgspec

from callbridge.probe import rules
from callbridge.probe.calls import ProbeCalls
from callbridge.probe.findings import ProbeOver, Scenario
from callbridge.probe.line import ignore
from callbridge.probe.relay_talk import ProbeTurn, RelayTalk, shown
from callbridge.probe.rules import Rule
from callbridge.relay import wire

HELLO = "Hello. In one short sentence, how are you?"
STORY = "Please tell me about yourself, in five or six sentences."
AGAIN = "And what can you do for me? One short sentence, please."
LONG_ANSWER = 120  # characters from which on an answer is to come in pieces
LONG_PROMPT = 20_000


class RelayProbe:
    """One endpoint; what the first call has shown of it holds for the others."""

    def __init__(self, calls: ProbeCalls) -> None:
        self._calls, self.book, self.pace = calls, calls.book, calls.pace
        self._greets = False
        self._thinks_s = 0.0

    @asynccontextmanager
    async def silent_call(self, *, judged: bool = True) -> AsyncGenerator[RelayTalk]:
        """A socket on which nothing has been said. Raises ProbeOver when there is none."""
        async with self._calls.line() as (rung, line):
            assert rung.setup is not None, "the door is one of relays"
            talk = RelayTalk(rung.setup, line, self.book, self.pace)
            line.begin(talk.hear if judged else ignore)
            yield talk

    @asynccontextmanager
    async def call(self) -> AsyncGenerator[RelayTalk]:
        """One that is set up, its greeting heard. A socket that closes meanwhile, or later on
        without an `end`, breaks what the scenario blames."""
        async with self.silent_call() as talk:
            await talk.say(talk.setup)
            await self.hear_out(talk)
            yield talk
            if talk.line.ending is not None and not talk.ended and not talk.broken:
                self.book.found(self.book.scenario.blames, talk.line.ending)

    def keep(self, talk: RelayTalk, first: ProbeTurn) -> None:
        """How long the endpoint takes to begin an answer."""
        self._thinks_s = first.began_at - talk.asked_at

    @property
    def a_while(self) -> float:
        """Seconds in which an answer that must not come would have begun."""
        return max(2 * self.pace.quiet, 1.5 * self._thinks_s)

    async def hear_greeting(self, talk: RelayTalk) -> None:
        if await talk.begun(0, self.pace.greeting):
            self._greets = True
            await talk.settled()

    async def hear_out(self, talk: RelayTalk) -> None:
        """The greeting, if the first call had one."""
        if self._greets and await talk.begun(0):
            await talk.settled()

    async def next_is_served(self, blames: Rule) -> None:
        async with self.call() as talk:
            await talk.answered(AGAIN, blames)


# ---- the scenarios ------------------------------------------------------------------------------


async def first_answer(probe: RelayProbe) -> None:
    """Whether there is anything to probe: it is over if not."""
    async with probe.call() as talk:
        await probe.hear_greeting(talk)
        pong = await talk.line.ping(probe.pace.patience)
        if talk.line.ending is not None:
            probe.book.found(rules.RELAY_OPENS, f"{talk.line.ending} after setup")
            raise ProbeOver
        if pong is None:
            probe.book.found(rules.RELAY_PING, f"no pong in {probe.pace.patience:g} s")
        turn = await talk.answered(STORY, rules.RELAY_ANSWERS)
        if turn is None:
            if talk.ended:
                probe.book.found(rules.RELAY_ANSWERS, "it ended the session with `end` instead")
            raise ProbeOver
        probe.keep(talk, turn)
        if len(turn.text) > LONG_ANSWER and len(turn.tokens) == 1:
            probe.book.found(rules.RELAY_STREAMS, f"{len(turn.text)} characters in one message")
        await talk.answered(AGAIN, rules.RELAY_ANSWERS)


async def silence(probe: RelayProbe) -> None:
    async with probe.call() as talk:
        await talk.line.listen(probe.pace.idle)
        await talk.answered(HELLO, rules.RELAY_IDLE)


async def interim_prompts(probe: RelayProbe) -> None:
    async with probe.call() as talk:
        before, words = len(talk.turns), HELLO.split()
        for end in range(1, len(words)):
            await talk.say(wire.Prompt(" ".join(words[:end]), "en", last=False))
            await talk.line.listen(0.05)
        if await talk.begun(before, probe.a_while):
            seen = f"answered while the caller still spoke: {shown(talk.turns[before].text)}"
            probe.book.found(rules.RELAY_INTERIM, seen)
            await talk.settled()
        await talk.answered(HELLO, rules.RELAY_INTERIM)


async def interrupt(probe: RelayProbe) -> None:
    """The caller speaks over an answer and then says nothing for a while."""
    if _turns_have_no_end(probe):
        return
    async with probe.call() as talk:
        cut = await _in_the_middle(probe, talk)
        if cut is None:
            return
        await talk.interrupt()
        await talk.line.listen(await _obeyed_within(probe, talk))
        turns, said = len(talk.turns), len(cut.tokens)
        await talk.line.listen(probe.a_while)
        late = sum(map(bool, cut.tokens[said:])) + sum(
            len(turn.tokens) for turn in talk.turns[turns:]
        )
        if late:
            probe.book.found(rules.RELAY_INTERRUPT_STOPS, f"{late} tokens after an interrupt")
            await talk.settled()
        elif cut.is_open:
            seen = f"the cut turn was still open {probe.a_while:.2f} s later"
            probe.book.found(rules.RELAY_INTERRUPT_CLOSES, seen)
            talk.end_turn(cut)
        await talk.answered(AGAIN, rules.RELAY_INTERRUPT_ANSWERS)


async def interrupt_and_go_on(probe: RelayProbe) -> None:
    """The caller speaks over an answer, and what they say comes at once."""
    if probe.book.has(rules.RELAY_INTERRUPT_STOPS, rules.RELAY_INTERRUPT_CLOSES):
        return  # and that would be seen again here
    if _turns_have_no_end(probe):
        return
    async with probe.call() as talk:
        cut = await _in_the_middle(probe, talk)
        if cut is None:
            return
        before, obeyed = len(talk.turns), await _obeyed_within(probe, talk)
        await talk.interrupt()
        await talk.ask(AGAIN)
        await talk.line.listen(obeyed)
        said = len(cut.tokens)
        await talk.line.until(
            lambda: len(talk.turns) > before or any(cut.tokens[said:]), probe.pace.patience
        )
        if any(cut.tokens[said:]):
            seen = f"glued to the cut turn: {shown(''.join(cut.tokens[said:]))}"
            probe.book.found(rules.RELAY_INTERRUPT_CLOSES, seen)
        elif len(talk.turns) == before:
            talk.unanswered(rules.RELAY_INTERRUPT_ANSWERS)
        await talk.settled()


async def overlap(probe: RelayProbe) -> None:
    """A caller who must not interrupt speaks all the same; then two prompts back to back."""
    if _turns_have_no_end(probe):
        return
    async with probe.call() as talk:
        await _in_the_middle(probe, talk)
        if await talk.answered(AGAIN, rules.RELAY_OVERLAP) is None:
            return
        before = len(talk.turns)
        await talk.ask(HELLO)
        await talk.ask(AGAIN)
        await talk.answer_after(before, rules.RELAY_OVERLAP)


async def keys(probe: RelayProbe) -> None:
    async with probe.call() as talk:
        for digit in "15#*D":
            await talk.say(wire.RelayDtmf(digit))
        await _still_answers(probe, talk)


async def unknown_frames(probe: RelayProbe) -> None:
    async with probe.call() as talk:
        await talk.say_odd(type="eagerEndOfTurn", confidence=0.9)
        await talk.say_odd(type="turnResumed")
        await talk.say_odd(type="somethingNew", payload={"deep": [1, None]})
        await talk.say_odd(type="dtmf", digit="1", duration=120, tool={"a": 1})
        await _still_answers(probe, talk)


async def nulls(probe: RelayProbe) -> None:
    async with probe.silent_call() as talk:
        given = msgspec.to_builtins(talk.setup)
        needed = ("type", "sessionId", "callControlId", "to")  # who answers is told by `to`
        await talk.say_odd(**{key: given[key] if key in needed else None for key in given})
        await probe.hear_out(talk)
        if not probe.book.has(rules.RELAY_INTERRUPT_ANSWERS):
            await talk.say_odd(
                type="interrupt", utteranceUntilInterrupt=None, durationUntilInterruptMs=None
            )
        await talk.say_odd(type="prompt", voicePrompt="Hel", lang=None, last=False)
        await _still_answers(probe, talk)


async def error_frame(probe: RelayProbe) -> None:
    async with probe.call() as talk:
        await talk.say(wire.RelayError("Invalid message: unknown type: probe"))
        await _still_answers(probe, talk)


async def empty_prompt(probe: RelayProbe) -> None:
    async with probe.call() as talk:
        await talk.ask("")
        await talk.ask("   ")
        await talk.line.listen(probe.pace.quiet)
        await talk.settled()
        await _still_answers(probe, talk)


async def long_prompt(probe: RelayProbe) -> None:
    async with probe.call() as talk:
        before = len(talk.turns)
        await talk.ask("and then I said, " * (LONG_PROMPT // 17))
        if not await talk.begun(before):  # its end may be far away: a parrot says it all again
            talk.unanswered(rules.RELAY_LONG)


async def fragments(probe: RelayProbe) -> None:
    async with probe.call() as talk:
        before, text = len(talk.turns), wire.encode(wire.Prompt(HELLO, "en", last=True))
        await talk.line.send([text[:9], text[9:30], text[30:]])
        await talk.answer_after(before, probe.book.scenario.blames)


async def out_of_order(probe: RelayProbe) -> None:
    """What becomes of these two sessions is the endpoint's own affair."""
    async with probe.silent_call(judged=False) as talk:
        await talk.ask(HELLO)
        await talk.line.listen(probe.pace.quiet)
    async with probe.silent_call(judged=False) as talk:
        await talk.say(talk.setup)
        await talk.say(talk.setup)
        await talk.line.listen(probe.pace.quiet)
    await probe.next_is_served(rules.RELAY_ORDER)


async def hang_up(probe: RelayProbe) -> None:
    async with probe.call() as talk:
        await _in_the_middle(probe, talk)
        await talk.line.drop()
    await probe.next_is_served(rules.RELAY_HANG_UP)


async def close(probe: RelayProbe) -> None:
    async with probe.call() as talk:
        if talk.line.ending is None and not await talk.line.close():
            probe.book.found(rules.RELAY_CLOSE, "no close came back")


async def _in_the_middle(probe: RelayProbe, talk: RelayTalk) -> ProbeTurn | None:
    """An answer that is being sent; None, noted as unseen, when it is over too soon."""
    before = len(talk.turns)
    await talk.ask(STORY)
    if not await talk.begun(before):
        talk.unanswered(rules.RELAY_ANSWERS)
        return None
    turn = talk.turns[before]
    if not turn.is_open:
        probe.book.cannot_see("the answer came all at once: there was no middle of it")
        return None
    return turn


def _turns_have_no_end(probe: RelayProbe) -> bool:
    """Then nothing can be said of two turns in a row."""
    if not probe.book.has(rules.RELAY_TURN_CLOSED):
        return False
    probe.book.cannot_see("turns are not closed: where one ends and another begins is not told")
    return True


async def _obeyed_within(probe: RelayProbe, talk: RelayTalk) -> float:
    """What an interrupt takes to reach the endpoint, and its last token to come back."""
    return (await talk.line.ping(probe.pace.patience) or 0.0) + probe.pace.grace


async def _still_answers(probe: RelayProbe, talk: RelayTalk) -> None:
    await talk.answered(AGAIN, probe.book.scenario.blames)


RelayScenario = Callable[[RelayProbe], Awaitable[None]]
RELAY_SCENARIOS: dict[Scenario, RelayScenario] = {
    Scenario("first answer", rules.RELAY_OPENS): first_answer,
    Scenario("silence", rules.RELAY_IDLE): silence,
    Scenario("interim prompts", rules.RELAY_INTERIM): interim_prompts,
    Scenario("interrupt", rules.RELAY_INTERRUPT_ANSWERS): interrupt,
    Scenario("interrupt and go on", rules.RELAY_INTERRUPT_ANSWERS): interrupt_and_go_on,
    Scenario("prompts over answers", rules.RELAY_OVERLAP): overlap,
    Scenario("keys", rules.RELAY_DTMF): keys,
    Scenario("unknown frames", rules.RELAY_UNKNOWN): unknown_frames,
    Scenario("nulls", rules.RELAY_NULLS): nulls,
    Scenario("error frame", rules.RELAY_ERROR): error_frame,
    Scenario("empty prompt", rules.RELAY_EMPTY): empty_prompt,
    Scenario("long prompt", rules.RELAY_LONG): long_prompt,
    Scenario("fragments", rules.RELAY_FRAGMENTS): fragments,
    Scenario("frames out of order", rules.RELAY_ORDER): out_of_order,
    Scenario("hang-up in mid-answer", rules.RELAY_HANG_UP): hang_up,
    Scenario("close", rules.RELAY_CLOSE): close,
}
