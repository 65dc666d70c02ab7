"""Commands that come twice: a command_id is carried out once and answered the same again."""

from callbridge.carrier.shapes import JsonObject


class Repeats:
    """Remembers what was answered for `within_s` seconds; a refused command may be sent again."""

    def __init__(self, within_s: float) -> None:
        self._within_s = within_s
        # (call or account, operation, command_id) -> when, and what was answered
        self._answered: dict[tuple[str, str, str], tuple[float, JsonObject]] = {}

    def answer(self, key: tuple[str, str, str], now: float) -> JsonObject | None:
        """What the same command was answered before."""
        when, answer = self._answered.get(key, (float("-inf"), {}))
        return answer if now - when <= self._within_s else None

    def keep(self, key: tuple[str, str, str], answer: JsonObject, now: float) -> None:
        self._answered.pop(key, None)
        self._answered[key] = (now, answer)
        while now - next(iter(self._answered.values()))[0] > self._within_s:  # the oldest is first
            del self._answered[next(iter(self._answered))]
