"""Who has picked up, by every order in which the platform may tell of it."""

import pytest

from callbridge.calls.pickup import SCREENED, Pickup
from callbridge.control.commands import MachineDetection

VERDICTS = {
    "human": "person",
    "human_residence": "person",
    "human_business": "person",
    "not_sure": "person",
    "silence": "person",
    "a word of next year": "person",
    "machine": "machine",
    "fax_detected": "fax",
}


def told(mode: MachineDetection, *news: str) -> Pickup:
    """After webhooks in this order: `verdict:human`, `greeting:ended`, `screening`."""
    pickup = Pickup(mode)
    for each in news:
        kind, _, result = each.partition(":")
        match kind:
            case "verdict":
                pickup.on_verdict(result)
            case "greeting":
                pickup.on_greeting_ended(result)
            case _:
                pickup.on_screening()
    return pickup


@pytest.mark.parametrize(("result", "who"), VERDICTS.items())
async def test_a_verdict_says_who_it_is(result: str, who: str) -> None:
    pickup = told("premium", f"verdict:{result}")
    assert pickup.known.result() == who
    assert pickup.answered_by == result


@pytest.mark.parametrize("end", ["beep_detected", "ended", "not_sure", "no_beep_detected"])
@pytest.mark.parametrize("order", [1, -1])
async def test_the_verdict_and_the_end_of_the_greeting_come_in_any_order(
    end: str, order: int
) -> None:
    pickup = told("detect_words", *["verdict:machine", f"greeting:{end}"][::order])
    assert pickup.known.result() == "machine"
    assert pickup.answered_by == "machine"
    assert pickup.greeting_over.done()


async def test_a_verdict_does_not_end_the_greeting() -> None:
    assert not told("premium", "verdict:machine").greeting_over.done()


async def test_a_beep_before_any_verdict_is_a_machine() -> None:
    pickup = told("premium", "greeting:beep_detected")
    assert pickup.known.result() == "machine"
    assert pickup.answered_by == "machine"


async def test_webhooks_that_come_twice_change_nothing() -> None:
    news = ["verdict:machine", "greeting:beep_detected"]
    pickup = told("premium", *news, *news)
    assert pickup.known.result() == "machine"


async def test_a_late_verdict_is_seen_and_decides_nothing() -> None:
    pickup = told("premium")
    assert pickup.settle() == "person"
    pickup.on_verdict("machine")
    assert pickup.known.result() == "person"
    assert pickup.answered_by == "machine"


# ---- a telephone that asks who calls ------------------------------------------------------------


@pytest.mark.parametrize(
    ("news", "who", "word"),
    [
        (["verdict:machine", "greeting:prompt_ended"], "person", "screening"),
        (["greeting:prompt_ended"], "person", "screening"),
        (["screening", "verdict:human_residence"], "person", "human_residence"),
        (["verdict:human_residence", "screening"], "person", "human_residence"),
        (["verdict:machine", "screening", "verdict:machine"], "machine", "machine"),
        (["verdict:machine", "greeting:beep_detected"], "machine", "machine"),
        (["screening", "greeting:beep_detected"], "machine", "machine"),
    ],
)
async def test_a_screening_is_answered_and_a_mailbox_behind_it_known(
    news: list[str], who: str, word: str
) -> None:
    pickup = told(SCREENED, *news)
    assert pickup.known.result() == who
    assert pickup.answered_by == word


@pytest.mark.parametrize(("news", "who"), [("verdict:machine", "machine"), ("screening", "person")])
async def test_a_screening_of_which_nothing_more_is_told(news: str, who: str) -> None:
    pickup = told(SCREENED, news)
    assert not pickup.known.done()
    assert pickup.settle() == who
