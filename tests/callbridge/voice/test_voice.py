"""Raw media is a voice: the type checker holds the protocol that a second one has to keep."""

from callbridge.voice.audio_voice import AudioVoice
from callbridge.voice.voice import Can, Voice


def as_voice(voice: AudioVoice) -> Voice:
    return voice


def test_raw_media_can_do_all_that_a_voice_may_do() -> None:
    assert AudioVoice.can == Can(frames=True, files=True, marks=True, withhold=True)
