"""What somebody sees who watches a carrier: on a terminal, in a pipe, in a program."""

import contextlib
import io
import json
import os
import pty
import select
import signal
import subprocess
import sys
import time
from collections.abc import Generator
from pathlib import Path
from typing import Any

import httpx
import pytest
from rich.console import Console

from callbridge.carrier.watch.lines import HappenedLine, json_line, line_of
from callbridge.carrier.watch.picture import Picture
from callbridge.carrier.watch.scene import CarrierScene, Happened, SeenLeg, TapeNews
from tests.callbridge.carrier.conferences.conference_line import ConferenceLine

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
    assert first.lasts_s == pytest.approx(2.0, abs=0.2)


def test_conferences_say_what_is_particular_about_a_member_and_queues_how_long_they_are() -> None:
    line, calls = busy()
    scene = look(line)
    [meeting] = scene.conferences
    assert meeting.name == "support"
    assert meeting.members == (calls["chair"][-6:], f"{calls['guest'][-6:]} muted")
    [queue] = scene.queues
    assert (queue.name, queue.waiting) == ("sales", 1)
    assert queue.longest_s == pytest.approx(2.0, abs=0.2)


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
    assert not line.switch.news(news, line.now)
    assert not {id(each) for each in before} & {id(each) for each in after}


# ---- lines --------------------------------------------------------------------------------------


def told(kind: str, **detail: object) -> HappenedLine | None:
    return line_of(Happened(1_800_000_000.0, "Xh3fQ_", kind, detail))


@pytest.mark.parametrize(
    ("kind", "detail", "what", "bad"),
    [
        ("state", {"state": "answered"}, "answered", False),
        ("state", {"state": "ended", "cause": "user_busy", "source": "callee"},
         "ended: user_busy, by callee", False),
        ("command", {"action": "speak"}, "command speak", False),
        ("command refused", {"action": "speak", "why": "90018"},
         "command speak refused: 90018", True),
        ("webhook delivery", {"event_type": "call.answered", "delivered": True, "said": "200"},
         "webhook call.answered: 200", False),
        ("webhook delivery",
         {"event_type": "call.hangup", "delivered": False, "said": "500", "attempt": 1,
          "url": "http://app/"},
         "webhook call.hangup attempt 1: 500, http://app/", True),
        ("webhook delivery",
         {"event_type": "call.hangup", "delivered": False, "said": "500", "attempt": 2,
          "url": "http://app/", "given_up": True},
         "webhook call.hangup given up: 500, http://app/", True),
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
        f"leg{number:03}", leg.direction, leg.from_, leg.to, leg.state, 3700.0, "", leg.does
    )


def test_an_idle_carrier_says_so() -> None:
    assert drawn(CarrierScene((), (), ()))[0] == "no calls"


# ---- a real one ---------------------------------------------------------------------------------

COMMAND = (sys.executable, "-m", "callbridge", "carrier", "--port", "0")
STAYS = {"steps": [{"wait": "answered"}, {"wait": "hangup"}]}


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


@contextlib.contextmanager
def on_a_terminal(*command: str) -> Generator[tuple[int, "subprocess.Popen[bytes]"]]:
    ours, theirs = pty.openpty()
    env = os.environ | {"TERM": "xterm", "COLUMNS": "80", "LINES": "24"}
    child = subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, env=env)
    os.close(theirs)
    try:
        yield ours, child
    finally:
        child.kill()
        child.wait()
        os.close(ours)


def read_until(terminal: int, words: str) -> str:
    text, until = "", time.monotonic() + WITHIN_S
    while words not in text:
        assert time.monotonic() < until, f"no {words!r} in: {text[-2000:]}"
        if select.select([terminal], [], [], 0.2)[0]:
            text += os.read(terminal, 65536).decode(errors="replace")
    return text


def test_a_call_shows_on_the_terminal_and_ctrl_c_leaves_it_as_it_was(tmp_path: Path) -> None:
    out = tmp_path / "out"
    with on_a_terminal(*COMMAND, "--out", str(out)) as (terminal, child):
        read_until(terminal, "no calls")
        assert ring(out).status_code == 201
        read_until(terminal, "parked")
        read_until(terminal, "webhook call.initiated")
        child.send_signal(signal.SIGINT)
        left = read_until(terminal, "\x1b[?25h")  # the cursor is shown again
        assert "Traceback" not in left
        assert child.wait(WITHIN_S) == 0


@pytest.mark.parametrize("form", ["text", "json"])
def test_a_pipe_gets_lines_if_it_wants_them(tmp_path: Path, form: str) -> None:
    out = tmp_path / "out"
    more = ["--json"] if form == "json" else []
    with subprocess.Popen(
        [*COMMAND, "--out", str(out), "--watch", *more], stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout is not None
        rows: list[Any] = [child.stdout.readline()]
        while form == "text" and "carrier.env" not in rows[-1]:
            rows.append(child.stdout.readline())
        assert ring(out).status_code == 201
        row = child.stdout.readline()
        child.send_signal(signal.SIGINT)
        if form == "json":
            assert json.loads(row)["kind"] == "state"
        else:
            assert row.rstrip().endswith(" parked")
        child.stdout.read()
        assert child.wait(WITHIN_S) == 0
