"""Commands and hang-ups in any order: nothing breaks, what began has ended, nothing is left."""

import random
from collections import Counter
from collections.abc import Callable

import pytest

from callbridge.carrier.config import CarrierConfig
from callbridge.carrier.people.script import CallScript, HangUp, Wait
from tests.callbridge.carrier.conferences.conference_line import ConferenceLine
from tests.callbridge.carrier.line import tone

BOB, CAROL = "+13125550199", "+13125550198"
NUMBERS = {
    BOB: CallScript(steps=(Wait("answered"),)),
    CAROL: CallScript(steps=(Wait("answered"), Wait("bot_silent", for_s=0.1), HangUp())),
}
URL = "http://files.example/a.wav"


class Storm(ConferenceLine):
    """Customers, callers and the shell do what a die says; some of it is refused."""

    def __init__(self, seed: int) -> None:
        config = CarrierConfig(webhook_url="http://app/", numbers=NUMBERS, ring_s=0.1)
        super().__init__(config, speaks=True)
        self.dice = random.Random(seed)
        self.calls: list[str] = []
        self.ids: list[str] = ["unknown"]
        self.answers: Counter[int] = Counter()

    def blow(self) -> None:
        moves: dict[Callable[[], object], int] = {
            self.ring_in: 8,
            self.convene: 4,
            self.join: 8,
            self.do_something: 12,
            self.end: 1,
            self.on_the_leg: 2,
            self.dial_in: 1,
            self.hang_up: 1,
            self.answer_for_the_shell: 8,
            self.some_ticks: 6,
        }
        [move] = self.dice.choices(list(moves), list(moves.values()))
        move()

    def some(self) -> str:
        """A call, as a rule one that goes on."""
        living = [call for call in self.calls if call not in self.finished]
        return self.dice.choice(living[-12:] or ["v3:nobody"])

    def some_of_them(self) -> list[str]:
        """Of those who are in the conference, and now and then of those who are not."""
        found = self.request("GET", f"/v2/conferences/{self.id}/participants").body.get("data")
        those: list[str] = [each["call_control_id"] for each in found or ()]  # type: ignore[attr-defined]
        return self.dice.sample(those, self.dice.randrange(len(those) + 1)) + [
            self.some() for _ in range(self.dice.random() < 0.1)
        ]

    def yes(self) -> bool:
        return self.dice.random() < 0.3

    def ring_in(self) -> None:
        self.calls.append(self.answered())

    def convene(self) -> None:
        body = {
            "call_control_id": self.some(),
            "name": self.dice.choice("ab"),
            "beep_enabled": "always",
            "start_conference_on_create": not self.yes(),
            "hold_audio_url": URL,
        }
        response = self.request("POST", "/v2/conferences", body)
        self.answers[response.status] += 1
        if response.status == 200:
            self.ids.append(self.payload("conference.created")["conference_id"])

    def post(self, action: str, /, **fields: object) -> None:
        self.answers[self.act(action, **fields).status] += 1

    def end(self) -> None:
        self.post("end")

    def join(self) -> None:
        self.id = self.dice.choice(self.ids[-2:])
        self.post(
            "join",
            call_control_id=self.some(),
            end_conference_on_exit=self.yes() and self.yes(),
            soft_end_conference_on_exit=self.yes() and self.yes(),
            start_conference_on_enter=self.yes(),
            hold=self.yes(),
            hold_audio_url=URL,
            mute=self.yes(),
            supervisor_role=self.dice.choice(["none", "barge", "monitor", "whisper"]),
            whisper_call_control_ids=self.some_of_them(),
        )

    def do_something(self) -> None:
        self.id = self.dice.choice(self.ids[-2:])
        action = self.dice.choice(
            ["leave", "mute", "unmute", "hold", "unhold", "play", "speak", "stop", "update"]
        )
        self.post(
            action,
            call_control_id=self.some(),
            call_control_ids=self.some_of_them(),
            audio_url=URL,
            payload="hello",
            voice="female",
            supervisor_role="whisper",
            loop=self.dice.choice([1, 3, "infinity"]),
        )

    def on_the_leg(self) -> None:
        action = self.dice.choice(["hangup", "transfer", "speak", "send_dtmf"])
        fields = {"to": self.dice.choice([BOB, CAROL]), "payload": "hello", "voice": "female"}
        self.command(self.some(), action, digits="1", **fields)

    def dial_in(self) -> None:
        into = {"conference_name": self.dice.choice("abcd"), "end_conference_on_exit": self.yes()}
        self.dial(self.dice.choice([BOB, CAROL]), conference_config=into)
        self.calls.append(self.payload("call.initiated")["call_control_id"])

    def hang_up(self) -> None:
        call = self.some()
        if call in self.calls:
            self.switch.hang_up(call, self.now)
            self.settle()

    def answer_for_the_shell(self) -> None:
        if self.to_speak or self.to_fetch:
            self.sound(None if self.yes() else tone(self.dice.randrange(0, 300)))

    def some_ticks(self) -> None:
        self.tick(self.dice.randrange(1, 20))


@pytest.mark.parametrize("seed", range(6))
def test_a_storm_leaves_nothing_behind(seed: int) -> None:
    storm = Storm(seed)
    for _ in range(600):
        storm.blow()
    assert storm.answers[200] > 50  # not everything was refused
    assert storm.answers.keys() <= {200, 400, 404, 422}
    storm.switch.shut_down(storm.now)
    storm.settle()
    told = Counter(event["event_type"] for event in storm.events)
    assert told["conference.created"] == told["conference.ended"] > 3
    assert told["conference.participant.joined"] == told["conference.participant.left"] > 10
    for sound in ("playback", "speak"):
        for whose in ("conference", "conference.participant"):
            assert told[f"{whose}.{sound}.started"] <= told[f"{whose}.{sound}.ended"]
    assert not storm.switch._exchange._rooms  # pyright: ignore[reportPrivateUsage]
    assert not storm.switch._conferences._live  # pyright: ignore[reportPrivateUsage]
    while storm.to_speak or storm.to_fetch:
        storm.sound(tone(20))
    assert not storm.switch._sounds._waiting  # pyright: ignore[reportPrivateUsage]
