"""The conversation so far, as it was heard by both sides."""

from collections.abc import Callable, Iterable
from typing import Generic, Literal, TypeVar

from callbridge.tape.secrecy import Secrecy
from callbridge.voice.turn import HistoryItem, Message, Turn

HistoryRole = Literal["assistant", "user"]

MEMORY = 1000  # turns and utterances of one call that are remembered

Spoken = TypeVar("Spoken")  # what a voice keeps of what it said


class History(Generic[Spoken]):
    """Fed by turns and by what was said, in the order in which they began. Of what is secret it
    shows as little as the tape does."""

    __slots__ = ("_added", "_memory", "_secrecy", "_secret")

    def __init__(self, secrecy: Secrecy) -> None:
        self._memory: list[tuple[int, Turn | Spoken]] = []  # with a number that rises
        self._secrecy = secrecy
        self._secret: list[Turn | Spoken] = []  # those of them that are
        self._added = 0

    def add(self, item: Turn | Spoken, began: float) -> None:
        """`began` in Unix seconds."""
        self._memory.append((self._added, item))
        self._added += 1
        del self._memory[:-MEMORY]
        if self._secrecy.covers(began):
            self._secret.append(item)
            del self._secret[:-MEMORY]

    def forget(self, item: Turn) -> None:
        """It was no turn: the caller has gone on."""
        self._memory = [each for each in self._memory if each[1] is not item]
        self._secret = [each for each in self._secret if each is not item]

    def items(self, said: Callable[[Spoken], tuple[str, str]]) -> list[HistoryItem]:
        """One by one. `said` says what of it was heard, cut at the word, and what of it the caller
        will not hear any more."""
        items: list[HistoryItem] = []
        for number, item in self._memory:
            secret = any(item is each for each in self._secret)
            role: HistoryRole
            if isinstance(item, Turn):
                role, texts = "user", (item.text, "")
            else:
                role, texts = "assistant", said(item)
            heard, unheard = (self._secrecy.hidden(t) if secret else t for t in texts)
            items.append(HistoryItem(number, role, heard.strip(), unheard.strip()))
        return items

    def messages(self, said: Callable[[Spoken], tuple[str, str]]) -> list[Message]:
        """For chat models: what was heard."""
        return messages_of((item.role, item.heard) for item in self.items(said))


def messages_of(heard: Iterable[tuple[HistoryRole, str]]) -> list[Message]:
    """One message for what one side said without an answer."""
    messages: list[Message] = []
    for role, text in heard:
        if messages and messages[-1]["role"] == role:
            messages[-1]["content"] = f"{messages[-1]['content']} {text}".strip()
        elif text:
            messages.append({"role": role, "content": text})
    return messages
