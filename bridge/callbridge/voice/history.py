"""The conversation so far, as it was heard by both sides."""

from callbridge.media.playout import Playout, Utterance
from callbridge.voice.turn import Message, Turn

MEMORY = 1000  # turns and utterances of one call that are remembered


class History:
    """Fed by turns and by utterances, in the order in which they began."""

    __slots__ = ("_memory",)

    def __init__(self) -> None:
        self._memory: list[Turn | Utterance] = []

    def add(self, item: Turn | Utterance) -> None:
        self._memory.append(item)
        del self._memory[:-MEMORY]

    def messages(self, playout: Playout, now: float) -> list[Message]:
        """For chat models; speech that was cut ends at the last word that was heard."""
        messages: list[Message] = []
        for item in self._memory:
            if isinstance(item, Turn):
                role, content = "user", item.text
            elif item.ending:
                role, content = "assistant", item.heard_text()
            else:
                role = "assistant"
                content = item.text_until(item.heard_of(playout.ledger.heard(now)))
            if messages and messages[-1]["role"] == role:
                messages[-1]["content"] = f"{messages[-1]['content']} {content.strip()}".strip()
            elif content.strip():
                messages.append({"role": role, "content": content.strip()})  # type: ignore[typeddict-item]
        return messages
