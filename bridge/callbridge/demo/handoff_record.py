"""A handoff with three on the line, read back: what each said, who heard whom, and how soon.

All times are seconds since the caller's call came in, on the person's leg too."""

from collections.abc import Iterable
from functools import cached_property
from typing import Literal

import msgspec
import numpy as np

from callbridge.carrier.people.expect import LOUD
from callbridge.demo.handoff_moments import decided_at, left_at, moments_of
from callbridge.demo.record import PIECE_S, Record
from callbridge.demo.transcript import SpokenWords
from telecodecs import Pcm, resample

Party = Literal["caller", "bot", "person"]
Audible = Literal["caller", "bot", "person", "music"]

LINES_HZ = 8000
SOON_S = 0.2  # what one of them causes has happened to the other


class Hearing(msgspec.Struct, frozen=True):
    """Who hears whom, and how long."""

    who: Party
    whom: Audible
    start_s: float
    end_s: float


class HandoffFigures(msgspec.Struct, frozen=True):
    """Where the time went from the decision until the two heard each other.

    `dial_s` and `join_s` are ours: until the number was dialled, and from the key on. The rest is
    the telephone's ringing and the person's listening and deciding. A bot that asks in its own way
    takes the call for them at a time that nobody else knows: then `join_s` is None."""

    dial_s: float
    rings_s: float
    listens_s: float
    join_s: float | None
    silence_s: float  # the longest one of the caller, until the person's first sound

    @property
    def ours_s(self) -> float:
        return self.dial_s + (self.join_s or 0.0)

    @property
    def total_s(self) -> float:
        return self.ours_s + self.rings_s + self.listens_s


class HandoffTrack(msgspec.Struct, frozen=True, eq=False):
    """(n,) int16 of one who speaks, from a time on."""

    pcm: Pcm
    rate: int
    from_s: float

    def cut(self, start_s: float, end_s: float) -> "HandoffTrack":
        start, end = (max(0, round((at - self.from_s) * self.rate)) for at in (start_s, end_s))
        return HandoffTrack(self.pcm[start:end], self.rate, self.from_s + start / self.rate)


class HandedRecord:
    """Both legs of a handoff. `later_s`: the person's leg began so long after the caller's."""

    def __init__(self, caller: Record, person: Record, later_s: float) -> None:
        self.caller, self.person, self.later_s = caller, person, later_s
        self.moments = moments_of(caller, person, later_s)

    @property
    def ends_s(self) -> float:
        return max(self.caller.ends_s, self.person.ends_s + self.later_s)

    @property
    def from_s(self) -> dict[Party, float]:
        """From when on something of a leg can be heard; the bot's is the caller's."""
        caller = self.caller.audio_from_s
        return {"caller": caller, "bot": caller, "person": self.person.audio_from_s + self.later_s}

    @property
    def keys(self) -> list[tuple[float, str]]:
        """When the person pressed which."""
        pressed = self.person.of("dtmf")
        return [(entry.at_s + self.later_s, str(entry.detail["digit"])) for entry in pressed]

    @property
    def over_by(self) -> Party:
        """Who hung up on the others."""
        if self.person.facts.hangup_source == "callee":
            return "person"
        went = self.caller.facts.hangup_source == "caller"
        return "caller" if went and self.caller.ends_s < self.moments.over_s + SOON_S else "bot"

    # ---- words ----------------------------------------------------------------------------------

    @cached_property
    def caller_said(self) -> list[SpokenWords]:
        return _said(self.caller, 0.0)

    @cached_property
    def told_caller(self) -> list[SpokenWords]:
        return list(self.caller.transcript.bot)

    @cached_property
    def told_person(self) -> list[SpokenWords]:
        return [_later(words, self.later_s) for words in self.person.transcript.bot]

    @cached_property
    def person_said(self) -> list[SpokenWords]:
        return _said(self.person, self.later_s)

    # ---- sound ----------------------------------------------------------------------------------

    @property
    def caller_track(self) -> HandoffTrack:
        return self._track("caller", self.caller.caller)

    @property
    def person_track(self) -> HandoffTrack:
        return self._track("person", self.person.caller)

    def heard(self, who: Literal["caller", "person"], whom: Audible) -> list[HandoffTrack]:
        """As they heard it: a piece for every time."""
        track = self._track(who, (self.person if who == "person" else self.caller).bot)
        return [
            track.cut(each.start_s, each.end_s)
            for each in self.hearings
            if (each.who, each.whom) == (who, whom)
        ]

    def _track(self, leg: Party, pcm: Pcm) -> HandoffTrack:
        record = self.person if leg == "person" else self.caller
        return HandoffTrack(pcm, record.facts.sample_rate, self.from_s[leg])

    def both_lines(self) -> tuple[Pcm, Pcm]:
        """What is on each line, at LINES_HZ from the time the call came in: the caller's, then the
        person's."""
        caller = _mixed(self.caller.caller, self.caller.bot)
        person = _mixed(self.person.caller, self.person.bot)
        return (
            _placed(self._track("caller", caller), self.ends_s),
            _placed(self._track("person", person), self.ends_s),
        )

    # ---- who hears whom -------------------------------------------------------------------------

    @cached_property
    def hearings(self) -> tuple[Hearing, ...]:
        """In order of who, and of time. A bot hears a leg as long as its stream goes on."""
        moments, ends_s = self.moments, self.caller.ends_s
        together_s = moments.joined_s or moments.over_s
        waits: Audible = "bot" if self._talks_on else "music"
        bot_hears_person_s = left_at(self.person)
        found = [
            Hearing("caller", "bot", self.from_s["caller"], moments.decided_s),
            Hearing("caller", waits, moments.decided_s, together_s),
            Hearing("bot", "caller", self.from_s["bot"], moments.left_s or ends_s),
            Hearing(
                "bot",
                "person",
                self.from_s["person"],
                moments.over_s if bot_hears_person_s is None
                else bot_hears_person_s + self.later_s,
            ),
            Hearing("person", "bot", self.from_s["person"], together_s),
        ]  # fmt: skip
        if moments.left_s is None:
            found.append(Hearing("caller", "bot", moments.over_s, ends_s))
        if moments.joined_s is not None:
            over_s = min(moments.over_s, ends_s)
            found += [
                Hearing("caller", "person", moments.joined_s, over_s),
                Hearing("person", "caller", moments.joined_s, over_s),
            ]
        order = ("caller", "bot", "person")
        real = (each for each in found if each.end_s - each.start_s > PIECE_S)
        return tuple(sorted(real, key=lambda each: (order.index(each.who), each.start_s)))

    @property
    def _talks_on(self) -> bool:
        """Whether the bot says something to the caller who waits."""
        until_s = self.moments.joined_s or self.moments.over_s
        return any(self.moments.decided_s < words.start_s < until_s for words in self.told_caller)

    # ---- figures --------------------------------------------------------------------------------

    @property
    def figures(self) -> HandoffFigures | None:
        """None when nobody accepted."""
        moments = self.moments
        if moments.joined_s is None:
            return None
        accepted_s = moments.accepted_s
        return HandoffFigures(
            dial_s=moments.dialled_s - moments.decided_s,
            rings_s=moments.picked_up_s - moments.ringing_s,
            listens_s=(accepted_s or moments.joined_s) - moments.picked_up_s,
            join_s=None if accepted_s is None else moments.joined_s - accepted_s,
            silence_s=self._silence_s(moments.decided_s, moments.joined_s),
        )

    def _silence_s(self, since_s: float, joined_s: float) -> float:
        """The longest one of the caller, from then to the first sound of the person."""
        rate = self.caller.facts.sample_rate
        step = round(PIECE_S * rate)
        start, joined = (
            max(0, round((at - self.from_s["caller"]) * rate)) // step for at in (since_s, joined_s)
        )
        pcm = self.caller.bot[: len(self.caller.bot) // step * step]
        pieces = np.abs(pcm.reshape(-1, step).astype(np.int32)).max(axis=1, initial=0) > LOUD
        person = np.flatnonzero(pieces[joined:])
        end = joined + int(person[0]) if len(person) else len(pieces)
        loud = np.flatnonzero(pieces[start:end])
        gaps = np.diff(np.concatenate(([-1], loud, [end - start]))) - 1
        return float(gaps.max(initial=0)) * PIECE_S


def find(caller: Record, others: Iterable[tuple[Record, float]]) -> HandedRecord | None:
    """The caller with whoever was joined with them, else with whoever picked up first; None where
    nobody was handed to anybody. `others`: each dialled leg, and how much later it began."""
    if not decided_at(caller):
        return None
    picked_up = [
        HandedRecord(caller, person, later_s)
        for person, later_s in others
        if person.of("command") and person.facts.answered_at_s is not None
    ]
    picked_up.sort(key=lambda each: (each.moments.joined_s is None, each.moments.picked_up_s))
    return picked_up[0] if picked_up else None


# ---- words --------------------------------------------------------------------------------------


def _said(record: Record, later_s: float) -> list[SpokenWords]:
    """As the bot has understood it; in the words of the script where no bot was there to hear."""
    left_s = left_at(record)
    unheard = [] if left_s is None else _scripted(record, left_s)
    return [_later(words, later_s) for words in (*record.transcript.caller, *unheard)]


def _scripted(record: Record, since_s: float) -> list[SpokenWords]:
    """A text is said until the next step begins, or the call ends."""
    steps = record.of("script")
    times = [*(entry.at_s for entry in steps), record.ends_s]
    return [
        SpokenWords(entry.at_s, end_s, str(entry.detail["says"]))
        for entry, end_s in zip(steps, times[1:], strict=True)
        if end_s > since_s and "says" in entry.detail
    ]


def _later(words: SpokenWords, by_s: float) -> SpokenWords:
    return msgspec.structs.replace(words, start_s=words.start_s + by_s, end_s=words.end_s + by_s)


# ---- sound --------------------------------------------------------------------------------------


def _mixed(one: Pcm, other: Pcm) -> Pcm:
    mixed: Pcm = np.clip(one.astype(np.int32) + other, -32768, 32767).astype(np.int16)
    return mixed


def _placed(track: HandoffTrack, ends_s: float) -> Pcm:
    """At its place in a track that begins when the call came in."""
    placed = np.zeros(round(ends_s * LINES_HZ), np.int16)
    start = round(track.from_s * LINES_HZ)
    pcm = resample(track.pcm, track.rate, LINES_HZ)[: len(placed) - start]
    placed[start : start + len(pcm)] = pcm
    return placed
