"""The tape: written once, read by the log, by a file, by whoever listens."""

import asyncio
import logging
from pathlib import Path

import msgspec
import numpy as np
import pytest

from callbridge import Call
from callbridge.calls.course import CallLog
from callbridge.errors import SettingsError
from callbridge.tape.events import (
    BotCrashed,
    BotLog,
    CallBegan,
    CallEvent,
    CallOver,
    KeyPressed,
    StreamError,
    Withheld,
)
from callbridge.tape.lines import LogLines
from callbridge.tape.tape import LISTENER_LIMIT, Tape, TapeFile, read_line
from callbridge.testing import HangUp, Pair, Press, Wait, caller
from tests.callbridge.rehearsal import in_memory


class Ids:
    reference = "c1"
    call_control_id = "v3:x"


def tape() -> Tape:
    return Tape(Ids(), lambda: 5.0, [LogLines(logging.getLogger("callbridge"))])


def test_a_log_line_has_the_ids_and_the_fields_that_say_something(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    tape().write(Withheld(at=4.5))
    tape().write(KeyPressed(digit="5"))  # no line at this level
    [record] = caplog.records
    assert (record.message, record.levelname) == ("withheld", "INFO")
    fields = vars(record)
    assert (fields["call"], fields["call_control_id"], fields["at"]) == ("c1", "v3:x", 4.5)


def test_a_crash_is_logged_with_its_exception(caplog: pytest.LogCaptureFixture) -> None:
    error = ValueError("no such tune")
    tape().write(BotCrashed(error="ValueError: no such tune", traceback="..."), error)
    [record] = caplog.records
    assert record.exc_info is not None
    assert record.exc_info[1] is error


def test_every_listener_has_a_queue_of_its_own_and_leaves_by_itself() -> None:
    written = tape()
    first, second = written.listen(), written.listen()
    written.write(Withheld(at=1.0))
    written.leave(first)
    written.write(Withheld(at=2.0))
    assert list(first.events) == [Withheld(at=1.0)]
    assert list(second.events) == [Withheld(at=1.0), Withheld(at=2.0)]
    for number in range(LISTENER_LIMIT + 5):
        written.write(Withheld(at=float(number)))
    assert len(second.events) == LISTENER_LIMIT


def test_a_bot_sees_what_happens_on_its_call() -> None:
    seen: list[CallEvent] = []

    async def bot(call: Call) -> None:
        seen.extend([event async for event in call.events()])

    async def test(pair: Pair) -> None:
        await pair.call(caller(Press("5"), Wait("bot_silent", 0.5), HangUp()))

    in_memory(bot, test)
    assert any(isinstance(event, KeyPressed) and event.digit == "5" for event in seen)


def test_a_log_line_of_the_bot_is_an_event_as_logging_would_write_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(logging, "raiseExceptions", False)
    messages: list[str] = []
    logger = logging.getLogger("callbridge.tests.silent")
    logger.propagate = False
    logger.addHandler(logging.NullHandler())

    async def bot(call: Call) -> None:
        listener = call._leg.tape.listen()  # pyright: ignore[reportPrivateUsage]
        log = CallLog(logger, call._leg)  # pyright: ignore[reportPrivateUsage]
        log.info("%s of %d", "one", 2)
        log.info("%(a)s", {"a": "named"})
        log.info("%d does not fit", "this")
        messages.extend(e.message for e in listener.events if isinstance(e, BotLog))

    async def test(pair: Pair) -> None:
        await pair.call(caller(Wait("hangup")))

    in_memory(bot, test)
    assert messages == ["one of 2", "named", "%d does not fit"]


def test_an_error_frame_of_the_platform_reaches_the_bot() -> None:
    errors: list[StreamError] = []

    async def bot(call: Call) -> None:
        await call.write(np.zeros(10, np.int16))
        async for event in call.events():
            if isinstance(event, StreamError):
                errors.append(event)
                return

    async def test(pair: Pair) -> None:
        placed = pair.place(caller(Wait("bot_silent", 2.0), HangUp()))
        await asyncio.sleep(0.5)
        (leg,) = pair.app.service.calls.legs()
        assert leg.stream is not None
        leg.stream.feed('{"event":"error","payload":{"code":100004,"title":"invalid_media"}}')
        await pair.finished(placed)

    in_memory(bot, test)
    assert [(each.code, each.title) for each in errors] == [(100004, "invalid_media")]


def test_the_tape_file_has_the_whole_call(tmp_path: Path) -> None:
    file = tmp_path / "tape.jsonl"

    async def bot(call: Call) -> None:
        call.log.info("here", extra={"why": 2, "who": Path("a")})

    async def test(pair: Pair) -> None:
        await pair.call(caller(Wait("hangup")))

    in_memory(bot, test, tape=str(file))
    lines = [read_line(text) for text in file.read_bytes().splitlines()]
    assert isinstance(lines[0].happened, CallBegan)
    assert isinstance(lines[-1].happened, CallOver)
    assert {line.call for line in lines} == {lines[0].call}
    assert [line.at for line in lines] == sorted(line.at for line in lines)
    plain = [msgspec.json.decode(text) for text in file.read_bytes().splitlines()]
    [log] = [line["happened"] for line in plain if line["happened"]["event"] == "log"]
    assert (log["message"], log["fields"]) == ("here", {"why": 2, "who": "a"})


class Mute:
    """A value that nothing can show."""

    def __str__(self) -> str:
        raise TypeError("no text")


def test_what_cannot_be_written_costs_the_line_and_not_the_call(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = TapeFile(str(tmp_path / "tape.jsonl"))
    for _ in range(2):
        file.on_event(Ids(), 1.0, BotLog(levelno=20, message="x", fields={"a": Mute()}), None)
    file.on_event(Ids(), 2.0, Withheld(at=2.0), None)
    file.close()
    assert [read_line(text).at for text in (tmp_path / "tape.jsonl").read_bytes().splitlines()] == [
        2.0
    ]
    assert [record.message for record in caplog.records] == ["the tape is not written"]


def test_a_tape_that_cannot_be_opened_is_said_at_the_start(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="CALLBRIDGE_TAPE"):
        TapeFile(str(tmp_path / "nowhere" / "tape.jsonl"))
