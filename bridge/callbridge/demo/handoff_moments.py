"""When a handoff came to what: the bot's decision, the ringing, the key, and who left when."""

import msgspec

from callbridge.demo.live import BOT_LEFT
from callbridge.demo.person import JOINED
from callbridge.demo.record import PIECE_S, Record

ERRANDS = ("handoff", "transfer")


class HandoffMoments(msgspec.Struct, frozen=True):
    """`decided_s`: the bot asked for it. None is for what has not happened: nobody accepted, or
    the bot stayed."""

    decided_s: float
    dialled_s: float
    ringing_s: float
    picked_up_s: float
    accepted_s: float | None
    joined_s: float | None
    left_s: float | None
    over_s: float


def moments_of(caller: Record, person: Record, later_s: float) -> HandoffMoments:
    ringing_s = later_s + _state_at(person, "ringing", 0.0)
    dialled_s = min(later_s + person.of("command")[0].at_s, ringing_s)  # one and the same request
    decided = [at_s for at_s in decided_at(caller) if at_s <= dialled_s]
    joined = [entry.at_s for entry in person.of("webhook") if entry.detail["event_type"] in JOINED]
    until_s = joined[0] if joined else person.ends_s
    keys = [entry.at_s for entry in person.of("dtmf") if entry.at_s <= until_s]
    left_s = left_at(caller)
    return HandoffMoments(
        decided_s=max(decided, default=dialled_s),
        dialled_s=dialled_s,
        ringing_s=ringing_s,
        picked_up_s=later_s + (person.facts.answered_at_s or 0.0),
        accepted_s=later_s + keys[-1] if joined and keys else None,
        joined_s=later_s + joined[0] if joined else None,
        left_s=left_s,
        over_s=later_s + _state_at(person, "ended", person.ends_s),
    )


def _state_at(record: Record, state: str, default_s: float) -> float:
    """When a leg came into a state, on its own clock."""
    entered = (entry.at_s for entry in record.of("state") if entry.detail.get("state") == state)
    return next(entered, default_s)


def decided_at(caller: Record) -> list[float]:
    return [
        entry.at_s
        for entry in caller.facts.log
        if entry.kind == "asked" and entry.detail.get("errand") in ERRANDS
    ]


def left_at(record: Record) -> float | None:
    """When the bot left a leg that went on, on the leg's own clock."""
    left = [entry.at_s for kind in BOT_LEFT for entry in record.of(kind)]
    ended_s = _state_at(record, "ended", record.ends_s)
    return next((at_s for at_s in left if at_s < ended_s - PIECE_S), None)
