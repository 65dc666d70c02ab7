"""A carrier in memory with a Conversation Relay: its customer reads and writes JSON by hand."""

import json
from collections.abc import Callable
from typing import Any

from callbridge.carrier.people.script import Play, Step, Wait
from callbridge.host.audiofile import Clip
from tests.callbridge.carrier.line import Line, tone

URL = "ws://127.0.0.1:9/relay"
LETTER_MS = 50


class RelayLine(Line):
    """Every letter sounds for 50 ms; what the caller says is understood as `understood`."""

    def __init__(self, **options: Any) -> None:
        super().__init__(converses=True, **options)
        self.understood = "hello"
        self.on_say: Callable[[str], object] = str  # told of each text that is to be spoken

    def relaying(self, *steps: Step, **params: object) -> str:
        """A call that is answered and has a session."""
        call = self.ring(*(steps or (Wait("streaming"),)))
        self.command(call, "answer")
        response = self.command(call, "conversation_relay_start", **{"url": URL} | params)
        assert response.status == 200, response.body
        return call

    def settle(self) -> None:
        super().settle()
        while self.to_say or self.to_recognise:
            for order in self.to_say:
                self.on_say(order.text)
                self.switch.spoken(order.sound_id, words(order.text), self.now)
            for wish in self.to_recognise:
                self.switch.recognised(wish.session_id, self.understood, self.now)
            self.to_say.clear()
            self.to_recognise.clear()
            super().settle()

    def writes(self, kind: str, **fields: object) -> None:
        """The customer sends a frame."""
        self.send(json.dumps({"type": kind} | fields))

    def got(self, kind: str) -> list[dict[str, Any]]:
        """Frames that the customer received, without their type."""
        return [
            {name: value for name, value in frame.items() if name != "type"}
            for frame in self.frames
            if frame["type"] == kind
        ]

    def says(self, call: str, ms: int = 500) -> None:
        """The caller speaks so long, in the background."""
        leg = self.switch.find(call)
        assert leg is not None
        assert leg.scripted is not None
        leg.scripted.carry_on((Play(Clip(tone(ms), 8000), background=True),))

    def heard_ms(self, call: str) -> int:
        """How long something sounded at the caller's."""
        bot = self.report(call).bot
        return 20 * sum(bool(bot[at : at + 160].any()) for at in range(0, len(bot), 160))


def words(text: str) -> list[tuple[str, Any]]:
    pieces = [f"{piece} " for piece in text.split()]
    return [(piece, tone(LETTER_MS * len(piece))) for piece in pieces]
