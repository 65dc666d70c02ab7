"""A carrier in memory with a conference; who says what is known by the level of their voice."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from callbridge.carrier.api.problems import Response
from callbridge.carrier.config import CarrierConfig
from callbridge.carrier.people.script import Play, Wait
from callbridge.host.audiofile import Clip
from telecodecs import Pcm
from tests.callbridge.carrier.line import Line, data

QUIET = {"comfort_noise": False}  # so that samples are exact


class ConferenceLine(Line):
    """Commands go to the conference that was created last."""

    def __init__(self, config: CarrierConfig | None = None, **options: Any) -> None:
        super().__init__(config, **options)
        self.id = ""

    def answered(self, *steps: Any, **script: Any) -> str:
        call = self.ring(*(steps or (Wait("answered"),)), **script)
        assert self.command(call, "answer").status == 200
        return call

    def create(self, call: str, **fields: object) -> dict[str, Any]:
        body = {"call_control_id": call, "name": "support"} | QUIET | fields
        made = data(self.request("POST", "/v2/conferences", body))
        self.id = made["id"]
        return made

    def act(self, action: str, /, **fields: object) -> Response:
        return self.request("POST", f"/v2/conferences/{self.id}/actions/{action}", fields)

    def does(self, action: str, /, **fields: object) -> None:
        response = self.act(action, **fields)
        assert response.body == {"data": {"result": "ok"}}

    def meeting(self, count: int, **fields: object) -> list[str]:
        """So many calls in one conference, the first one created it."""
        calls = [self.answered() for _ in range(count)]
        self.create(calls[0], **fields)
        for call in calls[1:]:
            self.does("join", call_control_id=call)
        return calls

    def get(self, path: str = "") -> Any:
        return data(self.request("GET", f"/v2/conferences/{self.id}{path}"))

    def participants(self, query: str = "") -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.get(f"/participants{query}")
        return found

    def sound(self, pcm: Pcm | None, why: str = "") -> None:
        """The shell answers the oldest wish for a sound."""
        if self.to_speak:
            self.switch.synthesised(self.to_speak.pop(0).speak_id, pcm, self.now)
        else:
            self.switch.fetched(self.to_fetch.pop(0).sound_id, pcm, self.now, why)
        self.settle()

    # ---- who hears what -----------------------------------------------------------------------

    def says(self, call: str, level: int, ms: int = 20, rate: int = 8000) -> None:
        """The caller says one value for so long."""
        leg = self.switch.find(call)
        assert leg is not None
        assert leg.scripted is not None
        clip = Clip(np.full(rate * ms // 1000, level, np.int16), rate)
        leg.scripted.carry_on((Play(clip, background=True),))

    def heard(self, calls: Sequence[str]) -> list[int]:
        """What each of them hears when call n says 10**n: a digit for each speaker."""
        for number, call in enumerate(calls):
            if call not in self.finished:
                self.says(call, 10**number)
        self.tick(2)  # one to open their mouths
        return [self.last(call) for call in calls]

    def last(self, call: str) -> int:
        """The one value of the last 20 ms that a call heard."""
        leg = self.switch.find(call)
        assert leg is not None
        [value] = set(self.report(call).bot[-leg.encoding.sample_rate // 50 :].tolist())
        return int(value)
