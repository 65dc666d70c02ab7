"""The ready bot: a prompt in a file, the name of a model, a key, and no code."""

from pathlib import Path

import pytest

from callbridge import App, SettingsError
from callbridge.bots import llm
from callbridge.bots.llm.settings import ModelSettings
from callbridge.serve import botfile
from callbridge.testing import Wait, caller, converse, says
from tests.callbridge.bots.llm.served import LISTENS, VOICES, model_of, said_to
from tests.vendors.openai.answers import Completion, Text, ToolCall, in_order, writes
from tests.vendors.openai.chat import KEY, MODEL, ChatServer

BOT = "callbridge.bots.llm:bot"


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """With all that the bot needs; the folder in which it runs."""
    monkeypatch.chdir(tmp_path)
    prompt = tmp_path / "prompt.md"
    prompt.write_text("You keep a shop in Köln.\n", encoding="utf-8")
    monkeypatch.setenv("CALLBRIDGE_LLM_MODEL", MODEL)
    monkeypatch.setenv("CALLBRIDGE_LLM_PROMPT", "prompt.md")
    monkeypatch.setenv("CALLBRIDGE_LLM_GREETING", "Hello.")
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    return tmp_path


@pytest.mark.parametrize("voice", VOICES)
def test_it_greets_answers_and_hangs_up(
    environment: Path, voice: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    goodbye = Completion([Text("Until six. Goodbye."), ToolCall("end_call")])
    server = ChatServer(in_order(goodbye))
    model = model_of(server)
    monkeypatch.setattr(ModelSettings, "chat_model", lambda settings: model)  # pyright: ignore
    report = converse(
        botfile.load(BOT),
        caller(Wait("bot_silent", 1.0), says("how long are you there"), Wait("hangup")),
        voice=voice,
    )
    assert [turn.heard.strip() for turn in report.said] == ["Hello.", "Until six. Goodbye."]
    assert report.hung_up_by == "bot"
    assert "You keep a shop in Köln." in server.exchanges[0].messages[0]["content"]
    assert said_to(server, 0) == [("assistant", "Hello."), ("user", "how long are you there")]


def test_how_much_of_the_call_is_told_is_a_setting(
    environment: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = ChatServer(in_order(writes("Until six.")))
    model = model_of(server)
    monkeypatch.setattr(ModelSettings, "chat_model", lambda settings: model)  # pyright: ignore
    monkeypatch.setenv("CALLBRIDGE_LLM_CHARACTERS", "25")
    steps = (Wait("bot_silent", 1.0), says("how long are you there"), *LISTENS)
    converse(botfile.load(BOT), caller(*steps))
    assert said_to(server, 0) == [("user", "how long are you there")]  # without "Hello."


def test_the_key_and_the_address_may_stand_in_an_env_file(
    environment: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OPENAI_API_KEY")
    (environment / ".env").write_text("OPENAI_API_KEY=abc\nOPENAI_BASE_URL=http://127.0.0.1:9/v1\n")
    assert isinstance(botfile.load(BOT), App)
    model = llm.ChatModel(MODEL, api_key="abc", base_url="http://127.0.0.1:9/v1")
    assert repr(model) == f"<ChatModel {MODEL} at 127.0.0.1:9>"


@pytest.mark.parametrize(
    ("name", "value", "complaint"),
    [
        ("CALLBRIDGE_LLM_MODEL", "", "CALLBRIDGE_LLM_MODEL is missing. The name of the model"),
        ("CALLBRIDGE_LLM_PROMPT", "none.md", "CALLBRIDGE_LLM_PROMPT: none.md: "),
        ("CALLBRIDGE_LLM_CHARACTERS", "0", "CALLBRIDGE_LLM_CHARACTERS: Input should be greater"),
        ("OPENAI_API_KEY", "", "OPENAI_API_KEY is not set"),
    ],
)
def test_what_is_missing_is_said_before_the_first_call(
    environment: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: str, complaint: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError, match=complaint):
        botfile.load(BOT)
