"""The steps of a caller: what they wait for, say, play and press.

A step is checked when it is made. The name of a field in JSON, and what `docs/scripts.md` says of
it, stand with the field; a field without a description is none of JSON's."""

from collections.abc import Callable, Iterable
from typing import Annotated, Any, Literal, cast

import msgspec
import numpy as np
from msgspec import Meta, field
from numpy.typing import NDArray

from callbridge.carrier.people import checks
from callbridge.carrier.people.checks import ScriptError
from callbridge.host.audiofile import Clip
from telecodecs.dtmf import DIGITS

ScriptEvent = Literal["answered", "streaming", "said", "bot_speaking", "bot_silent", "hangup"]
EVENTS: dict[ScriptEvent, str] = {
    "answered": "The call was answered.",
    "streaming": "The media stream has started: from now on the bot hears and is heard.",
    "said": "All that the caller said in the background has been said.",
    "bot_speaking": "So much sound came from the bot since the step began, altogether.",
    "bot_silent": "The bot was silent for so long, without a break, since the step began.",
    "hangup": "Never: the step ends with the call. Whoever waits for it leaves the end to the bot.",
}
WITHIN_S = 30.0
# How many seconds make it true when the script does not say.
DEFAULT_FOR_S: dict[ScriptEvent, float] = {"bot_speaking": 0.2, "bot_silent": 0.6}

AudioLoader = Callable[[str], Clip]
CallerVoice = Callable[[str], Clip]  # a text, spoken

Background = Annotated[
    bool, Meta(description="True to go on with the next step at once, while this one sounds.")
]


class Wait(msgspec.Struct, frozen=True):
    """Wait until something is so. If it is not so in time the script fails and the caller hangs up.

    There is no waiting for a time of day or for so many seconds: a call takes as long as it takes.
    """

    event: Annotated[ScriptEvent, Meta(description="What for: see below.")] = field(name="wait")
    for_s: Annotated[
        float | None, Meta(description="How many seconds of sound, or of silence.")
    ] = field(default=None, name="for")
    within_s: Annotated[float, Meta(description="After how many seconds the script fails.")] = (
        field(default=WITHIN_S, name="within")
    )

    def __post_init__(self) -> None:
        checks.one_of("the event", self.event, EVENTS)
        checks.seconds("within", self.within_s)
        if self.for_s is not None:
            checks.seconds("for", self.for_s)
            if self.event not in DEFAULT_FOR_S:
                raise ScriptError(f"'for' goes with {' and '.join(DEFAULT_FOR_S)} only")

    @property
    def enough_s(self) -> float:
        """How many seconds make it true."""
        return DEFAULT_FOR_S.get(self.event, 0.0) if self.for_s is None else self.for_s

    def __str__(self) -> str:
        return f"wait {self.event}"


class Say(msgspec.Struct, frozen=True, eq=False):
    """Say a text. The next step begins when it was said.

    The carrier says it with espeak-ng (the extra `voice`), a test in virtual time with the voice
    that its bot's recogniser understands to the letter."""

    text: Annotated[str, Meta(description="What is said.")] = field(name="say")
    recording: Annotated[
        str,
        Meta(description="A sound file of it, beside the script: then nobody needs espeak-ng."),
    ] = ""
    background: Background = False
    clip: Clip | None = None  # how it sounds: see `fetch`

    def __post_init__(self) -> None:
        checks.text("say", self.text, "a text")
        if self.recording != "":
            checks.text("recording", self.recording, "the name of a sound file")
        checks.flag("background", self.background)

    def __str__(self) -> str:
        return f"say {self.text!r}"

    @property
    def sounds_like(self) -> Clip | None:
        return self.clip


class Play(msgspec.Struct, frozen=True, eq=False):
    """Play a sound as the caller's voice. The next step begins when it was heard."""

    sound: Annotated[
        str | Clip,
        Meta(
            description="A WAV file (with the extra `audio` also mp3, ogg and flac), relative to "
            "the script; `package:file` is one of an installed package."
        ),
    ] = field(name="play")
    background: Background = False
    start: Annotated[float, Meta(description="From this second of the file on.")] = 0.0
    end: Annotated[float | None, Meta(description="Up to this second of it.")] = None

    def __post_init__(self) -> None:
        checks.flag("background", self.background)
        checks.seconds("start", self.start)
        if self.end is not None:
            checks.seconds("end", self.end)
        if not isinstance(self.sound, Clip):
            checks.text("play", self.sound, "the name of a sound file")
        elif not _is_pcm(self.sound.pcm):
            raise ScriptError("a clip is (n,) int16 samples and their rate")
        elif self.sounds_like is None:
            end = f"{self.end} s" if self.end is not None else "its end"
            raise ScriptError(f"nothing of the sound lies between {self.start} s and {end}")

    def __str__(self) -> str:
        return f"play {self.sound}" if isinstance(self.sound, str) else "play"

    @property
    def sounds_like(self) -> Clip | None:
        if isinstance(self.sound, str):
            return None
        pcm, rate = self.sound
        end = None if self.end is None else round(self.end * rate)
        cut = pcm[round(self.start * rate) : end]
        return Clip(cut, rate) if len(cut) else None


class Press(msgspec.Struct, frozen=True):
    """Press keys, one after the other: 100 ms of each, and as much between them."""

    digits: Annotated[str, Meta(description=f"Keys out of {DIGITS}.")] = field(name="press")

    def __post_init__(self) -> None:
        checks.text("press", self.digits, f"keys out of {DIGITS}")
        if unknown := set(self.digits) - set(DIGITS):
            raise ScriptError(f"'press' is keys out of {DIGITS}, not {min(unknown)!r}")

    def __str__(self) -> str:
        return f"press {self.digits}"


class Hold(msgspec.Struct, frozen=True):
    """Put the other side on hold, as a telephone does, or take it back: until then neither hears
    the other."""

    on: Annotated[bool, Meta(description="`true` to hold, `false` to take back.")] = field(
        name="hold"
    )

    def __post_init__(self) -> None:
        checks.flag("hold", self.on)

    def __str__(self) -> str:
        return "hold" if self.on else "take off hold"


class HangUp(msgspec.Struct, frozen=True):
    """Hang up. Written as `true`. Without it the caller stays on the line."""

    def __str__(self) -> str:
        return "hangup"


Step = Wait | Say | Play | Press | Hold | HangUp
STEPS: dict[str, Callable[..., Step]] = {
    "wait": Wait,
    "say": Say,
    "play": Play,
    "press": Press,
    "hold": Hold,
    "hangup": HangUp,
}


def only_steps(steps: Iterable[object]) -> None:
    """Raises ScriptError for anything else: a class that was not called, most likely."""
    for number, step in enumerate(steps, 1):
        if not isinstance(step, Step):
            raise ScriptError(f"step {number} is no step but {step!r}")


def fetch(
    steps: Iterable[Step], load: AudioLoader, speak: CallerVoice | None = None
) -> tuple[Step, ...]:
    """The steps with their sounds: `load` reads files, `speak` says what has no recording.

    Raises ScriptError, and what the two raise."""
    steps = tuple(steps)
    only_steps(steps)
    ready: list[Step] = []
    for number, step in enumerate(steps, 1):
        try:
            ready.append(_fetched(step, load, speak))
        except ScriptError as error:
            raise ScriptError(f"step {number} ({step}): {error}") from None
    return tuple(ready)


def _fetched(step: Step, load: AudioLoader, speak: CallerVoice | None) -> Step:
    if isinstance(step, Play) and isinstance(step.sound, str):
        return msgspec.structs.replace(step, sound=load(step.sound))
    if isinstance(step, Say) and step.clip is None:
        if step.recording:
            return msgspec.structs.replace(step, clip=load(step.recording))
        if speak is None:
            raise ScriptError(
                "there is no voice to say it with: install the extra callbridge[voice] "
                '(espeak-ng), or add a "recording"'
            )
        return msgspec.structs.replace(step, clip=speak(step.text))
    return step


def _is_pcm(samples: object) -> bool:
    if not isinstance(samples, np.ndarray):
        return False
    array = cast("NDArray[Any]", samples)
    return array.dtype == np.int16 and array.ndim == 1
