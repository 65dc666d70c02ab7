"""What somebody sees who watches a carrier: on a terminal, in a pipe, in a program."""

import asyncio
import contextlib
import fcntl
import io
import json
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Generator
from pathlib import Path
from typing import Any

import httpx
import pytest
from rich.console import Console

from callbridge.carrier.net import service
from callbridge.carrier.watch.lines import HappenedLine, json_line, line_of
from callbridge.carrier.watch.picture import Picture
from callbridge.carrier.watch.scene import CarrierScene, Happened, SeenLeg, TapeNews
from tests.callbridge.carrier.conferences.conference_line import ConferenceLine
from tests.callbridge.carrier.live import carrier

WITHIN_S = 30.0  # on a machine with other work


def busy() -> tuple[ConferenceLine, dict[str, str]]:
    """A bridge, a conference and a queue; the calls by what they are for."""
    line = ConferenceLine()
    names = ("first", "second", "chair", "guest", "waiting")
    calls = {name: line.answered() for name in names}
    line.command(calls["first"], "bridge", call_control_id=calls["second"])
    line.create(calls["chair"], name="support")
    line.does("join", call_control_id=calls["guest"], mute=True)
    line.command(calls["waiting"], "enqueue", queue_name="sales")
    line.command(calls["first"], "record_start", format="wav", channels="single")
    line.tick(100)
    return line, calls


def look(line: ConferenceLine) -> CarrierScene:
    return line.switch.scene(line.now)


def drawn(scene: CarrierScene, *news: HappenedLine, width: int = 80, height: int = 24) -> list[str]:
    console = Console(width=width, height=height, record=True, file=io.StringIO())
    console.print(Picture(scene, news))
    return [row.rstrip() for row in console.export_text().splitlines()]


# ---- what is seen -------------------------------------------------------------------------------


def test_every_leg_is_seen_with_whom_it_is_and_what_it_does() -> None:
    line, calls = busy()
    seen = {leg.name: leg for leg in look(line).legs}
    assert len(seen) == 5
    ends = {name: call[-6:] for name, call in calls.items()}
    first = seen[ends["first"]]
    assert (first.state, first.place, first.does) == (
        "answered", f"with {ends['second']}", ("records",)
    )  # fmt: skip
    assert seen[ends["chair"]].place == "conference support"
    assert seen[ends["waiting"]].place == "sales, place 1"
    assert first.lasts_s == 2


def test_conferences_say_what_is_particular_about_a_member_and_queues_how_long_they_are() -> None:
    line, calls = busy()
    scene = look(line)
    [meeting] = scene.conferences
    assert meeting.name == "support"
    assert meeting.members == (calls["chair"][-6:], f"{calls['guest'][-6:]} muted")
    [queue] = scene.queues
    assert (queue.name, queue.waiting) == ("sales", 1)
    assert queue.longest_s == 2


def test_what_looks_the_same_is_equal_and_need_not_be_drawn_again() -> None:
    line, _ = busy()
    before = look(line)
    line.tick(10)
    assert look(line) == before
    line.tick(50)
    assert look(line) != before, "a second has passed"


def test_what_has_ended_is_seen_no_more() -> None:
    line, calls = busy()
    for call in calls.values():
        line.command(call, "hangup")
    line.tick()
    assert look(line) == CarrierScene((), (), ())


def test_news_are_told_once_and_in_order() -> None:
    line, calls = busy()
    news = TapeNews()
    before = line.switch.news(news, line.now)
    assert [each.at for each in before] == sorted(each.at for each in before)
    line.command(calls["first"], "hangup")
    after = line.switch.news(news, line.now)
    assert {"command", "state"} <= {each.kind for each in after}
    assert after[0].kind == "request", "before what came of it"
    assert not line.switch.news(news, line.now)


def test_a_request_is_told_whether_it_is_of_a_leg_or_refused_before() -> None:
    line, calls = busy()
    news = TapeNews()
    line.switch.news(news, line.now)
    line.tick()
    line.request("POST", "/v2/calls", {"to": "+13125550199"})
    line.request("GET", "/v2/queues/none", authorization="Bearer wrong")
    line.request("GET", "/v2/queues/sales")
    line.act("unmute", call_control_ids=[calls["guest"]])
    line.command(calls["chair"], "answer")
    found = filter(None, map(line_of, line.switch.news(news, line.now)))
    assert [(each.leg, each.what, each.bad) for each in found] == [
        ("-", "POST calls: 422 10004 connection_id is required", True),
        ("-", "GET queues/none: 401 10009 send the carrier's API key as a bearer token", True),
        ("-", f"POST conferences/…{line.id[-6:]}/actions/unmute: 200", False),
        (calls["chair"][-6:],
         "command answer: 422 90102 answer needs a call that is parked: this one is answered",
         True),
    ]  # fmt: skip


def test_of_a_storm_of_requests_the_latest_are_told() -> None:
    line = ConferenceLine()
    news = TapeNews()
    for number in range(1200):
        line.request("GET", f"/v2/calls/{number}")
    found = line.switch.news(news, line.now)
    assert [each.detail["path"] for each in (found[0], found[-1])] == [
        "/v2/calls/200", "/v2/calls/1199"
    ]  # fmt: skip
    assert not line.switch.news(news, line.now)


# ---- lines --------------------------------------------------------------------------------------


def told(kind: str, **detail: object) -> HappenedLine | None:
    return line_of(Happened(1_800_000_000.0, "Xh3fQ_", kind, detail))


@pytest.mark.parametrize(
    ("kind", "detail", "what", "bad"),
    [
        ("state", {"state": "answered"}, "answered", False),
        ("state", {"state": "ended", "cause": "user_busy", "source": "callee"},
         "ended: user_busy, by callee", False),
        ("state", {"state": "parked", "from": "+13125550100", "to": "+13125550199"},
         "parked: +13125550100 → +13125550199", False),
        ("webhook delivery",
         {"event_type": "call.answered", "delivered": True, "said": "200", "attempt": 1, "ms": 12},
         "webhook call.answered: 200, 12 ms", False),
        ("webhook delivery",
         {"event_type": "call.hangup", "delivered": False, "said": "500", "attempt": 1, "ms": 3,
          "url": "http://app/"},
         "webhook call.hangup: 500, 3 ms, http://app/", True),
        ("webhook delivery",
         {"event_type": "call.hangup", "delivered": False, "said": "500", "attempt": 2, "ms": 3,
          "url": "http://app/", "given_up": True},
         "webhook call.hangup attempt 2: 500, 3 ms, given up, http://app/", True),
        ("dtmf", {"digit": "5"}, "key 5", False),
        ("speak failed", {"why": "no voice"}, "speak failed why=no voice", True),
        ("relay said", {"text": "two\x1b[2J\nlines"}, "relay said text=two?[2J?lines", False),
    ],
)  # fmt: skip
def test_a_line_says_what_happened(
    kind: str, detail: dict[str, object], what: str, bad: bool
) -> None:
    line = told(kind, **detail)
    assert line is not None
    assert (line.leg, line.what, line.bad) == ("Xh3fQ_", what, bad)


def test_what_another_line_says_has_none_and_a_long_one_is_cut() -> None:
    assert told("webhook", event_type="call.answered") is None
    long = told("relay said", text="x" * 500)
    assert long is not None
    assert len(long.what) == 160
    assert long.what.endswith("…")


def test_a_program_gets_the_entry_whole() -> None:
    happened = Happened(1_800_000_000.5, "Xh3fQ_", "mark returned", {"name": "m1", "at": object})
    read = json.loads(json_line(happened))
    assert (read["at"], read["leg"], read["kind"]) == (1_800_000_000.5, "Xh3fQ_", "mark returned")
    assert read["detail"]["name"] == "m1"


# ---- the picture --------------------------------------------------------------------------------


def test_the_picture_shows_legs_rooms_queues_and_what_happened() -> None:
    line, calls = busy()
    rows = drawn(look(line), HappenedLine("03:15:22", "Xh3fQ_", "webhook call.hangup: 200", False))
    text = "\n".join(rows)
    for call in calls.values():
        assert call[-6:] in text
    assert f"{calls['first'][-6:]}  in   +1312" in text
    assert "conference support: " in text
    assert "queue sales: 1 waiting, the first for 0:02" in text
    assert "03:15:22 Xh3fQ_ webhook call.hangup: 200" in text
    assert all(len(row) <= 80 for row in rows)


@pytest.mark.parametrize("height", [6, 12, 24, 50])
@pytest.mark.parametrize("width", [40, 80, 200])
def test_it_fits_every_terminal_and_sums_up_what_has_no_room(width: int, height: int) -> None:
    line, _ = busy()
    scene = look(line)
    many = CarrierScene(tuple(_named(scene.legs[0], n) for n in range(40)), scene.conferences, ())
    news = [HappenedLine("03:15:22", "Xh3fQ_", f"key {n}", False) for n in range(100)]
    rows = drawn(many, *news, width=width, height=height)
    assert len(rows) < height
    assert all(len(row) <= width for row in rows)
    shown = sum(row.startswith("leg0") for row in rows)
    if shown < 40:
        assert f"… and {40 - shown} more legs" in rows
    assert "key 99" in rows[-1]


def _named(leg: SeenLeg, number: int) -> SeenLeg:
    return SeenLeg(
        f"leg{number:03}", leg.direction, leg.from_, leg.to, leg.state, 3700, "", leg.does
    )


def test_a_narrow_terminal_still_says_where_a_leg_is() -> None:
    line, calls = busy()
    rows = drawn(look(line), width=50)
    [row] = [row for row in rows if row.startswith(calls["waiting"][-6:])]
    assert "+1312" in row
    assert "sales, pl" in row


def test_names_move_no_cursor() -> None:
    line = ConferenceLine()
    caller = line.answered(from_="\x1b[2J+1312")
    line.create(caller, name="red\x1b[31m\nrow")
    console = Console(width=80, height=24, file=io.StringIO(), color_system=None)
    with console.capture() as capture:
        console.print(Picture(look(line), []))
    assert "\x1b" not in capture.get()
    assert "?[2J+1312 → " in capture.get()
    assert "conference red?[31m?row: " in capture.get()


def test_an_idle_carrier_says_so() -> None:
    assert drawn(CarrierScene((), (), ()))[0] == "no calls"


# ---- a real one ---------------------------------------------------------------------------------

COMMAND = (sys.executable, "-m", "callbridge", "carrier", "--port", "0")
NOBODY = ("--webhook-url", "http://127.0.0.1:9/webhooks")
STAYS = {"steps": [{"wait": "answered"}, {"wait": "hangup"}]}
SOME_S = 1.0  # for what must not come


def ring(out: Path) -> httpx.Response:
    """A call comes in at the carrier that has written its settings there."""
    settings = dict(
        row.removeprefix("export ").split("=", 1)
        for row in (out / "carrier.env").read_text().splitlines()
        if "=" in row
    )
    base = settings["TELNYX_BASE_URL"].strip("'\"").removesuffix("/v2")
    return httpx.post(
        f"{base}/carrier/calls", json=STAYS, headers={"Authorization": "Bearer local-key"},
        trust_env=False,
    )  # fmt: skip


class AtATerminal:
    """Somebody who has started a carrier in an 80x24 terminal."""

    def __init__(self, *command: str, **more: str) -> None:
        """`more` is added to its environment."""
        self._ours, self._theirs = pty.openpty()
        fcntl.ioctl(self._theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        self.before = self.modes
        env = {
            name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES")
        }
        self.child = subprocess.Popen(
            command, stdin=self._theirs, stdout=self._theirs, stderr=self._theirs,
            env=env | {"TERM": "xterm"} | more, start_new_session=True,
            preexec_fn=_take_the_terminal,
        )  # fmt: skip

    @property
    def modes(self) -> list[Any]:
        return termios.tcgetattr(self._theirs)

    def types(self, keys: bytes) -> None:
        os.write(self._ours, keys)

    def sees(self, words: str) -> str:
        """What is written until these words are."""
        text, until = "", time.monotonic() + WITHIN_S
        while words not in text:
            assert time.monotonic() < until, f"no {words!r} in: {text[-2000:]}"
            text += self.sees_for(0.2)
        return text

    def sees_for(self, seconds: float) -> str:
        """The next that is written, if anything is."""
        ready, _, _ = select.select([self._ours], [], [], seconds)
        return os.read(self._ours, 65536).decode(errors="replace") if ready else ""

    def resizes(self, width: int) -> None:
        fcntl.ioctl(self._theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, width, 0, 0))

    def leaves(self) -> None:
        self.child.kill()
        self.child.wait()
        os.close(self._ours)
        os.close(self._theirs)


def _take_the_terminal() -> None:
    """In the child: keys such as Ctrl-C are for it."""
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


@contextlib.contextmanager
def at_a_terminal(*command: str, **more: str) -> Generator[AtATerminal]:
    terminal = AtATerminal(*command, **more)
    try:
        yield terminal
    finally:
        terminal.leaves()


def test_a_call_shows_on_the_terminal_and_ctrl_c_leaves_it_as_it_was(tmp_path: Path) -> None:
    out = tmp_path / "out"
    with at_a_terminal(*COMMAND, *NOBODY, "--out", str(out)) as terminal:
        terminal.sees("no calls")
        assert not terminal.sees_for(SOME_S), "nothing happens, nothing is drawn"
        assert ring(out).status_code == 201
        terminal.sees("parked")
        terminal.sees("webhook call.initiated")
        terminal.types(b"\x03")
        left = terminal.sees("\x1b[?25h")  # the cursor is shown again
        assert "ended: " in left, "the last of it, too"
        assert "Traceback" not in left
        assert terminal.child.wait(WITHIN_S) == 0
        assert terminal.modes == terminal.before


def test_a_terminal_without_our_characters_shows_others_in_their_place(tmp_path: Path) -> None:
    command = (*COMMAND, *NOBODY, "--out", str(tmp_path))
    with at_a_terminal(*command, PYTHONIOENCODING="ascii") as terminal:
        terminal.sees("no calls")
        assert ring(tmp_path).status_code == 201
        terminal.sees("+13125550123 ? +13125550100")
        terminal.types(b"\x03")
        assert terminal.child.wait(WITHIN_S) == 0


async def test_a_view_that_breaks_costs_no_call(monkeypatch: pytest.MonkeyPatch) -> None:
    async def breaks(*_: object) -> None:
        raise ValueError("the view has a bug")

    monkeypatch.setattr(service, "watch", breaks)
    async with carrier(watching="text") as live:
        for _ in range(2):
            await live.ring(**STAYS)
            await asyncio.sleep(0.05)  # so that the first can take its effect


def test_a_terminal_that_is_resized_is_drawn_anew(tmp_path: Path) -> None:
    with at_a_terminal(*COMMAND, *NOBODY, "--out", str(tmp_path)) as terminal:
        terminal.sees("no calls")
        terminal.resizes(50)
        _, _, anew = terminal.sees("\x1b[2J").rpartition("\x1b[2J")
        assert "no calls" in anew + terminal.sees_for(SOME_S)


@contextlib.contextmanager
def in_a_pipe(out: Path, *more: str) -> Generator["subprocess.Popen[str]"]:
    """A carrier whose first lines, until it listens, are read."""
    with subprocess.Popen(
        [*COMMAND, *NOBODY, "--out", str(out), "--watch", *more], stdout=subprocess.PIPE, text=True
    ) as child:
        try:
            assert child.stdout is not None
            while "carrier.env" not in (row := child.stdout.readline()) and "{" not in row:
                assert row, "it has ended"
            yield child
        finally:
            child.kill()


def stopped(child: "subprocess.Popen[str]") -> int:
    child.send_signal(signal.SIGINT)
    return child.wait(WITHIN_S)


def test_a_pipe_gets_lines_down_to_the_last_word(tmp_path: Path) -> None:
    with in_a_pipe(tmp_path) as child:
        assert child.stdout is not None
        assert ring(tmp_path).status_code == 201
        assert " parked: +1312" in child.stdout.readline()
        assert stopped(child) == 0
        rest = child.stdout.read()
    assert " ended: unspecified, by unknown\n" in rest
    assert " webhook call.hangup: " in rest


def test_a_program_gets_objects(tmp_path: Path) -> None:
    with in_a_pipe(tmp_path, "--json") as child:
        assert child.stdout is not None
        assert ring(tmp_path).status_code == 201
        first = json.loads(child.stdout.readline())
        assert stopped(child) == 0
        kinds = [json.loads(row)["kind"] for row in child.stdout]
    assert (first["kind"], first["detail"]["state"]) == ("state", "parked")
    assert "webhook delivery" in kinds


def test_who_stops_reading_loses_lines_and_no_calls(tmp_path: Path) -> None:
    with in_a_pipe(tmp_path, "--json") as child:
        for _ in range(200):  # 64 KiB and more
            assert ring(tmp_path).status_code == 201
        time.sleep(SOME_S)
        assert ring(tmp_path).status_code == 201
        assert stopped(child) == 0


def test_who_closes_the_pipe_ends_no_calls(tmp_path: Path) -> None:
    with in_a_pipe(tmp_path) as child:
        assert child.stdout is not None
        child.stdout.close()
        assert ring(tmp_path).status_code == 201
        time.sleep(SOME_S)
        assert ring(tmp_path).status_code == 201
        assert stopped(child) == 0
