"""How often each thing happened, over all calls of the process."""

from collections import Counter

from callbridge.tape.events import CallEvent, Happening
from callbridge.tape.tape import CallIds


class TapeTally:
    """A reader of every tape."""

    def __init__(self) -> None:
        self._counts: Counter[type[Happening]] = Counter()

    def on_event(
        self, ids: CallIds, at: float, event: CallEvent, error: BaseException | None
    ) -> None:
        self._counts[type(event)] += 1

    def counts(self) -> dict[str, int]:
        """By the name that an event has on the tape."""
        return {str(kind.__struct_config__.tag): count for kind, count in self._counts.items()}
