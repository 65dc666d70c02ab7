"""A carrier in memory whose files and voices are at hand: what a command plays is there at once."""

from typing import Any

from callbridge.carrier.config import CarrierConfig
from callbridge.carrier.people.script import Press, Step, Wait
from tests.callbridge.carrier.line import Line, sounding, tone

LETTER_MS = 20


class PlayingLine(Line):
    """`files` are how long they sound in ms, by their address or name: a text is a reason why one
    cannot be played, and what is not there is missing. Every letter that is said sounds for 20 ms.
    """

    def __init__(
        self,
        files: "dict[str, int | str] | None" = None,
        *,
        config: CarrierConfig | None = None,
        speaks: bool = True,
    ) -> None:
        super().__init__(config, speaks=speaks)
        self.files = files or {}
        self.fetched: list[str] = []
        self.said: list[str] = []

    def settle(self) -> None:
        super().settle()
        while self.to_fetch or self.to_speak:
            files, self.to_fetch = self.to_fetch, []
            for file in files:
                self._answer(file.sound_id, file.url or file.media_name or file.content.decode())
            speeches, self.to_speak = self.to_speak, []
            for speech in speeches:
                self.said.append(speech.text)
                pcm = tone(LETTER_MS * len(speech.text))
                self.switch.synthesised(speech.speak_id, pcm, self.now)
            super().settle()

    def _answer(self, sound_id: str, name: str) -> None:
        self.fetched.append(name)
        found = self.files.get(name)
        if isinstance(found, int):
            self.switch.fetched(sound_id, tone(found), self.now)
        else:
            why = found or "not there"
            self.switch.fetched(sound_id, None, self.now, why, missing=found is None)

    def answered(self, *steps: Step, **script: Any) -> str:
        call = self.ring(*(steps or (Wait("answered"),)), **script)
        assert self.command(call, "answer").status == 200
        return call

    def does(self, call: str, action: str, /, **fields: object) -> None:
        response = self.command(call, action, **fields)
        assert response.status == 200, response.body

    def press(self, call: str, digits: str) -> None:
        """The caller presses keys from now on, 200 ms each."""
        leg = self.switch.find(call)
        assert leg is not None
        assert leg.scripted is not None
        leg.scripted.carry_on((Press(digits),))

    def heard_ms(self, call: str) -> int:
        return 20 * sum(sounding(self.report(call).bot))

    def told(self, *names: str) -> list[tuple[Any, ...]]:
        """Every event since the answer: its type, and these of its fields where it has them."""
        return [
            (
                event["event_type"].removeprefix("call."),
                *(event["payload"][name] for name in names if name in event["payload"]),
            )
            for event in self.events
            if event["event_type"] not in ("call.initiated", "call.answered")
        ]
