"""What one reply tells its model, request by request: the call as it was when the reply began, and
the tools that it has run since. The oldest turns are left out where it would be too much; never the
instructions, never what the caller has said last, and a tool's call only with its result."""

from collections.abc import Mapping, Sequence

from callbridge.bots.llm.model import ChatMessage
from callbridge.bots.llm.prompt import ToolRound, not_heard, prompt
from callbridge.voice.turn import HistoryItem, Turn


class ToldHistory:
    """`rounds` by the number of the item that they stand behind; `turn` is told if no item is of
    the caller."""

    def __init__(
        self,
        instructions: str,
        items: Sequence[HistoryItem],
        rounds: Mapping[int, Sequence[ToolRound]],
        turn: Turn | None,
    ) -> None:
        self._instructions = instructions
        words = [each for each in items if each.role == "user" or each.heard or each.unheard]
        self._items = words  # sounds that were played have none, nor has what is not said yet
        self._rounds = {number: tuple(each) for number, each in rounds.items()}
        self._since: list[ChatMessage] = []
        asked = [place for place, item in enumerate(words) if item.role == "user"]
        self._asked = asked[-1] if asked else len(words)
        self.behind = words[self._asked].number if asked else -1
        self._turn = turn if turn and not asked else None

    @property
    def items(self) -> int:
        """How many turns and answers are told."""
        return len(self._items)

    @property
    def oldest(self) -> int:
        """The number of the first of them; 0 if there is none."""
        return self._items[0].number if self._items else 0

    @property
    def characters(self) -> int:
        return sum(map(self._length, self._items))

    def add(self, tools: ToolRound) -> None:
        self._since += tools.messages(with_text=True)

    def messages(self) -> list[ChatMessage]:
        told = prompt(self._instructions, self._items, self._rounds)
        if self._turn is not None:
            told.append({"role": "user", "content": self._turn.text})
        return told + self._since

    def leave_out(self, characters: int) -> bool:
        """Tell no more than these, as far as that goes; whether something is left out by it."""
        there, first = self.characters, 0
        while there > characters and first < min(self._asked, len(self._items) - 1):
            there -= self._length(self._items[first])
            first += 1
        del self._items[:first]
        self._asked -= first
        return first > 0

    def _length(self, item: HistoryItem) -> int:
        length = len(item.heard) + len(not_heard(item))
        for tools in self._rounds.get(item.number, ()):
            length += sum(len(call.arguments) for call in tools.calls)
            length += sum(len(run.text) for run in tools.runs)
        return length
