"""The messages that a model gets: a documented form, held here to the letter."""

import asyncio
from typing import Any, cast

from callbridge import Call, HistoryItem
from callbridge.bots.llm.model import WantedCall
from callbridge.bots.llm.prompt import ON_THE_TELEPHONE, QUOTED, ToolRound, prompt, schema
from callbridge.bots.tools import Tool, Toolbox
from tests.callbridge.bots.test_tools import SilentCall
from tests.vendors.openai.checks import check


def user(number: int, text: str) -> HistoryItem:
    return HistoryItem(number, "user", text)


def bot(number: int, heard: str, unheard: str = "") -> HistoryItem:
    return HistoryItem(number, "assistant", heard, unheard)


def told(*items: HistoryItem, rounds: dict[int, list[ToolRound]] | None = None) -> list[Any]:
    """The messages, which the vendor would take; without the instructions."""
    messages = prompt("Be kind.", items, rounds or {})
    check({"model": "any", "stream": True, "messages": messages})
    assert messages[0] == {"role": "system", "content": f"{ON_THE_TELEPHONE}\n\nBe kind."}
    return messages[1:]


def test_what_was_heard_is_the_memory() -> None:
    assert told(bot(0, "Hello."), user(1, "hi"), bot(2, "How are you?"), user(3, "fine")) == [
        {"role": "assistant", "content": "Hello."},
        {"role": "user", "content": "hi"},
        {"role": "assistant", "content": "How are you?"},
        {"role": "user", "content": "fine"},
    ]


def test_a_cut_answer() -> None:
    assert told(user(0, "when"), bot(1, "From nine", "to six."), user(2, "really")) == [
        {"role": "user", "content": "when"},
        {"role": "assistant", "content": "From nine"},
        {
            "role": "user",
            "content": '[You were cut off here. The caller did not hear: "to six."]\nreally',
        },
    ]


def test_an_answer_of_which_nothing_was_heard() -> None:
    assert told(user(0, "when"), bot(1, "", "From nine."), user(2, "on sundays")) == [
        {
            "role": "user",
            "content": 'when\n[The caller did not hear your answer: "From nine."]\non sundays',
        }
    ]


def test_sounds_have_no_words_and_two_texts_are_one_message() -> None:
    assert told(bot(0, ""), bot(1, "One."), bot(2, "Two."), user(3, "three")) == [
        {"role": "assistant", "content": "One. Two."},
        {"role": "user", "content": "three"},
    ]


def test_of_a_long_text_the_beginning_is_quoted() -> None:
    (_, note) = told(bot(0, "Well,", "word " * 200))
    assert len(note["content"]) < QUOTED + 100
    assert note["content"].endswith(' ..."]')


def test_tools_stand_behind_what_they_answer() -> None:
    async def find() -> str:
        return "found"

    async def run_it() -> ToolRound:
        call = WantedCall(id="call_1", name="find", arguments="{}")
        run = Toolbox([find]).start(cast("Call", SilentCall()), "find", "{}")
        await asyncio.wait({run.task})
        return ToolRound("Let me see.", [call], [run])

    found = asyncio.run(run_it())
    asked, result = found.messages(with_text=True)
    assert asked["content"] == "Let me see."
    assert result == {"role": "tool", "tool_call_id": "call_1", "content": "found"}
    roles = [m["role"] for m in told(user(0, "x"), bot(1, "y"), user(2, "z"), rounds={0: [found]})]
    assert roles == ["user", "assistant", "tool", "assistant", "user"]
    merged = told(user(0, "x"), user(1, "y"), rounds={0: [found]})
    assert [message["role"] for message in merged] == ["user", "assistant", "tool", "user"]


def test_a_tool_that_runs_is_told_as_such() -> None:
    async def forever() -> None:
        await asyncio.sleep(1000)

    async def look() -> str:
        run = Toolbox([forever]).start(cast("Call", SilentCall()), "forever", "{}")
        text = run.text
        run.task.cancel()
        await asyncio.wait({run.task})
        return text

    assert asyncio.run(look()) == "It is still running: do not call it again."


def test_a_schema_is_one_that_the_vendor_takes() -> None:
    def find(number: int, kind: str = "any") -> None:
        """Find it."""

    tools = schema([Tool.of(find)])
    check(
        {
            "model": "any",
            "stream": True,
            "messages": [{"role": "user", "content": "x"}],
            "tools": tools,
        }
    )
    assert tools[0]["function"]["description"] == "Find it."
