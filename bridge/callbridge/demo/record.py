"""What is left of a call, read back: the JSON tape, the stereo WAV, the bridge's log if it is with
the tape (`journal.py`), and what they show.

All times are seconds since the call came in, as on the tape; the audio begins after the answer."""

import math
import wave
from pathlib import Path
from typing import cast

import msgspec
import numpy as np

from callbridge.carrier.core.report import TapeEntry
from callbridge.carrier.people.expect import LOUD
from callbridge.demo.transcript import Answered, Transcript, transcribe
from callbridge.errors import CallbridgeError
from telecodecs import Pcm

PIECE_S = 0.020
PAUSE_S = 0.5  # shorter ones belong to the speech around them
CAUSE_S = 0.5  # a key so long before a clear is what the clear answers


class CallFacts(msgspec.Struct, frozen=True, kw_only=True, rename={"from_": "from"}):
    """The carrier's JSON of a finished call, as far as it is shown."""

    call_control_id: str
    direction: str
    from_: str
    to: str
    state: str
    sample_rate: int
    duration_s: float
    answered_at_s: float | None
    audio_from_s: float | None
    hangup_cause: str | None
    hangup_source: str | None
    marks_returned: int
    marks_cleared: int
    stream_errors: int
    failed: tuple[str, ...]
    tape: tuple[TapeEntry, ...]
    log: tuple[TapeEntry, ...] = ()  # the bridge's

    @property
    def hung_up_by(self) -> str:
        """The bot, the person at the other end, or neither. A call that ends with its conference,
        or with the call that it is bridged with, counts as the bot's doing on the wire."""
        if self.hangup_source not in ("caller", "callee"):
            return "the network"
        bots = "callee" if self.direction == "incoming" else "caller"
        if self.hangup_source != bots:
            return "the caller"
        if self._conference_over:
            return "the conference"
        return "the other call" if self._bridged else "the bot"

    @property
    def _conference_over(self) -> bool:
        """At the very end."""
        ended = [entry.at_s for entry in self.tape if entry.detail.get("state") == "ended"]
        told = [entry for entry in self.tape if entry.kind == "webhook"]
        over = [each.at_s for each in told if each.detail["event_type"] == "conference.ended"]
        return bool(ended and over and ended[0] == over[-1])

    @property
    def _bridged(self) -> bool:
        kinds = [entry.kind for entry in self.tape if entry.kind in ("bridged", "unbridged")]
        return kinds[-1:] == ["bridged"]


class HeardSound(msgspec.Struct, frozen=True):
    start_s: float
    end_s: float


class Interruption(msgspec.Struct, frozen=True):
    """A clear: the key or the speech that caused it, if any did, and when what the bot was saying
    could no longer be heard. What the bot says next does not count."""

    key_s: float | None
    speech_s: float | None
    clear_s: float
    silent_s: float

    @property
    def begin_s(self) -> float:
        causes = (self.key_s, self.speech_s)
        return next((at_s for at_s in causes if at_s is not None), self.clear_s)


class Record(msgspec.Struct, frozen=True, eq=False):
    """`caller` is what the caller said, `bot` what they heard: (n,) int16 from the answer on."""

    facts: CallFacts
    caller: Pcm
    bot: Pcm

    @property
    def audio_from_s(self) -> float:
        return self.facts.audio_from_s or 0.0

    @property
    def ends_s(self) -> float:
        last = self.facts.tape[-1].at_s if self.facts.tape else 0.0
        return max(last, self.audio_from_s + len(self.bot) / self.facts.sample_rate)

    @property
    def relayed(self) -> bool:
        """Whether the platform heard and spoke, so that there are no marks."""
        return bool(self.of("relay started"))

    def of(self, kind: str) -> list[TapeEntry]:
        return [entry for entry in self.facts.tape if entry.kind == kind]

    def sounds(self, track: Pcm) -> list[HeardSound]:
        """The stretches of a track in which something can be heard."""
        rate = self.facts.sample_rate
        step = round(PIECE_S * rate)
        pieces = track[: len(track) // step * step].reshape(-1, step).astype(np.int32)
        found: list[HeardSound] = []
        for index in np.flatnonzero(np.abs(pieces).max(axis=1, initial=0) > LOUD):
            start = self.audio_from_s + float(index) * PIECE_S
            if found and start - found[-1].end_s < PAUSE_S:
                found[-1] = HeardSound(found[-1].start_s, start + PIECE_S)
            else:
                found.append(HeardSound(start, start + PIECE_S))
        return found

    @property
    def transcript(self) -> Transcript:
        told = transcribe(self.facts.log)
        return msgspec.structs.replace(told, answered=tuple(map(self._measured, told.answered)))

    def _measured(self, answer: Answered) -> Answered:
        """An answer on the relay, where the bridge saw the text alone: when the caller fell silent
        before it and heard the answer is in the recording."""
        if answer.since == "voiced":
            return answer
        prompt_s = answer.last_voiced_s
        sent_s = prompt_s + answer.after_s["first_sent"]
        spoken = [each.end_s for each in self.sounds(self.caller) if each.end_s <= prompt_s]
        voiced_s = max(spoken, default=prompt_s)
        after_s = {
            step: prompt_s - voiced_s + after
            for step, after in answer.after_s.items()
            if step != "turn_ended"  # the platform's, and it does not tell
        }
        heard = [each.start_s for each in self.sounds(self.bot) if each.start_s >= sent_s]
        if heard:
            after_s["first_heard"] = heard[0] - voiced_s
        return Answered(answer.text, voiced_s, after_s)

    def interruptions(self) -> list[Interruption]:
        keys = [entry.at_s for entry in self.of("dtmf")]
        transcript = self.transcript
        found: list[Interruption] = []
        cleared_s = -math.inf  # a key is the cause of one clear: the first after it
        for clear in (*self.of("clear"), *self.of("relay interrupted")):
            since_s = max(cleared_s, clear.at_s - CAUSE_S)
            key_s = max((at_s for at_s in keys if since_s < at_s <= clear.at_s), default=None)
            speech_s = transcript.barge_in(clear.at_s)
            if clear.detail.get("by") == "speech":
                speech_s = self._speech_s(clear.at_s)
            begin_s = next(s for s in (key_s, speech_s, clear.at_s) if s is not None)
            silent_s = self._silent_s(begin_s, cast("int", clear.detail["sample"]))
            found.append(Interruption(key_s, speech_s, clear.at_s, silent_s))
            cleared_s = clear.at_s
        return found

    def _speech_s(self, cut_s: float) -> float | None:
        """When the caller's sound began that a relay was cut by."""
        began = [each.start_s for each in self.sounds(self.caller) if each.start_s <= cut_s]
        return max(began, default=None)

    def _silent_s(self, begin_s: float, sample: int) -> float:
        """The end of the last sound from `begin_s` to the sample at which the clear dropped the
        rest; `begin_s` itself when nothing sounded, as between two words."""
        rate = self.facts.sample_rate
        begin = max(0, round((begin_s - self.audio_from_s) * rate))
        sounding = np.flatnonzero(np.abs(self.bot[begin:sample].astype(np.int32)) > LOUD)
        if not len(sounding):
            return begin_s
        return self.audio_from_s + (begin + int(sounding[-1]) + 1) / rate


def read(report: Path, recording: Path) -> Record:
    """Raises CallbridgeError for files that the carrier did not write."""
    try:
        facts = msgspec.json.decode(report.read_bytes(), type=CallFacts)
        with wave.open(str(recording), "rb") as file:
            if (file.getnchannels(), file.getsampwidth()) != (2, 2):
                raise CallbridgeError(f"{recording}: not a stereo recording of 16 bit")
            samples = np.frombuffer(file.readframes(file.getnframes()), "<i2").reshape(-1, 2)
    except (OSError, EOFError, wave.Error, msgspec.DecodeError) as error:
        raise CallbridgeError(f"no record of a call in {report} and {recording}: {error}") from None
    return Record(facts, samples[:, 0].astype(np.int16), samples[:, 1].astype(np.int16))
