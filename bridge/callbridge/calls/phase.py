"""The phases of a leg, as a table.

RINGING    it came in and is not answered, or is being dialled
ANSWERED   audio flows, or will: a stream can come, be lost and come back
MUTE       answered, and its stream is lost for good: nothing can be said or heard
RELEASED   handed over: a person talks to the caller, and nothing of ours hangs up
ENDED      call.hangup has come, or the platform says that the call is gone"""

from enum import Enum


class Phase(Enum):
    RINGING = "ringing"
    ANSWERED = "answered"
    MUTE = "mute"
    RELEASED = "released"
    ENDED = "ended"


MOVES: dict[Phase, frozenset[Phase]] = {
    Phase.RINGING: frozenset({Phase.ANSWERED, Phase.MUTE, Phase.RELEASED, Phase.ENDED}),
    Phase.ANSWERED: frozenset({Phase.MUTE, Phase.RELEASED, Phase.ENDED}),
    Phase.MUTE: frozenset({Phase.RELEASED, Phase.ENDED}),
    Phase.RELEASED: frozenset({Phase.ENDED}),
    Phase.ENDED: frozenset(),
}


def drawn() -> str:
    """The table as docs/architecture.md shows it."""
    width = max(len(phase.name) for phase in MOVES)
    return "\n".join(
        f"{phase.name:<{width}} → {', '.join(to.name for to in Phase if to in moves) or '·'}"
        for phase, moves in MOVES.items()
    )
