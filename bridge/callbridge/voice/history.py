"""The conversation so far, as it was heard by both sides."""

from collections.abc import Callable
from typing import Generic, TypeVar

from callbridge.voice.turn import Message, Turn

MEMORY = 1000  # turns and utterances of one call that are remembered

Spoken = TypeVar("Spoken")  # what a voice keeps of what it said


class History(Generic[Spoken]):
    """Fed by turns and by what was said, in the order in which they began."""

    __slots__ = ("_memory",)

    def __init__(self) -> None:
        self._memory: list[Turn | Spoken] = []

    def add(self, item: Turn | Spoken) -> None:
        self._memory.append(item)
        del self._memory[:-MEMORY]

    def messages(self, heard: Callable[[Spoken], str]) -> list[Message]:
        """For chat models. `heard` says what of it was heard, cut at the word."""
        messages: list[Message] = []
        for item in self._memory:
            if isinstance(item, Turn):
                role, content = "user", item.text
            else:
                role, content = "assistant", heard(item)
            if messages and messages[-1]["role"] == role:
                messages[-1]["content"] = f"{messages[-1]['content']} {content.strip()}".strip()
            elif content.strip():
                messages.append({"role": role, "content": content.strip()})  # type: ignore[typeddict-item]
        return messages
