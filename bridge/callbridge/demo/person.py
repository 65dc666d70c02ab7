"""What is told of somebody who is rung for the caller's sake: the lines of their leg."""

from callbridge.carrier.core.report import TapeEntry
from callbridge.demo.journal import Detail
from callbridge.demo.live import Story, Told, ToldLine
from callbridge.tape.events import CallEvent, Said

JOINED = ("conference.participant.joined", "call.bridged")


class PersonStory(Story):
    """Tells the leg of somebody who is rung for the caller's sake; of several they are numbered."""

    def __init__(self, number: int = 1) -> None:
        super().__init__(with_whom="the caller")
        self._number = number
        self._name = "the person" if number == 1 else f"person {number}"
        self._picked_up = self._joined = False

    def tape(self, entry: TapeEntry) -> ToldLine | None:
        if entry.kind == "state":
            return self._numbered(ToldLine(entry.at_s, *self._state(entry.detail)))
        if entry.kind == "webhook" and entry.detail["event_type"] in JOINED:
            self._joined = True
            words = "hears the caller, and the caller hears them"
            return self._numbered(ToldLine(entry.at_s, "person", words))
        line = super().tape(entry)
        if line is None or line.who == "bot":  # that it is heard; what it says is told
            return None
        if line.who == "caller":
            return self._numbered(line._replace(who="person"))
        return line._replace(what=f"{line.what}, {self._name.removeprefix('the ')}'s leg")

    def event(self, event: CallEvent, at_s: float) -> ToldLine | None:
        line = super().event(event, at_s)
        if line is None:
            return None
        if isinstance(event, Said):
            how = "said to" if self._joined else "whispered to"
            return line._replace(what=line.what.replace("said", f"{how} {self._name}", 1))
        return self._numbered(line._replace(who="person")) if line.who == "caller" else line

    def _numbered(self, line: ToldLine) -> ToldLine:
        """Where more than one are rung."""
        numbered = self._number > 1 and line.who == "person"
        return line._replace(what=f"{self._number} {line.what}") if numbered else line

    def _state(self, detail: Detail) -> Told:
        match detail["state"]:
            case "ringing":
                return Told("carrier", f"{self._name}'s telephone rings")
            case "answered":
                self._picked_up = True
                return Told("person", "picks up")
            case "ended" if not self._picked_up:
                return Told("carrier", f"{self._name}'s telephone stops: {detail['cause']}")
            case "ended" if detail["source"] == "callee":
                return Told("person", f"hangs up: {detail['cause']}")
            case "ended":
                return Told("carrier", f"ends {self._name}'s call: {detail['cause']}")
            case state:
                return Told("carrier", f"{self._name}'s call {state}")
