"""The menu out of a file, in virtual time: keys, speech, misses, and where each choice leads."""

import io
import json
import wave
from pathlib import Path

import ivr
import pytest
from menu import load

from callbridge.carrier.config import Behaviour, CarrierConfig
from callbridge.carrier.people.script import Step
from callbridge.testing import (
    CallScript,
    Conversation,
    HangUp,
    Pair,
    Press,
    Wait,
    caller,
    caller_of,
    converse,
    people_of,
    run,
    says,
    tone,
)

SALES, DESK, AGENT_LINE = "+13125550199", "+13125550198", "+13125550101"
FIRST = ivr.PHONE.menu.prompt
EXAMPLE = Path(ivr.__file__).with_name("menu.json")
OPTIONS = ivr.PHONE.menu.options

ORDERS = "For a new order, press 1. To ask about an order, press 2. To go back, press star."

HEARD = Wait("bot_silent", 1.0)
ENDS = Wait("hangup", within_s=120)
TALKS = CallScript(steps=(Wait("answered"), says(tone(2.0, 300.0)), HangUp()))
TAKES_IT = CallScript(
    steps=(
        Wait("answered"),
        Wait("bot_silent", 1.0),
        Press("1"),
        Wait("bot_silent", 0.5),
        says(tone(2.0, 300.0)),
        HangUp(),
    )
)
AGENT = caller(Wait("bot_speaking", 30.0), HangUp(), to=AGENT_LINE)


@pytest.fixture(autouse=True)
def folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Where messages are kept."""
    monkeypatch.setattr(ivr, "VOICEMAIL", tmp_path / "voicemail")
    return tmp_path / "voicemail"


def ring(*steps: Step, agent: CallScript | None = None, **people: Behaviour) -> Conversation:
    """Hear the menu and do these steps; SALES and DESK are busy unless they are given."""
    calls: list[Conversation] = []
    numbers: dict[str, Behaviour] = {
        SALES: people.get("sales", "busy"),
        DESK: people.get("desk", "busy"),
    }

    async def whole() -> None:
        config = CarrierConfig(webhook_url="http://127.0.0.1:9/webhooks", numbers=numbers)
        pair = Pair(ivr.app, config)
        if agent is not None:
            pair.place(agent)
        calls.append(await pair.call(caller(*steps)))
        await pair.close()

    run(whole())
    return calls[0]


def said(call: Conversation) -> list[str]:
    return [turn.text for turn in call.said]


# ---- what callers do ----------------------------------------------------------------------------


def test_a_key_chooses_and_the_menu_comes_again() -> None:
    hours = OPTIONS["2"].say
    assert said(ring(HEARD, Press("2"), HEARD, Press("9"), ENDS)) == [
        FIRST, hours, FIRST, "Goodbye.",
    ]  # fmt: skip


def test_words_choose_as_keys_do() -> None:
    report = ring(HEARD, says("When are you open?"), HEARD, HangUp())
    assert said(report)[:2] == [FIRST, OPTIONS["2"].say]


def test_a_menu_in_a_menu_and_back() -> None:
    report = ring(HEARD, Press("1"), HEARD, Press("*"), HEARD, Press("#"), HEARD, HangUp())
    assert said(report) == [FIRST, ORDERS, FIRST, FIRST]


def test_what_is_no_choice_is_told_so_and_at_last_given_to_a_person() -> None:
    report = ring(HEARD, Press("7"), HEARD, says("Bananas?"), HEARD, Press("8"), ENDS, desk=TALKS)
    invalid = ivr.PHONE.invalid.say
    assert said(report) == [FIRST, invalid, FIRST, invalid, FIRST, ivr.PHONE.give_up.say]
    assert report.bridged


def test_a_caller_who_says_nothing_and_whom_nobody_takes_is_hung_up() -> None:
    report = ring(ENDS)
    silent = ivr.PHONE.no_input.say
    last = [ivr.PHONE.give_up.say, ivr.PHONE.unavailable]
    assert said(report) == [FIRST, silent, FIRST, silent, FIRST, *last]
    assert report.hangup_source == "callee"


def test_a_transfer_that_nobody_takes_leads_back_to_its_menu() -> None:
    report = ring(HEARD, Press("1"), HEARD, Press("1"), Wait("bot_speaking", 1), HEARD, HangUp())
    assert said(report)[2:] == [ivr.PHONE.unavailable, ORDERS]
    assert not report.bridged


def test_a_transfer_connects() -> None:
    assert ring(HEARD, Press("1"), HEARD, says("A new one."), ENDS, sales=TALKS).bridged


def test_whoever_is_handed_a_call_presses_a_key_to_take_it() -> None:
    report = ring(HEARD, Press("0"), ENDS, desk=TAKES_IT)
    assert said(report) == [FIRST, "One moment, please."]
    assert not report.failed


def test_an_agent_takes_the_caller_who_waits() -> None:
    report = ring(HEARD, Press("1"), HEARD, Press("2"), ENDS, agent=AGENT)
    assert report.bridged


def test_a_message_is_kept_as_a_file(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "ivr")
    words = tone(2.0, 500.0)
    ring(HEARD, Press("3"), HEARD, says(words), Press("5"), ENDS)
    (file,) = folder.iterdir()
    with wave.open(io.BytesIO(file.read_bytes())) as wav:
        assert wav.getnframes() / wav.getframerate() > 2.0
    assert f"a message of +13125550123: {file}" in caplog.messages


def test_who_hangs_up_ends_their_message_by_that(folder: Path) -> None:
    ring(HEARD, Press("3"), HEARD, says(tone(2.0, 500.0)), HangUp())
    assert len(list(folder.iterdir())) == 1


def test_the_caller_of_readme_hears_the_hours_and_orders() -> None:
    people = people_of(EXAMPLE.with_name("people.json"))
    report = converse(ivr.app, caller_of(EXAMPLE.with_name("ivr.json")), numbers=people)
    assert not report.failed
    assert [turn.text for turn in report.heard] == ["I would like to order something."]


# ---- files --------------------------------------------------------------------------------------


def written(folder: Path, *changes: tuple[str, object]) -> Path:
    """The example's menu with other values at these places."""
    content = json.loads(EXAMPLE.read_text())
    for place, value in changes:
        *path, last = place.split(".")
        part = content
        for name in path:
            part = part[name]
        part[last] = value
    file = folder / "menu.json"
    file.write_text(json.dumps(content))
    return file


@pytest.mark.parametrize(
    ("place", "value", "told"),
    [
        (
            "menu.options.1.options.1.to",
            "12",
            r"menu\.options\.1\.menu\.options\.1\.transfer\.to: ",
        ),
        ("menu.options.1.options", {}, r"menu\.options\.1\.menu\.options: "),
        ("menu.options.2.action", "sey", r"menu\.options\.2: .*'sey'"),
        ("menu.options.2.wrds", [], r"menu\.options\.2\.say\.wrds: "),
        ("menu.options.12", {"action": "back"}, r"menu\.options\.12\."),
        ("menu.options.2.words", ["Orders"], r"menu\.options: .*'orders' "),
        ("give_up.action", "menu", r"give_up: .*'menu'"),
        ("no_input.limit", 0, r"no_input\.limit: "),
    ],
)
def test_a_mistake_is_told_with_its_place(
    tmp_path: Path, place: str, value: object, told: str
) -> None:
    with pytest.raises(ValueError, match=rf"menu\.json: {told}"):
        load(written(tmp_path, (place, value)))


def test_several_mistakes_are_told_at_once(tmp_path: Path) -> None:
    file = written(tmp_path, ("timeout", 0), ("unavailable", ""))
    with pytest.raises(ValueError, match=r"timeout: .*; unavailable: "):
        load(file)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('{"menu": {}\n "timeout": 3}', "line 2 column 2"),
        ('{"menu": {"options": {"1": {}, "1": {}, "2": {}}}}', "'1' is there 2 times beside 1, 2"),
    ],
)
def test_what_is_no_json_is_told_with_its_place(tmp_path: Path, text: str, told: str) -> None:
    file = tmp_path / "menu.json"
    file.write_text(text)
    with pytest.raises(ValueError, match=told):
        load(file)
