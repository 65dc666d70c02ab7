"""What may pick up a call: recorded people, greetings, announcements and music, and sounds that are
made here. Material of `benchmarks/detection.py`.

The recordings are the prompts of a telephone exchange, spoken by one woman, and its music on hold:
Debian's packages asterisk-core-sounds-en-wav (CC-BY-SA 3.0) and asterisk-moh-opsound-wav. They are
read where the packages put them and are no part of this repository. What is synthesised is said to
be so in the name of its group."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from callbridge.carrier.audio.ringing import RINGING_TONES
from callbridge.host import audiofile
from callbridge.speech import espeak
from telecodecs import Pcm, g711

RATE = 8000
SOUNDS = Path("/usr/share/asterisk/sounds/en_US_f_Allison")
MUSIC = Path("/usr/share/asterisk/moh")
PACKAGES = "asterisk-core-sounds-en-wav asterisk-moh-opsound-wav"

Wave = NDArray[np.float64]
"""(n,) samples on the scale of int16."""

Expected = Literal["person", "machine", "screening", "fax", "silence", "nobody"]

# One woman's words that are also what people say who pick up, some of them with their name.
PEOPLE = (
    "hello",
    "hello-world",
    "sorry",
    "im-sorry",
    "one-moment-please",
    "phonetic/c_p",  # Charlie
    "phonetic/j_p",  # Juliet
    "phonetic/m_p",  # Mike
    "phonetic/o_p",  # Oscar
    "phonetic/r_p",  # Romeo
    "phonetic/v_p",  # Victor
    "hello phonetic/c_p",
    "hello phonetic/v_p",
)
# In the order in which the exchange's own mailbox speaks them.
VOICEMAIL = (
    "vm-theperson digits/1 digits/2 digits/0 digits/4 vm-isunavail vm-intro",
    "vm-theperson digits/7 digits/3 digits/5 vm-isonphone vm-intro",
    "vm-theperson digits/9 digits/6 digits/1 digits/8 vm-isunavail",
    "vm-nobodyavail vm-intro",
    "vm-nobodyavail",
    "vm-intro",
    "im-sorry vm-nobodyavail vm-intro",
    "hello vm-nobodyavail",
    "phonetic/m_p vm-isunavail vm-intro",
    "followme/sorry vm-intro",
)
ANNOUNCEMENTS = (
    "cannot-complete-as-dialed check-number-dial-again",
    "ss-noservice",
    "all-circuits-busy-now please-try-call-later",
    "number-not-answering please-try-call-later",
    "vm-mailboxfull vm-goodbye",
    "followme/status",
    "privacy-unident",
    "tt-allbusy",
)
MENUS = (
    "basic-pbx-ivr-main",
    "demo-congrats",
    "dir-intro",
    "queue-periodic-announce",
    "conf-getpin",
    "privacy-prompt",
    "demo-thanks",
)
PEOPLE_SPOKEN = (
    "Hello?",
    "Hi, Anna speaking.",
    "Yes?",
    "Miller.",
    "Yeah, who is this?",
    "Good morning, Miller and Company, how can I help you?",
    "Dentist Brown, good afternoon, you are speaking with Jane.",
)
VOICEMAIL_SPOKEN = (
    "Hi, this is John.|I can't come to the phone right now.|Please leave a message after the beep.",
    "You have reached the Millers.|We are not at home.|Leave your name and number, thank you.",
    "Your call has been forwarded to an automatic voice message system.",
    "Hey, it's Anna.|Leave a message.",
    "Hello?|Hello?|Just kidding, I am not here, leave me a message.",
)
SCREENING_SPOKEN = (
    "Hi, if you record your name and reason for calling, I'll see if this person is available.",
    "Before I try to connect you, please say your name and the reason for your call.",
)
BEEPS = ((440.0, 0.5), (1000.0, 0.3), (1400.0, 0.8))  # hertz and seconds, of the voices' machines
# What follows the caller's answer: after 4 s, and after 3 s more.
PASSED_ON_SPOKEN = ("Thanks. Please stay on the line.", "Hello?")
VOICES = ("en-US", "en-GB-x-rp", "en-GB-scotland+f2")


class Pickup(NamedTuple):
    """`ends_s` is when the last word of a greeting ends and `beep_s` when its beep does, both
    counted from the answer."""

    group: str
    name: str
    expected: Expected
    sound: Pcm
    ends_s: float
    beep_s: float | None = None


class LineQuality(NamedTuple):
    name: str
    pause_s: float  # from the answer to the first sound
    gain_db: float
    noise_dbfs: float | None


LINES = (
    LineQuality("clean", 0.4, 0.0, None),
    LineQuality("quiet", 1.0, -12.0, -55.0),
    LineQuality("noisy", 0.2, 0.0, -42.0),
)


def missing(groups: Sequence[str]) -> str:
    """What to install for these groups; empty when their material is there."""
    if not RECORDED.intersection(groups) or (SOUNDS.is_dir() and MUSIC.is_dir()):
        return ""
    return f"the recordings are not there: apt-get install {PACKAGES}"


def prompts(names: str) -> Wave:
    return np.concatenate([_recorded(SOUNDS / f"{name}.wav") for name in names.split()])


def _recorded(file: Path) -> Wave:
    return audiofile.load(file, RATE).astype(np.float64)


def spoken(text: str, voice: str, pause_s: float = 0.6) -> Wave:
    """Synthesised, with a pause at every "|"."""
    pieces: list[Wave] = []
    for sentence in text.split("|"):
        pieces += [espeak.speak(sentence, RATE, voice=voice).astype(np.float64), quiet(pause_s)]
    return np.concatenate(pieces[:-1])


def quiet(seconds: float) -> Wave:
    return np.zeros(round(seconds * RATE))


def sine(hz: float, seconds: float, amplitude: float = 6000.0) -> Wave:
    wave: Wave = amplitude * np.sin(2 * np.pi * hz * np.arange(round(seconds * RATE)) / RATE)
    return wave


def noise(seconds: float, dbfs: float, *, pink: bool = True, seed: int = 1) -> Wave:
    samples = round(seconds * RATE)
    wave = np.random.default_rng(seed).standard_normal(samples)
    if pink:
        spectrum = np.fft.rfft(wave)
        spectrum[1:] /= np.sqrt(np.arange(1, len(spectrum)))
        wave = np.fft.irfft(spectrum, samples)
    scaled: Wave = wave / wave.std() * 32768 * 10 ** (dbfs / 20)
    return scaled


def on_the_line(wave: Wave) -> Pcm:
    """Through mu-law."""
    return g711.decode_ulaw(g711.encode_ulaw(np.clip(wave, -32768, 32767).astype(np.int16)))


def last_loud_s(wave: Wave) -> float:
    """When the last 20 ms end that are loud enough to be a word's."""
    steps = np.abs(wave[: len(wave) // 160 * 160]).reshape(-1, 160).mean(axis=1)
    return (int(np.flatnonzero(steps > 256)[-1]) + 1) * 0.02


# ---- who picks up --------------------------------------------------------------------------------


def pickups(group: str) -> Iterator[Pickup]:
    """All of a group, on all lines."""
    return GROUPS[group](group)


def _said(
    group: str, *, expected: Expected, wording: tuple[str, ...], beep: str = ""
) -> Iterator[Pickup]:
    for names in wording:
        tone = prompts(beep) if beep else quiet(0)
        yield from _on_lines(group, names, expected, prompts(names), tone)


def _synthesised(
    group: str, *, expected: Expected, wording: tuple[str, ...], beeps: bool = False
) -> Iterator[Pickup]:
    for voice, beep in zip(VOICES, BEEPS, strict=True):
        for text in wording:
            tone = sine(*beep) if beeps else quiet(0)
            yield from _on_lines(group, f"{voice}: {text}", expected, spoken(text, voice), tone)


def _screening(group: str) -> Iterator[Pickup]:
    for voice in VOICES:
        waits, person = (spoken(text, voice) for text in PASSED_ON_SPOKEN)
        rest = np.concatenate([quiet(4), waits, quiet(3), person])
        for text in SCREENING_SPOKEN:
            said = spoken(text, voice)
            yield from _on_lines(group, f"{voice}: {text}", "screening", said, quiet(0), rest)


def _on_lines(
    group: str, name: str, expected: Expected, said: Wave, tone: Wave, rest: Wave | None = None
) -> Iterator[Pickup]:
    behind = quiet(0) if rest is None else rest
    for line in LINES:
        gain = 10 ** (line.gain_db / 20)
        wave = np.concatenate([quiet(line.pause_s), gain * said])
        whole = np.concatenate([wave, gain * tone, gain * behind, quiet(6.0)])
        if line.noise_dbfs is not None:
            whole += noise(len(whole) / RATE, line.noise_dbfs)
        yield Pickup(
            group,
            f"{name} ({line.name})",
            expected,
            on_the_line(whole),
            last_loud_s(wave),
            (len(wave) + len(tone)) / RATE if len(tone) else None,
        )


def _fax(group: str) -> Iterator[Pickup]:
    for level in (6000.0, 1500.0):
        calls = np.concatenate([sine(1100, 0.5, level), quiet(3.0)])
        yield _sound(group, f"calls, {level:.0f}", "fax", np.tile(calls, 4), begins_s=0.8)
        answers = sine(2100, 3.0, level)
        yield _sound(group, f"answers, {level:.0f}", "fax", answers, begins_s=0.3)
        turned = answers * (1 - 2 * (np.arange(len(answers)) // round(0.45 * RATE) % 2))
        yield _sound(group, f"answers, turned, {level:.0f}", "fax", turned, begins_s=0.3)


def _ringing(group: str) -> Iterator[Pickup]:
    for country in ("us", "uk", "de", "fr"):
        ring = RINGING_TONES[country].period(RATE).astype(np.float64)
        yield _sound(group, country, "nobody", np.tile(ring, 5))


def _silence(group: str) -> Iterator[Pickup]:
    yield _sound(group, "digital", "silence", quiet(10))
    for dbfs in (-60.0, -48.0):
        yield _sound(group, f"{dbfs:.0f} dBFS", "silence", noise(40, dbfs))


def _noise(group: str) -> Iterator[Pickup]:
    for dbfs in (-38.0, -28.0):
        for colour in ("pink", "white"):
            sound = noise(40, dbfs, pink=colour == "pink")
            yield _sound(group, f"{colour} {dbfs:.0f} dBFS", "nobody", sound)


def _music(group: str) -> Iterator[Pickup]:
    for file in sorted(MUSIC.glob("*.wav")):
        music = _recorded(file)
        for at_s in (0, 20):
            piece = music[at_s * RATE :][: 40 * RATE]
            yield _sound(group, f"{file.stem} from {at_s} s", "nobody", piece)


def _sound(group: str, name: str, expected: Expected, wave: Wave, begins_s: float = 0.0) -> Pickup:
    return Pickup(group, name, expected, on_the_line(np.concatenate([quiet(begins_s), wave])), 0.0)


GROUPS: dict[str, Callable[[str], Iterator[Pickup]]] = {
    "people": partial(_said, expected="person", wording=PEOPLE),
    "people, synthesised": partial(_synthesised, expected="person", wording=PEOPLE_SPOKEN),
    "voicemail": partial(_said, expected="machine", wording=VOICEMAIL, beep="beep"),
    "voicemail, synthesised": partial(
        _synthesised, expected="machine", wording=VOICEMAIL_SPOKEN, beeps=True
    ),
    "announcements": partial(_said, expected="machine", wording=ANNOUNCEMENTS),
    "menus": partial(_said, expected="machine", wording=MENUS),
    "screening, synthesised": _screening,
    "fax": _fax,
    "ringing": _ringing,
    "silence": _silence,
    "noise": _noise,
    "music": _music,
}
RECORDED = {"people", "voicemail", "announcements", "menus", "music"}
