"""The calls of `callbridge run`: those that go on, and those that are over.

Of a call that is over the files on the disk are the truth: the carrier's report with the bridge's
tape put into it, and the recording. In memory stays a line of a list."""

import asyncio
import json
import logging
from collections import OrderedDict
from datetime import datetime
from pathlib import Path

import msgspec

from callbridge.carrier.audio.playout import TICKS_PER_S
from callbridge.carrier.core.leg import CarrierLeg, LegState
from callbridge.carrier.net.shell import Shell
from callbridge.demo.journal import Journal, lines
from callbridge.demo.record import CallFacts
from callbridge.run.rows import CallRows
from callbridge.run.trouble import BotTrouble
from callbridge.tape.events import CallOver
from callbridge.tape.tape import TapeLine

log = logging.getLogger(__name__)

LOOK_S = 0.1
MOST_FINISHED = 1000
MOST_KEPT = 20  # finished calls whose rows stay in memory
MOST_EARLY = 256  # lines of calls whose id is not known yet
LAST_WORDS_S = 3.0  # the bridge has so long to end a call that the carrier has ended
FILES_S = 20.0  # the carrier has so long to write its files
SETTLE_S = 0.6  # its last lines are still to be read


class ListedCall(msgspec.Struct, frozen=True, kw_only=True):
    """A line of the list. `wav` and `json` are paths, None while the call goes on, or where the
    disk has failed."""

    call: str
    direction: str
    from_: str
    to: str
    began_at: float
    state: str = ""
    duration_s: float = 0.0
    ended: str = ""  # by whom, and why
    crashed: bool = False
    wav: str | None = None
    json: str | None = None
    is_over: bool = False

    @property
    def began(self) -> str:
        return datetime.fromtimestamp(self.began_at).strftime("%H:%M:%S")


class GoingCall:
    """One that goes on, or whose files are being written."""

    def __init__(self, leg: CarrierLeg) -> None:
        began_at = datetime.fromisoformat(leg.identity.start_time).timestamp()
        self.leg = leg
        self.rows = CallRows(began_at, leg.identity.direction)
        self.journal = Journal(began_at)
        self.listed = ListedCall(
            call=leg.call_control_id,
            direction=leg.identity.direction,
            from_=leg.identity.from_,
            to=leg.identity.to,
            began_at=began_at,
        )
        self.read = 0  # entries of the carrier's tape
        self.over = asyncio.Event()  # for the bridge

    def look(self) -> bool:
        """Read what is new on the carrier's tape; whether anything was."""
        entries = self.leg.tape.entries
        if self.read == len(entries):
            return False
        for entry in entries[self.read :]:
            self.rows.tape(entry)
        self.read = len(entries)
        return True

    def event(self, line: TapeLine) -> None:
        self.journal.add(line)
        self.rows.event(line)
        if isinstance(line.happened, CallOver):
            self.over.set()

    @property
    def duration_s(self) -> float:
        return self.leg.ticks / TICKS_PER_S

    @property
    def audio_from_s(self) -> float:
        """When the first sample of the recording was, in seconds since the leg began."""
        first = self.leg.heard_from
        return first - self.leg.started_at if first is not None else 0.0

    @property
    def is_over(self) -> bool:
        return self.leg.state is LegState.ENDED


class RunCalls:
    """`version` rises when the list changes."""

    def __init__(self, shell: Shell) -> None:
        self.version = 0
        self.crash: BotTrouble | None = None  # the last one, until a new file is saved
        self._shell = shell
        self._going: OrderedDict[str, GoingCall] = OrderedDict()
        self._finished: OrderedDict[str, ListedCall] = OrderedDict()
        self._kept: OrderedDict[str, CallRows] = OrderedDict()
        self._references: dict[str, str] = {}  # call_control_id of the bridge's references
        self._early: list[TapeLine] = []
        self._seen: set[str] = set()
        self._keeping: dict[str, asyncio.Task[None]] = {}

    # ---- what happens -------------------------------------------------------------------------

    async def watch(self) -> None:
        """Until it is cancelled."""
        while True:
            self._look()
            await asyncio.sleep(LOOK_S)

    def _look(self) -> None:
        known = {leg.call_control_id: leg for leg in self._shell.switch.known()}
        for call in known.keys() - self._seen:
            self._going[call] = GoingCall(known[call])
            self.version += 1
        self._seen = set(known)  # the carrier forgets those that are long over
        for call, going in self._going.items():
            if going.look():
                self._relist(going)
            if going.is_over and call not in self._keeping:
                self._keeping[call] = asyncio.create_task(self._keep(going))
        if self._early:
            early, self._early = self._early, []
            for line in early:
                self.line(line)

    def _relist(self, going: GoingCall) -> None:
        face = going.rows.face
        if (face.state, face.ended) != (going.listed.state, going.listed.ended):
            going.listed = msgspec.structs.replace(going.listed, state=face.state, ended=face.ended)
            self.version += 1

    def line(self, line: TapeLine) -> None:
        """Of a bridge's tape. A call that it dials has no id before the carrier has answered."""
        if line.call_control_id:
            self._references[line.call] = line.call_control_id
        call = self._references.get(line.call, "")
        if (going := self._going.get(call)) is not None:
            going.event(line)
            if isinstance(line.happened, CallOver):
                self._references.pop(line.call, None)
            if (trouble := going.rows.trouble) is not None and not going.listed.crashed:
                going.listed = msgspec.structs.replace(going.listed, crashed=True)
                self.crash = trouble
                self.version += 1
        elif call not in self._finished and len(self._early) < MOST_EARLY:
            self._early.append(line)

    def forgive(self) -> None:
        """Another bridge answers: what a call has died of may be mended."""
        self.crash = None
        self.version += 1

    async def _keep(self, going: GoingCall) -> None:
        """The end of a call: both tapes into its file."""
        call, listed = going.listed.call, going.listed
        try:
            async with asyncio.timeout(LAST_WORDS_S):
                await going.over.wait()
        except TimeoutError:
            pass  # its bridge has ended before it, or never knew it
        await asyncio.sleep(SETTLE_S)
        going.look()
        files = await self._files(going)
        self._finished[call] = msgspec.structs.replace(
            listed,
            state="ended",
            ended=going.rows.face.ended,
            duration_s=going.duration_s,
            crashed=going.listed.crashed,
            wav=files.get("wav"),
            json=files.get("json"),
            is_over=True,
        )
        self._going.pop(call)
        self._keeping.pop(call)
        self._remember(call, going.rows)
        while len(self._finished) > MOST_FINISHED:
            self._finished.popitem(last=False)
        self.version += 1

    async def _files(self, going: GoingCall) -> dict[str, str]:
        """The paths of what the carrier has written; none where the disk has failed."""
        for _ in range(round(FILES_S / LOOK_S)):
            left = self._shell.switch.store.recording(going.listed.call)
            if left is not None:
                break
            await asyncio.sleep(LOOK_S)
        else:
            return {}
        written = msgspec.convert(left["files"], dict[str, str | None])
        files = {name: path for name, path in written.items() if path}
        try:
            if "json" in files:
                await asyncio.to_thread(put_log, Path(files["json"]), going.journal)
        except OSError as error:
            log.error("the bridge's tape is not in %s: %s", files["json"], error)
        return files

    async def kept(self, within_s: float) -> None:
        """All calls have ended: until their files are whole."""
        self._look()
        if keeping := list(self._keeping.values()):
            await asyncio.wait(keeping, timeout=within_s)
        for task in keeping:
            task.cancel()

    def _remember(self, call: str, rows: CallRows) -> None:
        self._kept[call] = rows
        while len(self._kept) > MOST_KEPT:
            self._kept.popitem(last=False)

    # ---- what is seen -------------------------------------------------------------------------

    def listed(self) -> list[ListedCall]:
        """The latest first."""
        going = [each.listed for each in self._going.values()]
        return [*reversed(going), *reversed(self._finished.values())]

    def find(self, call: str) -> ListedCall | None:
        going = self._going.get(call)
        return going.listed if going is not None else self._finished.get(call)

    def going(self, call: str) -> GoingCall | None:
        return self._going.get(call)

    @property
    def latest(self) -> str:
        """The call that began last; empty without any."""
        if self._going:
            return next(reversed(self._going))
        return next(reversed(self._finished), "")

    async def rows(self, call: str) -> CallRows | None:
        """Of one that goes on, or is over; None if it is unknown, or its file is gone."""
        if (going := self._going.get(call)) is not None:
            return going.rows
        if (kept := self._kept.get(call)) is not None:
            self._kept.move_to_end(call)
            return kept
        listed = self._finished.get(call)
        if listed is None or listed.json is None:
            return None
        try:
            rows = await asyncio.to_thread(read_rows, Path(listed.json), listed)
        except (OSError, msgspec.DecodeError):
            return None
        self._remember(call, rows)
        return rows


def put_log(report: Path, journal: Journal) -> None:
    """The bridge's tape into the carrier's report, as `callbridge demo` has it. Blocking."""
    both = json.loads(report.read_bytes()) | {"log": msgspec.to_builtins(journal.entries())}
    report.write_text(json.dumps(both, indent=2, default=str) + "\n")


def read_rows(report: Path, listed: ListedCall) -> CallRows:
    """Blocking. Raises OSError, and DecodeError for a file that is no report."""
    facts = msgspec.json.decode(report.read_bytes(), type=CallFacts)
    rows = CallRows(listed.began_at, listed.direction)
    for entry in facts.tape:
        rows.tape(entry)
    for line in lines(facts.log, listed.began_at):
        rows.event(line)
    return rows
