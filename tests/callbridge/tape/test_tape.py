"""The tape: written once, read by the log, by a file, by whoever listens."""

import logging
from pathlib import Path

import msgspec
import pytest

from callbridge import App, Call
from callbridge.calls.calllog import CallLog
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


# ---- in whole calls -----------------------------------------------------------------------------


class Watches:
    """Keeps all that happens on its call."""

    def __init__(self) -> None:
        self.seen: list[CallEvent] = []

    async def __call__(self, call: Call) -> None:
        self.seen.extend([event async for event in call.events()])


class LogsAsEverybodyDoes:
    """With arguments of every kind; keeps the messages that came of it."""

    def __init__(self, logger: logging.Logger) -> None:
        self._logger = logger

    async def __call__(self, call: Call) -> None:
        leg = call._leg  # pyright: ignore[reportPrivateUsage]
        listener = leg.tape.listen()
        log = CallLog(self._logger, leg)
        log.info("%s of %d", "one", 2)
        log.info("%(a)s", {"a": "named"})
        log.info("%d does not fit", "this")
        self.messages = [e.message for e in listener.events if isinstance(e, BotLog)]


async def logs_what_json_does_not_know(call: Call) -> None:
    call.log.info("here", extra={"why": 2, "who": Path("a")})


@pytest.fixture
def silent_logger() -> logging.Logger:
    logger = logging.getLogger("callbridge.tests.silent")
    logger.propagate = False
    logger.addHandler(logging.NullHandler())
    return logger


async def test_a_bot_sees_what_happens_on_its_call(app: App, pair: Pair) -> None:
    bot = Watches()
    app.call(bot)
    await pair.call(caller(Press("5"), Wait("bot_silent", 0.5), HangUp()))
    assert any(isinstance(event, KeyPressed) and event.digit == "5" for event in bot.seen)


async def test_a_log_line_of_the_bot_is_an_event_as_logging_would_write_it(
    app: App, pair: Pair, silent_logger: logging.Logger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logging, "raiseExceptions", False)
    bot = LogsAsEverybodyDoes(silent_logger)
    app.call(bot)
    await pair.call(caller(Wait("hangup")))
    assert bot.messages == ["one of 2", "named", "%d does not fit"]


async def test_a_bot_may_log_a_field_that_logging_has_for_itself(
    app: App, pair: Pair, caplog: pytest.LogCaptureFixture
) -> None:
    seen: list[BotLog] = []

    @app.call
    async def asks(call: Call) -> None:
        leg = call._leg  # pyright: ignore[reportPrivateUsage]
        listener = leg.tape.listen()
        call.log.warning("found", extra={"name": "Ann", "message": "hello"})
        seen.extend(event for event in listener.events if isinstance(event, BotLog))

    await pair.call(caller(Wait("hangup")))
    (record,) = [each for each in caplog.records if each.getMessage() == "found"]
    assert (vars(record)["name_"], vars(record)["message_"]) == ("Ann", "hello")
    assert [event.fields for event in seen] == [{"name": "Ann", "message": "hello"}]


async def test_an_error_frame_of_the_platform_reaches_the_bot(app: App, pair: Pair) -> None:
    bot = Watches()
    app.call(bot)
    call = await pair.ring()
    (leg,) = app.service.calls.legs()
    assert leg.stream is not None
    leg.stream.feed('{"event":"error","payload":{"code":100004,"title":"invalid_media"}}')
    await call.hangs_up()
    errors = [event for event in bot.seen if isinstance(event, StreamError)]
    assert [(error.code, error.title) for error in errors] == [(100004, "invalid_media")]


@pytest.mark.virtual
async def test_the_tape_file_has_the_whole_call(app: App, tmp_path: Path) -> None:
    file = tmp_path / "tape.jsonl"
    app.call(logs_what_json_does_not_know)
    await Pair(app, tape=str(file)).call(caller(Wait("hangup")))
    await app.close()
    lines = [read_line(text) for text in file.read_bytes().splitlines()]
    assert isinstance(lines[0].happened, CallBegan)
    assert isinstance(lines[-1].happened, CallOver)
    assert {line.call for line in lines} == {lines[0].call}
    assert [line.at for line in lines] == sorted(line.at for line in lines)
    plain = [msgspec.json.decode(text) for text in file.read_bytes().splitlines()]
    [log] = [line["happened"] for line in plain if line["happened"]["event"] == "log"]
    assert (log["message"], log["fields"]) == ("here", {"why": 2, "who": "a"})


# ---- a tape that cannot be written --------------------------------------------------------------


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
