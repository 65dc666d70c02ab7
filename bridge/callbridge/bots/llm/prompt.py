"""What a model is told of a call: what was heard, what was cut, and which tools have run.

In the order in which it happened:

- `system`: how to speak on the telephone, then the instructions of the bot.
- `user`: what the caller said.
- `assistant`: what the caller heard of an answer, cut at the word.
- `user`, in square brackets before the words that follow: what the caller did not hear. It is
  there and not in the answer, as a model repeats the form of its own answers; and it is no message
  of its own, as many models take only two roles in turn.
- `assistant` with `tool_calls`, and a `tool` message for each: behind what the caller had said."""

from collections.abc import Iterable, Mapping, Sequence

from callbridge.bots.llm.model import ChatMessage, WantedCall
from callbridge.bots.tools import Tool, ToolRun
from callbridge.voice.turn import HistoryItem

ON_THE_TELEPHONE = (
    "You are on the telephone. What you write is spoken as it is: short sentences of plain words, "
    "one question at a time, no lists, no markup, no emoji; numbers as one says them. The caller "
    "can interrupt you: what they did not hear of your answers is told in square brackets."
)
QUOTED = 300  # characters of what was not heard: the beginning tells what it was about


class ToolRound:
    """The tools that one message of the model has called."""

    __slots__ = ("calls", "runs", "text")

    def __init__(self, text: str, calls: Sequence[WantedCall], runs: Sequence[ToolRun]) -> None:
        self.text = text  # that came with them
        self.calls = tuple(calls)
        self.runs = tuple(runs)

    def messages(self, *, with_text: bool) -> list[ChatMessage]:
        """`with_text` within the reply; later the history says what of it was heard.

        Raises the CallError of a tool after which the call is not the bot's."""
        asked: ChatMessage = {"role": "assistant"}
        if with_text and self.text.strip():
            asked["content"] = self.text.strip()
        asked["tool_calls"] = [call.as_message_part() for call in self.calls]
        answers = (
            {"role": "tool", "tool_call_id": call.id, "content": run.text}
            for call, run in zip(self.calls, self.runs, strict=True)
        )
        return [asked, *answers]


def prompt(
    instructions: str,
    items: Iterable[HistoryItem],
    rounds: Mapping[int, Sequence[ToolRound]],
) -> list[ChatMessage]:
    """`rounds` by the number of the item that they stand behind."""
    told = _Told()
    told.system("\n\n".join(part for part in (ON_THE_TELEPHONE, instructions.strip()) if part))
    for item in items:
        if item.role == "user":
            told.add("user", item.heard)
        else:
            told.add("assistant", item.heard)
            told.add("user", not_heard(item))
        for each in rounds.get(item.number, ()):
            told.messages += each.messages(with_text=False)
    return told.messages


def not_heard(item: HistoryItem) -> str:
    """The note on an answer that was cut, or nothing."""
    if not item.unheard:
        return ""
    rest = item.unheard
    rest = rest if len(rest) <= QUOTED else f"{rest[:QUOTED].rstrip()} ..."
    if item.heard:
        return f'[You were cut off here. The caller did not hear: "{rest}"]'
    return f'[The caller did not hear your answer: "{rest}"]'


class _Told:
    """Messages; of one side there is one until the other has one."""

    def __init__(self) -> None:
        self.messages: list[ChatMessage] = []

    def system(self, text: str) -> None:
        self.messages.append({"role": "system", "content": text})

    def add(self, role: str, text: str) -> None:
        if not text:
            return
        last = self.messages[-1]
        if last["role"] == role and "tool_calls" not in last:
            between = "\n" if role == "user" else " "
            last["content"] = f"{last['content']}{between}{text}"
        else:
            self.messages.append({"role": role, "content": text})


def schema(tools: Iterable[Tool]) -> list[ChatMessage]:
    """As the protocol tells a model of its tools."""
    return [
        {
            "type": "function",
            "function": {
                "name": tool.name,
                "description": tool.description,
                "parameters": dict(tool.parameters),
            },
        }
        for tool in tools
    ]
