"""Bots of language models, against the local server: in virtual time, and by the command that
their first lines give."""

import importlib.util
import json
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from callbridge.bots.llm.settings import ModelSettings
from callbridge.serve import botfile
from callbridge.testing import caller_of, converse, people_of
from tests.callbridge.bots.llm.served import VOICES, model_of
from tests.vendors.openai.chat import ChatServer
from tests.vendors.openai.rules import read_rules

FOLDER = Path(__file__).parents[2] / "examples" / "llm"
WITHIN_S = 120.0  # of a loaded machine; it takes a few seconds


@pytest.mark.parametrize("voice", VOICES)
def test_the_order_desk_looks_it_up_and_hangs_up(
    voice: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = ChatServer(read_rules(FOLDER / "order_desk.rules.json"))
    model = model_of(server)
    monkeypatch.setattr("callbridge.bots.llm.replying.environment_model", cache(lambda: model))
    report = converse(
        botfile.load(str(FOLDER / "order_desk.py")),
        caller_of(FOLDER / "order_desk.json"),
        numbers=people_of(FOLDER / "people.json"),
        voice=voice,
    )
    assert not report.failed
    assert server.refusals == []
    said = " ".join(turn.heard.strip() for turn in report.said)
    assert "It left our house yesterday, and comes tomorrow." in said
    assert said.endswith("You are welcome. Goodbye.")


def test_the_next_prompt_of_a_caller_who_cuts(monkeypatch: pytest.MonkeyPatch) -> None:
    """What `make llm` shows."""
    server = ChatServer(read_rules(FOLDER / "order_desk.rules.json"))
    model = model_of(server)
    monkeypatch.setattr("callbridge.bots.llm.replying.environment_model", cache(lambda: model))
    report = converse(
        botfile.load(str(FOLDER / "order_desk.py")), caller_of(FOLDER / "order_desk_cut.json")
    )
    assert not report.failed
    (cut,) = (turn for turn in report.said if turn.cut)
    heard, note = server.exchanges[1].messages[-2:]
    assert heard == {"role": "assistant", "content": cut.heard.strip()}
    assert note["content"].startswith("[You were cut off here. The caller did not hear: ")
    assert report.tools[0].arguments == {"number": 42}


def test_who_wants_to_buy_is_connected(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    server = ChatServer(read_rules(FOLDER / "order_desk.rules.json"))
    model = model_of(server)
    monkeypatch.setattr("callbridge.bots.llm.replying.environment_model", cache(lambda: model))
    script = json.loads((FOLDER / "order_desk.json").read_text())
    wait, silence = script["steps"][:2]
    script["steps"] = [wait, silence, {"say": "I want to buy a table"}, {"wait": "hangup"}]
    script["expect"] = []
    buys = tmp_path / "buys.json"
    buys.write_text(json.dumps(script))
    report = converse(
        botfile.load(str(FOLDER / "order_desk.py")),
        caller_of(buys),
        numbers=people_of(FOLDER / "people.json"),
    )
    assert report.bridged
    assert report.said[-1].heard == "I connect you with sales."


@pytest.mark.parametrize(
    ("example", "needs"),
    [
        ("with_anything", "openai"),
        ("with_pydantic_ai", "pydantic_ai"),
        ("with_openai_agents", "agents"),
        ("with_langchain", "langchain_openai"),
    ],
)
def test_what_people_have_already_needs_no_adapter(example: str, needs: str) -> None:
    if importlib.util.find_spec(needs) is None:
        pytest.skip(f"{needs} is not installed")
    assert talked(str(FOLDER / f"{example}.py")) == [
        "Good day. How can I help you?",
        "We are open from nine to six.",
        "Goodbye.",
    ]


@pytest.mark.parametrize(("example", "needs"), [("pipecat", "pipecat"), ("livekit", "livekit")])
def test_a_framework_with_ears_and_a_voice_of_its_own(
    example: str, needs: str, tmp_path: Path
) -> None:
    """In real time: it greets, and answers twice."""
    if importlib.util.find_spec(needs) is None:
        pytest.skip(f"{needs} is not installed: see the first line of with_{example}.py")
    server = [sys.executable, "-m", "tests.vendors.openai", "--speech"]
    rules = ["--rules", str(FOLDER / "hours.rules.json")]
    demo = [sys.executable, "-m", "callbridge", "demo", str(FOLDER / f"with_{example}.py")]
    options = ["--caller", str(FOLDER / "hours.json"), "--out", str(tmp_path), "--json"]
    done = subprocess.run(
        [*server, *rules, "--", *demo, *options],
        capture_output=True,
        text=True,
        timeout=WITHIN_S,
        cwd=FOLDER.parents[1],
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_ready_bot_by_its_name() -> None:
    assert talked("callbridge.bots.llm:bot") == ["We are open from nine to six.", "Goodbye."]


def talked(bot: str) -> list[str]:
    """What a bot says in the terminal, with the local server for its model."""
    server = [sys.executable, "-m", "tests.vendors.openai"]
    rules = ["--rules", str(FOLDER / "hours.rules.json")]
    talk = [sys.executable, "-m", "callbridge", "talk", bot, "--fast", "--json"]
    done = subprocess.run(
        [*server, *rules, "--", *talk],
        input="when are you open\nthank you\n",
        capture_output=True,
        text=True,
        timeout=WITHIN_S,
        cwd=FOLDER.parents[1],
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    events = [json.loads(line) for line in done.stdout.splitlines()]
    return [event["text"] for event in events if event["event"] == "answer"]


def test_the_key_that_is_needed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "")
    monkeypatch.setenv("CALLBRIDGE_LLM_MODEL", "any")
    with pytest.raises(Exception, match="OPENAI_API_KEY is not set"):
        ModelSettings.load().chat_model()
    for example in FOLDER.glob("*.py"):
        assert "OPENAI_API_KEY" in example.read_text(), example
