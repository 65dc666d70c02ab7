"""A person at the far end of a leg who carries out a script on the audio clock."""

from callbridge.carrier.audio.playout import TICKS_PER_S, CarrierPlayout
from callbridge.carrier.people.checks import ScriptError
from callbridge.carrier.people.expect import loud
from callbridge.carrier.people.person import Act, HungUp, Pressed, PutOnHold, Situation
from callbridge.carrier.people.script import CallScript
from callbridge.carrier.people.steps import HangUp, Hold, Play, Press, Say, Step, Wait
from telecodecs import Pcm, resample, silence
from telecodecs.dtmf import tones

TONE_TICKS = 5  # 100 ms of tone and as much of pause for every digit
DIGIT_TICKS = 2 * TONE_TICKS


class Caller:
    """Plays a script: `mouth()` before, `listen()` after what was said and heard in a tick."""

    def __init__(self, script: CallScript, sample_rate: int) -> None:
        self._steps = _ready(script.steps)
        self._sample_rate = sample_rate
        self._voice = CarrierPlayout(sample_rate)
        self._keys_sound = script.keys != "events"
        self._index = 0
        self.step = self._at_index()
        self._begun = False  # the step's first move was made
        self._ticks = self._speech_ticks = self._quiet_ticks = 0  # since the step began

    def mouth(self) -> Pcm | None:
        """The next 20 ms of what the caller says, None for silence.

        A pressed key is silent where the network carries keys as events (RFC 4733)."""
        self._voice.finish()
        return self._voice.take()

    def listen(self, now: Situation) -> list[Act]:
        """One tick has passed; carry on with the script as far as it goes."""
        self._ticks += 1
        step = self.step
        if isinstance(step, Wait) and step.event in ("bot_speaking", "bot_silent"):
            self._judge(now.heard)
        acts: list[Act] = []
        while step is not None and self._try(step, now, acts):
            self._enter()
            step = self.step
        return acts

    def _judge(self, heard: Pcm | None) -> None:
        """Only asked for where a step wants to know: it costs more than the rest of a tick."""
        if heard is not None and loud(heard):
            self._speech_ticks += 1
            self._quiet_ticks = 0
        else:
            self._quiet_ticks += 1

    def _at_index(self) -> Step | None:
        return self._steps[self._index] if self._index < len(self._steps) else None

    @property
    def where(self) -> str:
        """The step under way, for messages and the tape."""
        step = self.step
        if step is None:
            return "end of script"
        return f"step {self._index + 1} ({step})"

    @property
    def says(self) -> str:
        """The text of the step under way; empty where it says none."""
        return self.step.text if isinstance(self.step, Say) else ""

    def carry_on(self, steps: tuple[Step, ...]) -> None:
        """More to do, behind what is left."""
        if self.step is None:
            self._ticks = self._speech_ticks = self._quiet_ticks = 0
        self._steps += _ready(steps)
        self.step = self._at_index()

    def left_undone(self) -> str | None:
        """A failure when the call ends now: steps that somebody would miss.

        Waiting for silence, for the end, or hanging up are not missed once the call is over."""
        first = self._index + self._all_pressed
        for number, step in enumerate(self._steps[first:], first + 1):
            harmless = isinstance(step, HangUp) or (
                isinstance(step, Wait) and step.event in ("said", "bot_silent", "hangup")
            )
            if not harmless:
                return f"the call ended before step {number} ({step}) was done"
        return None

    @property
    def _all_pressed(self) -> bool:
        """Whether all that is left of the step is the pause after its last key."""
        if not isinstance(self.step, Press) or not self._begun:
            return False
        return self._ticks >= len(self.step.digits) * DIGIT_TICKS - TONE_TICKS

    def _enter(self) -> None:
        self._index += 1
        self.step = self._at_index()
        self._begun = False
        self._ticks = self._speech_ticks = self._quiet_ticks = 0

    def _try(self, step: Step, now: Situation, acts: list[Act]) -> bool:
        """True when the step is done; may add what it makes the caller do."""
        match step:
            case HangUp():
                return self._hang_up(acts)
            case Wait():
                return self._wait(step, now, acts)
            case _ if not now.answered:  # nobody is there to talk to yet
                return self._wait(Wait("answered"), now, acts)
            case Say() | Play():
                return self._say(step)
            case Press():
                return self._press(step, acts)
            case Hold(on):
                acts.append(PutOnHold(on))
                return True

    def _wait(self, step: Wait, now: Situation, acts: list[Act]) -> bool:
        if self._is_true(step, now):
            return True
        if self._ticks >= step.within_s * TICKS_PER_S:
            why = f"{self.where}: {step.event} did not come in {step.within_s:g} s"
            return self._hang_up(acts, why)
        return False

    def _hang_up(self, acts: list[Act], failure: str | None = None) -> bool:
        acts.append(HungUp(failure))
        self._index = len(self._steps)
        return False

    def _is_true(self, step: Wait, now: Situation) -> bool:
        enough = step.enough_s * TICKS_PER_S
        match step.event:
            case "answered":
                return now.answered
            case "streaming":
                return now.streaming
            case "said":
                return self._voice.idle
            case "bot_speaking":
                return self._speech_ticks > 0 and self._speech_ticks >= enough
            case "bot_silent":
                return self._quiet_ticks > 0 and self._quiet_ticks >= enough
            case "hangup":
                return False

    def _say(self, step: Say | Play) -> bool:
        if not self._begun:
            self._begun = True
            clip = step.sounds_like
            assert clip is not None, "see _ready"
            pcm, rate = clip
            self._voice.put(resample(pcm, rate, self._sample_rate))
            return step.background
        return self._voice.idle

    def _press(self, step: Press, acts: list[Act]) -> bool:
        if not self._begun:
            self._begun, self._ticks = True, 0
            if self._keys_sound:
                self._sound_keys(step.digits)
        elif self._ticks % DIGIT_TICKS == TONE_TICKS and not self._keys_sound:
            acts.append(Pressed(step.digits[self._ticks // DIGIT_TICKS]))
        return self._ticks >= len(step.digits) * DIGIT_TICKS

    def _sound_keys(self, digits: str) -> None:
        samples = TONE_TICKS * self._sample_rate // TICKS_PER_S
        for digit in digits:
            self._voice.put(tones(digit, samples, self._sample_rate))
            self._voice.put(silence(samples))


def _ready(steps: tuple[Step, ...]) -> tuple[Step, ...]:
    """Raises ScriptError for a sound that nobody has fetched."""
    for step in steps:
        if isinstance(step, Say | Play) and step.sounds_like is None:
            raise ScriptError(f"{step} has no sound yet: see with_sounds")
    return steps
