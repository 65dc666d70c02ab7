"""Which tones a machine ends its greeting with, and which are a fax's."""

from callbridge.carrier.audio.tone import ToneEnd
from callbridge.carrier.parts.greeting import DetectionSettings

CNG_HZ, CED_HZ, FAX_TOLERANCE_HZ = 1100, 2100, 40  # ITU-T T.30, 4.3
CNG_S, CED_S = 0.4, 1.0
STEADY_SWING = 0.15  # a note of music fades
RINGING_HZ = (380, 500)  # ITU-T E.180 and its supplement 2: the tones of most countries


def is_beep(tone: ToneEnd, settings: DetectionSettings, *, after_words: bool) -> bool:
    """Before anybody has said a word, what sounds like a ringing tone is one."""
    lowest, highest = RINGING_HZ
    return (
        tone.seconds * 1000 >= settings.beep_min_tone_duration_millis
        and settings.beep_min_frequency_hz <= tone.hz <= settings.beep_max_frequency_hz
        and (settings.beep_detection_profile == "freq_only" or tone.swing <= STEADY_SWING)
        and (not settings.beep_spectral_confirmation or _is_pure(tone, settings))
        and (after_words or not lowest <= tone.hz <= highest)
        and not (settings.beep_spectral_reject_fax_cng and is_fax(tone))
    )


def _is_pure(tone: ToneEnd, settings: DetectionSettings) -> bool:
    return tone.purity >= settings.beep_spectral_min_purity


def is_fax(tone: ToneEnd) -> bool:
    calls = abs(tone.hz - CNG_HZ) <= FAX_TOLERANCE_HZ and CNG_S <= tone.seconds <= 0.7
    return calls or is_answering_fax(tone.hz, tone.seconds)


def is_answering_fax(hz: float, seconds: float) -> bool:
    """Also while it still sounds."""
    return abs(hz - CED_HZ) <= FAX_TOLERANCE_HZ and seconds >= CED_S
