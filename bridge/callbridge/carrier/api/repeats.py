"""Commands that come twice: a command_id is carried out once and answered the same again."""

from callbridge.carrier.shapes import JsonObject

RepeatKey = tuple[str, str, str]  # call or account, operation, command_id


def repeat_key(scope: str, operation_id: str, values: JsonObject) -> RepeatKey | None:
    """What a request shares with its repetition; None if it has no command_id."""
    command_id = values.get("command_id")
    return (scope, operation_id, command_id) if isinstance(command_id, str) else None


class Repeats:
    """Remembers what was answered for `within_s` seconds; a refused command may be sent again."""

    def __init__(self, within_s: float) -> None:
        self._within_s = within_s
        self._answered: dict[RepeatKey, tuple[float, JsonObject]] = {}  # when, and what

    def answer(self, key: RepeatKey | None, now: float) -> JsonObject | None:
        """What the same command was answered before."""
        self._forget_old(now)
        return self._answered[key][1] if key in self._answered else None

    def keep(self, key: RepeatKey | None, answer: JsonObject, now: float) -> None:
        if key is not None:
            self._answered[key] = (now, answer)

    def _forget_old(self, now: float) -> None:
        """The oldest is first, as no key is kept a second time before it is forgotten."""
        while self._answered:
            key, (when, _) = next(iter(self._answered.items()))
            if now - when <= self._within_s:
                return
            del self._answered[key]
