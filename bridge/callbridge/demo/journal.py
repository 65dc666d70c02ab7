"""The bridge's log of a call, on the clock of the carrier's tape.

The two processes share nothing but the wire, so neither knows the other's zero. The tape is
followed live: its zero is never later than the moment an entry arrives, less the time that the
entry names. The least of many is a millisecond or two off."""

import msgspec

from callbridge.carrier.core.report import TapeEntry

Record = dict[str, object]

# What every log line has, and what says nothing to a reader of one call.
_PLAIN = {"asctime", "levelname", "name", "message", "taskName", "call", "call_control_id",
          "from", "to", "exc_info"}  # fmt: skip


class Journal:
    """Collects log lines. `wall` is Unix seconds; so are fields called `at` or `..._at`."""

    def __init__(self, wall: float) -> None:
        """`wall`: a time shortly after the call came in."""
        self._zero = wall
        self._records: list[tuple[float, Record]] = []

    def on_tape(self, at_s: float, wall: float) -> None:
        """An entry of the tape has arrived."""
        self._zero = min(self._zero, wall - at_s)

    def add(self, record: Record, wall: float) -> None:
        self._records.append((wall, record))

    def at_s(self, wall: float) -> float:
        """Seconds since the call came in."""
        return round(wall - self._zero, 4)

    def entries(self) -> list[TapeEntry]:
        """All lines in the form of the tape: from `last_voiced_at` comes `last_voiced_at_s`."""
        return [
            TapeEntry(self.at_s(wall), str(record.get("message")), self._detail(record))
            for wall, record in self._records
        ]

    def _detail(self, record: Record) -> Record:
        detail: Record = {}
        for name, value in extra(record).items():
            if isinstance(value, float) and (name == "at" or name.endswith("_at")):
                detail[f"{name}_s"] = self.at_s(value)
            else:
                detail[name] = value
        return detail


def read(text: str) -> Record | None:
    """A line of the bridge's JSON log; None for what is not about calls, and no trouble."""
    try:
        record = msgspec.json.decode(text, type=Record)
    except msgspec.DecodeError:
        return None
    ours = str(record.get("name", "")).partition(".")[0] == "callbridge"
    return record if ours or trouble(record) else None


def trouble(record: Record) -> bool:
    return record.get("levelname") in ("WARNING", "ERROR", "CRITICAL")


def extra(record: Record) -> Record:
    """The fields that are this line's own."""
    return {key: value for key, value in record.items() if key not in _PLAIN}
