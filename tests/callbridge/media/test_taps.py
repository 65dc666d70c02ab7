"""Payloads that are handed on as they are: the same sound as that which is decoded."""

import numpy as np
import pytest

from callbridge.media import wire
from callbridge.media.session import MediaSession
from telecodecs import Pcm, codec, silence
from tests.callbridge.media.test_straight_through import arriving, pieces, streaming


def all_heard(made: MediaSession, seed: int) -> Pcm:
    """What is decoded of 200 frames, some of them lost, late or twice."""
    heard: list[Pcm] = [silence(0)]
    for now, frame in arriving(seed):
        heard += pieces(made, frame, now, straight=True)
        for event in made.tick(now):
            heard += [getattr(event, "pcm", silence(0))]
    heard += [getattr(event, "pcm", silence(0)) for event in made.tick(1000.0)]
    return np.concatenate(heard)


@pytest.mark.parametrize("law", ["PCMU", "PCMA"])
@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("wanted", [True, False])
def test_a_tap_gets_what_a_listener_hears(law: str, seed: int, wanted: bool) -> None:
    expected = all_heard(streaming(law), seed)
    tapped: list[bytes] = []
    made = streaming(law)
    made.taps = (tapped.append,)
    made.wanted = wanted
    heard = all_heard(made, seed)
    octets = codec(law).decode(b"".join(tapped))
    assert len(octets) == len(expected)
    # What was made up for the lost is a listener's as samples, and a tap's in octets.
    assert np.array_equal(octets, codec(law).decode(codec(law).encode(expected)))
    assert np.array_equal(heard, expected if wanted else silence(0))


def test_a_listener_who_comes_later_hears_no_hole() -> None:
    """What only a tap has heard was not lost."""
    made = streaming()
    made.taps = (lambda octets: None,)
    heard: list[Pcm] = []
    for chunk in range(1, 6):
        made.wanted = chunk == 5
        frame = wire.Media(wire.MediaBody(bytes(160), "inbound", chunk, 20 * chunk))
        heard = pieces(made, frame, 0.02 * chunk, straight=True)
    assert [len(pcm) for pcm in heard] == [160]
    assert made.concealed == 0
