"""Both voices are voices: the type checker holds them to the protocol."""

from callbridge.voice.audio_voice import AudioVoice
from callbridge.voice.relay_voice import RelayVoice
from callbridge.voice.voice import Can, Voice


def as_voice(voice: AudioVoice | RelayVoice) -> Voice:
    return voice


def test_raw_media_can_do_all_that_a_voice_may_do() -> None:
    assert AudioVoice.can == Can(frames=True, files=True, marks=True, withhold=True)


def test_the_relay_is_text_alone() -> None:
    assert RelayVoice.can == Can(frames=False, files=False, marks=False, withhold=False)
