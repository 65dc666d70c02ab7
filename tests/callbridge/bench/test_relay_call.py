"""One call over a relay: prompts out, and what becomes of their answers."""

from typing import cast

import msgspec
import numpy as np
import pytest

from callbridge.bench import relay_call
from callbridge.bench.caller import Notes
from callbridge.bench.relay_call import RelayCall
from callbridge.bench.relay_script import RelayLoad
from callbridge.bench.socket import Client
from callbridge.relay import wire

LOAD = RelayLoad(tokens=2, token_ms=15, every_s=10.0)


class Paper:
    """A socket on which messages stay."""

    def __init__(self) -> None:
        self.messages: list[bytes] = []

    def send(self, data: bytes) -> None:
        self.messages.append(data)


class Line:
    """A call with a clock of its own."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 100.0
        self.notes, self.paper = Notes(), Paper()
        self.call = RelayCall(3, LOAD, self.notes, gone=lambda: None)
        self.call.client = cast(Client, self.paper)
        monkeypatch.setattr(relay_call, "monotonic", lambda: self.now)

    def ask(self) -> None:
        self.call.due = self.now - 0.001
        self.call.send()

    def hear(self, token: str, at: float, *, last: bool = False) -> None:
        self.call.on_text(wire.encode(wire.TextToken(token, last)).encode(), at)


@pytest.fixture
def line(monkeypatch: pytest.MonkeyPatch) -> Line:
    return Line(monkeypatch)


def token(number: int, made_at: float) -> str:
    return f" {number:x}{int(made_at * 1e9) >> 10 & 0xFFFFFF:06x}"


def test_a_prompt_asks_for_its_tokens_under_a_number_of_its_own(line: Line) -> None:
    line.ask()
    line.ask()
    first, second = (msgspec.json.decode(message) for message in line.paper.messages)
    assert first == {
        "type": "prompt",
        "voicePrompt": "Please say 2 tokens, 15 milliseconds apart, number 1",
        "lang": "en",
        "last": True,
    }
    assert second["voicePrompt"].endswith("number 2")
    assert line.notes.sent == 2
    assert list(line.notes.lateness) == pytest.approx([0.001, 0.001])


def test_the_first_token_is_timed_from_its_prompt_and_every_one_from_its_making(
    line: Line,
) -> None:
    line.ask()
    line.hear(token(1, 100.0003), 100.0008)
    line.hear(token(1, 100.0150), 100.0160)
    line.hear("", 100.0161, last=True)
    rows = np.frombuffer(line.notes.echoes.tobytes()).reshape(-1, 3)
    assert rows.tolist() == [[3.0, 1.0, pytest.approx(0.0008)]]
    assert list(line.notes.tokens) == pytest.approx([0.0005, 0.0010], abs=3e-6)
    line.now = 110.0
    line.ask()
    assert (line.notes.lost, line.notes.foreign) == (0, 0)


def test_an_answer_that_is_not_whole_by_the_next_prompt_is_lost(line: Line) -> None:
    line.ask()
    line.hear(token(1, 100.0), 100.001)
    line.hear("", 100.002, last=True)  # one token too few
    line.ask()
    assert line.notes.lost == 1


def test_an_answer_whose_turn_stays_open_is_lost_a_second_after_its_time(line: Line) -> None:
    line.ask()
    line.hear(token(1, 100.0), 100.001)
    line.hear(token(1, 100.0), 100.016)
    line.call.give_up(100.9)
    assert line.notes.lost == 0
    line.call.give_up(101.1)
    assert line.notes.lost == 1
    line.call.give_up(101.2)
    line.ask()
    assert line.notes.lost == 1, "it is counted once"


def test_what_is_no_answer_to_the_last_prompt_is_foreign(line: Line) -> None:
    line.ask()
    line.hear(token(2, 100.0), 100.001)
    line.hear("Hello.", 100.001)
    line.call.on_text(b"not json", 100.001)
    line.call.on_text(wire.encode(wire.EndSession()).encode(), 100.001)
    assert line.notes.foreign == 4
    assert len(line.notes.tokens) == 0
    assert "it said: " in line.call.why_not(5.0)


def test_it_is_greeted_by_a_prompt_that_is_no_part_of_the_load(line: Line) -> None:
    line.call.greet()
    assert b"say 1 tokens" in line.paper.messages[0]
    assert not line.call.answered
    line.hear(token(1, 100.0), 100.001)
    line.hear("", 100.001, last=True)
    assert line.call.answered
    assert line.notes.sent == 0
