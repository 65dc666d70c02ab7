"""Answering machine detection with a recogniser: the words of a greeting, and screenings of calls.

Sounds are those of the line alone: what the recogniser makes of them is a script, in which each
text stands from some second of the call on."""

import numpy as np
import pytest

from callbridge.carrier.config import CarrierConfig
from callbridge.carrier.parts.phrases import PHRASES, passes_on, who_says
from callbridge.carrier.people.script import CallScript, HangUp, Play, Step, Wait
from callbridge.host.audiofile import Clip
from telecodecs import Pcm, silence
from tests.callbridge.carrier.line import Line, tone

CALLEE = "+13125550199"
IOS = "premium_ios_call_screening_detection"
MACHINE = "You have reached John, please leave a message after the tone."
ASKS = "Hi, if you record your name and reason for calling, I'll see if this person is available."
BEEP = tone(400, hz=1000)
LISTENS = Wait("hangup", within_s=1000)


def voice(seconds: float) -> Pcm:
    """As loud and as uneven as speech, and no tone: (n,) int16 at 8 kHz."""
    samples = round(8000 * seconds)
    syllables = 0.6 + 0.4 * np.sin(np.arange(samples) * 2 * np.pi * 4 / 8000)
    return (np.random.default_rng(1).normal(0, 3000, samples) * syllables).astype(np.int16)


def quiet(seconds: float) -> Pcm:
    return silence(round(8000 * seconds))


class ScriptedLine(Line):
    """A callee who says sounds, and a recogniser who understands by a script: (from which second
    on, what text). Its answers take `takes_s`; None for a text is a failure."""

    def __init__(
        self,
        *sounds: Pcm,
        understood: dict[float, str | None],
        takes_s: float = 0.1,
        then: Step = LISTENS,
    ) -> None:
        numbers = {CALLEE: CallScript(steps=(Play(Clip(np.concatenate(sounds), 8000)), then))}
        config = CarrierConfig(webhook_url="http://a/", numbers=numbers, ring_s=0.0)
        super().__init__(config, converses=True)
        self.understood, self.takes_s = understood, takes_s
        self.told: list[tuple[str, str, float]] = []
        self.recognised = 0
        self._answers: list[tuple[float, str, str | None]] = []

    def detect(self, mode: str, seconds: float = 45, **settings: object) -> list[tuple[str, str]]:
        """The events and results of detection."""
        response = self.dial(
            CALLEE, answering_machine_detection=mode, answering_machine_detection_config=settings
        )
        assert response.status == 200, response.body
        for _ in range(round(50 * seconds)):
            seen = len(self.deliveries)
            self.tick()
            self._understand()
            self.told += [
                (
                    event["event_type"].removeprefix("call.machine.premium."),
                    event["payload"]["result"],
                    round(self.now, 2),
                )
                for event in self.events[seen:]
                if event["event_type"].startswith("call.machine.")
            ]
        return [(name, result) for name, result, _ in self.told]

    def _understand(self) -> None:
        for wish in self.to_recognise:
            begins = max(begin for begin in self.understood if begin <= self.now)
            self._answers.append(
                (self.now + self.takes_s, wish.session_id, self.understood[begins])
            )
        self.recognised += len(self.to_recognise)
        self.to_recognise.clear()
        due = [answer for answer in self._answers if answer[0] <= self.now]
        for answer in due:
            self._answers.remove(answer)
            self.switch.recognised(answer[1], answer[2], self.now)
            self.settle()

    def at(self, name: str) -> float:
        """When the first event of a name was told."""
        return next(at for told, _, at in self.told if told == name)


# ---- who it is -----------------------------------------------------------------------------------


def test_words_of_a_machine_decide_before_its_length_does() -> None:
    line = ScriptedLine(quiet(0.5), voice(6), BEEP, quiet(1), understood={0: MACHINE})
    assert line.detect("premium") == [
        ("detection.ended", "machine"),
        ("greeting.ended", "beep_detected"),
    ]
    assert 1.5 < line.at("detection.ended") < 2.0  # and not after 3.5 s of it


def test_without_phrases_the_rules_decide_as_they_do_without_a_recogniser() -> None:
    line = ScriptedLine(quiet(0.5), voice(6), BEEP, quiet(1), understood={0: "lorem ipsum"})
    assert line.detect("premium")[0] == ("detection.ended", "machine")
    assert 4.0 < line.at("detection.ended") < 4.2


def test_a_pause_after_hello_is_shorter_than_after_other_words() -> None:
    times: list[float] = []
    for text in ("Hello?", "Charlie."):
        line = ScriptedLine(quiet(0.5), voice(0.6), quiet(5), understood={0: text})
        assert line.detect("premium", 5) == [("detection.ended", "human_residence")]
        times.append(line.at("detection.ended"))
    assert 0.1 < times[1] - times[0] < 0.2


def test_a_machine_that_pauses_after_a_few_words_is_one_by_its_words() -> None:
    """Where the rules alone take the pause for a person who waits."""
    sounds = (quiet(0.5), voice(1), quiet(3), voice(2), BEEP, quiet(1))
    deaf = ScriptedLine(*sounds, understood={0: None})
    assert deaf.detect("premium") == [("detection.ended", "human_residence")]
    line = ScriptedLine(*sounds, understood={0: "You've reached the Millers."})
    assert line.detect("premium") == [
        ("detection.ended", "machine"),
        ("greeting.ended", "beep_detected"),
    ]


def test_an_office_may_say_more_than_a_home() -> None:
    text = "Good morning, Miller and Company, how can I help you?"
    line = ScriptedLine(quiet(0.5), voice(4.5), quiet(5), understood={0: text})
    assert line.detect("premium", 12) == [("detection.ended", "human_business")]


def test_an_office_that_talks_on_is_a_machine() -> None:
    line = ScriptedLine(quiet(0.5), voice(12), understood={0: "How can I help you?"})
    assert line.detect("premium", 9) == [("detection.ended", "machine")]
    assert line.at("detection.ended") > 7.4


def test_sound_without_words_is_nobody() -> None:
    """Music on hold, which the rules alone take for a person when it pauses."""
    sounds = (quiet(0.5), voice(2), quiet(8))
    assert ScriptedLine(*sounds, understood={0: ""}).detect("premium") == [
        ("detection.ended", "silence")
    ]
    assert ScriptedLine(*sounds, understood={0: None}).detect("premium") == [
        ("detection.ended", "human_business")
    ]


def test_a_slow_recogniser_is_waited_for_but_not_for_ever() -> None:
    sounds = (quiet(0.5), voice(0.8), quiet(8))
    late = ScriptedLine(*sounds, understood={0: MACHINE}, takes_s=1.5)
    assert late.detect("premium", 10)[0] == ("detection.ended", "machine")
    never = ScriptedLine(*sounds, understood={0: MACHINE}, takes_s=60)
    assert never.detect("premium", 10) == [("detection.ended", "human_residence")]
    assert 3.5 < never.at("detection.ended") < 4.0


def test_the_standard_modes_go_by_their_settings_alone() -> None:
    for mode in ("detect", "detect_beep", "detect_words", "greeting_end"):
        line = ScriptedLine(quiet(0.5), voice(0.6), quiet(8), understood={0: MACHINE})
        assert line.detect(mode, 10) == [("call.machine.detection.ended", "human")]
        assert line.recognised == 0


def test_words_count_no_more_when_the_verdict_is_told() -> None:
    line = ScriptedLine(quiet(0.5), voice(10), BEEP, quiet(1), understood={0: MACHINE})
    line.detect("premium", 2)
    asked = line.recognised
    line.tick(500)
    assert line.recognised + len(line.to_recognise) == asked


def test_a_hang_up_leaves_a_recogniser_without_a_listener() -> None:
    line = ScriptedLine(voice(1), quiet(0.4), understood={0: MACHINE}, takes_s=2, then=HangUp())
    assert line.detect("premium", 6) == []
    assert line.recognised == 2
    assert line.event_types()[-1] == "call.hangup"


def test_a_recogniser_is_woken_while_it_rings() -> None:
    """It may have to be loaded, and a greeting does not wait for that."""
    line = ScriptedLine(quiet(5), understood={0: ""})
    for _ in range(2):
        line.dial(CALLEE, answering_machine_detection="premium")
    [wish] = line.to_recognise
    assert not wish.pcm.any()


# ---- a screening of calls ------------------------------------------------------------------------

PICKED_UP: dict[float, str | None] = {0: ASKS, 7: "Thanks. Please stay on the line.", 15: "Hello?"}


def test_a_screening_asks_is_answered_and_passes_on_to_a_person() -> None:
    sounds = (quiet(0.5), voice(4), quiet(4), voice(2), quiet(7), voice(0.6), quiet(2))
    line = ScriptedLine(*sounds, understood=PICKED_UP)
    assert line.detect(IOS) == [
        ("detection.ended", "machine"),
        ("greeting.ended", "prompt_ended"),
        ("call_screening.detected", "screening"),
        ("detection.ended", "human_residence"),
    ]
    assert 5.9 < line.at("greeting.ended") < 6.3  # 1.5 s after its last word
    assert 11.0 < line.at("call_screening.detected") < 11.5  # when it has said so
    assert line.told[-1][2] > 18.0  # and not by the last word of that


def test_a_person_who_picks_up_is_known_where_the_screening_was_not_understood() -> None:
    sounds = (quiet(0.5), voice(4), quiet(4), voice(2), quiet(7), voice(0.6), quiet(2))
    line = ScriptedLine(*sounds, understood=PICKED_UP | {7: "Songs be on a lime."})
    assert line.detect(IOS)[2:] == [
        ("call_screening.detected", "screening"),
        ("detection.ended", "human_residence"),
    ]
    assert line.at("call_screening.detected") > 18.0


def test_the_tone_of_a_screening_takes_the_place_of_the_end_of_its_prompt() -> None:
    sounds = (quiet(0.5), voice(4), BEEP, quiet(8), voice(5), BEEP, quiet(2))
    line = ScriptedLine(*sounds, understood={0: ASKS, 10: MACHINE})
    assert line.detect(IOS) == [
        ("detection.ended", "machine"),
        ("call_screening.detected", "screening"),
        ("detection.ended", "machine"),
        ("greeting.ended", "beep_detected"),
    ]


def test_nobody_picks_up_behind_a_screening() -> None:
    """What is silent then is no silent callee: somebody is being asked."""
    sounds = (quiet(0.5), voice(4), BEEP, quiet(40))
    line = ScriptedLine(*sounds, understood={0: ASKS})
    assert line.detect(IOS, 45)[2:] == [("detection.ended", "not_sure")]
    assert line.at("call_screening.detected") < 6
    assert line.told[-1][2] > 34


def test_a_screening_that_is_not_answered_ends_without_a_word() -> None:
    sounds = (quiet(0.5), voice(4), quiet(40))
    line = ScriptedLine(*sounds, understood={0: ASKS})
    assert line.detect(IOS, 45, prompt_end_timeout_millis=5000) == [
        ("detection.ended", "machine"),
        ("greeting.ended", "prompt_ended"),
    ]
    call = line.payload("call.answered")["call_control_id"]
    leg = line.switch.find(call)
    assert leg is not None
    assert [part.doing for part in leg.parts if "machines" in part.doing] == []


def test_the_words_of_a_prompt_are_waited_for_when_it_ends() -> None:
    """Whether it is a screening's decides whether it can be answered."""
    sounds = (quiet(0.5), voice(4), quiet(4), voice(2), quiet(9))
    line = ScriptedLine(*sounds, understood={0: ASKS, 7: "Stay on the line."}, takes_s=2.2)
    assert line.detect(IOS, 20)[:3] == [
        ("detection.ended", "machine"),
        ("greeting.ended", "prompt_ended"),
        ("call_screening.detected", "screening"),
    ]


def test_a_mailbox_is_no_screening() -> None:
    sounds = (quiet(0.5), voice(4), BEEP, quiet(4))
    line = ScriptedLine(*sounds, understood={0: MACHINE})
    assert line.detect(IOS) == [
        ("detection.ended", "machine"),
        ("greeting.ended", "beep_detected"),
    ]


def test_a_screening_is_a_machine_for_those_who_do_not_ask_for_it() -> None:
    sounds = (quiet(0.5), voice(4), BEEP, quiet(4))
    line = ScriptedLine(*sounds, understood={0: ASKS})
    assert line.detect("premium") == [
        ("detection.ended", "machine"),
        ("greeting.ended", "beep_detected"),
    ]


def test_a_prompt_without_an_end_is_given_up() -> None:
    line = ScriptedLine(quiet(0.5), voice(20), understood={0: ASKS})
    assert line.detect(IOS, 15, prompt_end_timeout_millis=5000) == [
        ("detection.ended", "machine"),
        ("greeting.ended", "no_beep_detected"),
    ]


# ---- phrases -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "speaker"),
    [
        ("Hello?", "person"),
        ("Hello, hello?", "person"),
        ("Yes, good morning.", "person"),
        ("Anna speaking.", "person"),
        ("Who's this?", "person"),
        ("Hallo, guten Tag!", "person"),
        ("Allô ?", "person"),
        ("¿Diga?", "person"),
        ("Hello world.", None),
        ("Charlie.", None),
        ("", None),
        ("Please leave your message after the tone.", "machine"),
        ("You've reached the Millers", "machine"),
        ("the person at extension one two three is unavailable", "machine"),
        ("Hello? Just kidding, leave me a message.", "machine"),
        ("Bitte hinterlassen Sie eine Nachricht nach dem Signalton.", "machine"),
        ("Laissez un message après le bip.", "machine"),
        ("Deje su mensaje después del tono.", "machine"),
        (ASKS, "screening"),
        ("Please record your name after the tone.", "screening"),
        ("voicemails", None),  # whole words
    ],
)
def test_whose_words_they_are(text: str, speaker: str | None) -> None:
    assert who_says(text) == speaker


def test_a_screening_lets_its_caller_wait() -> None:
    assert passes_on("Thanks. Please stay on the line.")
    assert not passes_on(ASKS)


@pytest.mark.parametrize("language", PHRASES)
def test_the_phrases_of_a_language_are_written_as_they_are_compared(language: str) -> None:
    phrases = PHRASES[language]
    for phrase in phrases.machine:
        assert who_says(f"So: {phrase.upper()}!") == "machine", phrase
    for phrase in phrases.screening:
        assert who_says(phrase) == "screening", phrase
    for phrase in phrases.passes_on:
        assert passes_on(phrase), phrase
    for phrase in (*phrases.person, *phrases.greetings.split()):
        assert who_says(phrase) == "person", phrase
