"""The events of all legs, as they come in with one question for all of them."""

from datetime import UTC, datetime, timedelta

from callbridge.desk.desk import JsonItem
from callbridge.desk.trail import LegTrail

MOST_OF_A_LEG = 400  # events; then the oldest but the first few go
FIRST_OF_A_LEG = 8  # they hold its numbers
OVERLAP = timedelta(seconds=10)  # events may be told late


class LegTrails:
    """Events by their legs, without those that are told again."""

    def __init__(self) -> None:
        self._legs: dict[str, dict[tuple[str, str, str], JsonItem]] = {}
        self._whole: set[str] = set()  # legs whose beginning is known
        self._newest = ""

    def since(self, now: float) -> str:
        """From when on the platform is to be asked: before the newest event, by the platform's own
        clock. Before there is one, the last two minutes by ours."""
        if self._newest:
            newest = datetime.fromisoformat(self._newest)
            return _stamp(newest - OVERLAP)
        return _stamp(datetime.fromtimestamp(now, UTC) - timedelta(minutes=2))

    def add(self, events: list[JsonItem]) -> None:
        for event in _in_order(events):
            leg, name = str(event.get("call_leg_id")), str(event.get("name"))
            at = _time(event)
            key = (at, name, str(event.get("type")))
            known = self._legs.setdefault(leg, {})
            if key in known:
                continue
            known[key] = event
            if name == "call.initiated":
                self._whole.add(leg)
            if len(known) > MOST_OF_A_LEG:
                for old in list(known)[FIRST_OF_A_LEG : FIRST_OF_A_LEG + 40]:
                    del known[old]
            if at > self._newest and _is_time(at):
                self._newest = at

    def add_whole(self, leg: str, events: list[JsonItem]) -> None:
        """All that the platform has of one leg."""
        self.add(events)
        self._legs.setdefault(leg, {})
        self._whole.add(leg)

    def unknown(self, legs: list[str]) -> list[str]:
        """Those whose beginning is not known: they were there before anybody looked."""
        return [leg for leg in legs if leg not in self._whole]

    def of(self, leg: str) -> LegTrail | None:
        known = self._legs.get(leg)
        return None if known is None else LegTrail(sorted(known.values(), key=_time))

    def keep(self, legs: set[str]) -> None:
        """Forget all others."""
        for leg in self._legs.keys() - legs:
            del self._legs[leg]
        self._whole &= legs


def _in_order(events: list[JsonItem]) -> list[JsonItem]:
    """The first one first, and those of one instant as the platform has them: it may list the
    newest first."""
    newest_first = bool(events) and _time(events[0]) >= _time(events[-1])
    return sorted(reversed(events) if newest_first else events, key=_time)


def _time(event: JsonItem) -> str:
    return str(event.get("event_timestamp"))


def _is_time(text: str) -> bool:
    try:
        return datetime.fromisoformat(text).tzinfo is not None
    except ValueError:
        return False


def _stamp(at: datetime) -> str:
    return at.isoformat(timespec="microseconds").replace("+00:00", "Z")
