"""The relay session: legal moves, and turns of ours that are never left open."""

import json
import random
from typing import Any

import pytest

from callbridge.errors import LocalProtocolError, RemoteProtocolError
from callbridge.relay import wire
from callbridge.relay.session import RELAY_MOVES, RelaySession, RelayState
from callbridge.relay.stream import MAX_MALFORMED, RelayStream

SETUP = '{"type":"setup","sessionId":"s","callControlId":"v3:a"}'
PROMPT = '{"type":"prompt","voicePrompt":"hello","lang":"en","last":true}'
FRAMES: dict[str, wire.RelayIncoming] = {
    "setup": wire.Setup("s", "v3:a"),
    "prompt": wire.Prompt("hello"),
    "dtmf": wire.RelayDtmf("1"),
    "interrupt": wire.RelayInterrupt(),
    "error": wire.RelayError("no"),
    "eagerEndOfTurn": wire.EagerEndOfTurn(),
    "turnResumed": wire.TurnResumed(),
}


def talking() -> RelaySession:
    session = RelaySession()
    session.receive(FRAMES["setup"])
    return session


@pytest.mark.parametrize("state", RelayState)
@pytest.mark.parametrize("name", FRAMES)
def test_a_frame_leads_where_the_table_says_or_raises_and_leads_nowhere(
    state: RelayState, name: str
) -> None:
    session = RelaySession()
    session.state = state
    following = RELAY_MOVES[state].get(type(FRAMES[name]))
    if following is None:
        with pytest.raises(RemoteProtocolError, match=name):
            session.receive(FRAMES[name])
        assert session.state is state
        assert session.counts.illegal[name] == 1
    else:
        session.receive(FRAMES[name])
        assert session.state is following


def test_a_turn_is_closed_once() -> None:
    session = talking()
    assert session.close_turn() is None
    session.token("Hel")
    session.token("lo")
    assert json.loads(session.close_turn() or "") == {"type": "text", "token": "", "last": True}
    assert session.close_turn() is None
    assert (session.counts.tokens_out, session.counts.turns_out) == (2, 1)


def test_anything_but_text_comes_behind_the_end_of_an_open_turn() -> None:
    session = talking()
    session.token("Wait.")
    kinds = [json.loads(message) for message in session.send(wire.EndSession())]
    assert [kind["type"] for kind in kinds] == ["text", "end"]
    assert kinds[0]["last"] is True
    assert session.state is RelayState.OVER


def test_nothing_is_sent_before_the_setup_and_after_the_end() -> None:
    session = RelaySession()
    with pytest.raises(LocalProtocolError):
        session.token("a")
    session = talking()
    session.token("a")
    session.lost()
    assert session.close_turn() is None
    with pytest.raises(LocalProtocolError):
        session.send(wire.SendDigits("1"))


# ---- the stream ---------------------------------------------------------------------------------


class Ends:
    """Both ends of a stream: what was sent, what was heard of it, and how it was closed."""

    def __init__(self) -> None:
        self.sent: list[dict[str, Any]] = []
        self.frames: list[wire.RelayIncoming] = []
        self.closed: tuple[int, str] | None = None
        self.stream = RelayStream(self, self)

    def send(self, text: str) -> None:
        self.sent.append(json.loads(text))

    def buffered(self) -> int:
        return 0

    def close(self, code: int, reason: str) -> None:
        self.closed = (code, reason)

    def on_relay_frame(self, frame: wire.RelayIncoming) -> None:
        self.frames.append(frame)


def test_a_second_setup_and_unknown_types_are_counted_and_change_nothing() -> None:
    ends = Ends()
    for text in (SETUP, SETUP, '{"type":"mood"}', PROMPT):
        ends.stream.feed(text)
    assert [type(frame) for frame in ends.frames] == [wire.Setup, wire.Prompt]
    assert ends.closed is None
    tally = ends.stream.tally()
    assert (tally["malformed"], tally["unknown"], tally["relay_frames_in"]) == (1, 1, 2)


def test_a_prompt_before_the_setup_closes_the_socket() -> None:
    ends = Ends()
    ends.stream.feed(PROMPT)
    assert ends.closed is not None
    assert ends.closed[0] == 1002
    ends.stream.feed(SETUP)
    assert ends.frames == []


def test_so_many_bad_frames_in_a_row_close_the_socket_and_a_good_one_begins_anew() -> None:
    ends = Ends()
    ends.stream.feed(SETUP)
    for _ in range(3):
        for _ in range(MAX_MALFORMED - 1):
            ends.stream.feed("rubbish")
        ends.stream.feed(PROMPT)
    assert ends.closed is None
    for _ in range(MAX_MALFORMED):
        ends.stream.feed("rubbish")
    assert ends.closed is not None


def test_a_socket_that_is_closed_in_the_middle_of_a_turn_closes_the_turn_first() -> None:
    ends = Ends()
    ends.stream.feed(SETUP)
    ends.stream.token("Hel")
    ends.stream.close(1000, "bye")
    ends.stream.close(1000, "again")
    assert ends.sent[-1] == {"type": "text", "token": "", "last": True}
    assert ends.closed == (1000, "bye")
    assert not ends.stream.talking


def test_ten_thousand_mangled_frames_raise_nothing() -> None:
    rng = random.Random(3)
    samples = [SETUP, PROMPT, *map(wire.encode, FRAMES.values())]
    for _ in range(200):
        ends = Ends()
        ends.stream.feed(SETUP)
        for _ in range(50):
            characters = list(rng.choice(samples))
            for _ in range(rng.randint(0, 3)):
                characters[rng.randrange(len(characters))] = chr(rng.randrange(1, 0x300))
            ends.stream.feed("".join(characters))
