"""Log lines: readable by people and programs, never with a token, never one that looks like two."""

import asyncio
import io
import json
import logging
import subprocess
import sys
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from pythonjsonlogger.json import JsonFormatter

from callbridge.media.wire import TOKEN_HEADER
from callbridge.serve.logs import (
    BUNDLE,
    LATER_S,
    LaterLines,
    LogForm,
    Masked,
    MaskTokens,
    TextFormatter,
    form_here,
    mask_server_logs,
    set_up_where_nobody_did,
)
from callbridge.sockets import tokens

TOKEN = tokens.mint("4f2a", 1_800_000_000, b"a secret of this process")


@pytest.fixture
def logger() -> Iterator[logging.Logger]:
    """A logger that masks, and that no other test has."""
    logger = logging.getLogger("test_logs")
    logger.setLevel(logging.DEBUG)
    logger.propagate = False
    masking = MaskTokens()
    logger.addFilter(masking)
    yield logger
    logger.removeFilter(masking)
    logger.handlers.clear()


def lines(logger: logging.Logger) -> io.StringIO:
    """What it writes from now on, as text."""
    out = io.StringIO()
    handler = logging.StreamHandler(out)
    handler.setFormatter(TextFormatter())
    logger.addHandler(handler)
    return out


def test_ids_stand_behind_the_message(logger: logging.Logger) -> None:
    out = lines(logger)
    logger.info("call begins", extra={"call": "4f2a", "from": "+1312", "to": "", "n": 0})
    line = out.getvalue()
    assert line.endswith("INFO    call begins call=4f2a from=+1312 n=0\n")


@pytest.mark.parametrize(
    ("message", "args"),
    [
        ('%s - "WebSocket %s" [accepted]', ("127.0.0.1:9", f"/media?token={TOKEN}")),
        (f"/media?token={TOKEN}", ()),
        ("< %s: %s", (TOKEN_HEADER, TOKEN)),
        ("> %s", (b"GET /media?token=" + TOKEN.encode(),)),
        ("%(path)s", ({"path": f"/media?token={TOKEN}"},)),
    ],
)
def test_no_token_is_written(logger: logging.Logger, message: str, args: tuple[object]) -> None:
    out = lines(logger)
    logger.info(message, *args)
    assert TOKEN not in out.getvalue()
    assert "***" in out.getvalue()


def test_no_token_is_written_in_a_field(logger: logging.Logger) -> None:
    """The platform's refusals quote what was sent."""
    out = lines(logger)
    logger.info("refused", extra={"error": f"stream_url wss://host/media?token={TOKEN} is no URL"})
    assert TOKEN not in out.getvalue()
    assert "error=stream_url wss://host/media?token=***" in out.getvalue()


@pytest.mark.parametrize("formatter", [TextFormatter(), JsonFormatter()])
def test_a_formatter_that_masks_leaves_no_token_and_every_other_word(
    formatter: logging.Formatter,
) -> None:
    masked = Masked(formatter)
    line = record("GET %s of %s", f"/media?token={TOKEN}", "a token")
    line.error = f"x-telnyx-streaming-auth-token: {TOKEN}"
    line.said = "two tokens"
    written = masked.format(line)
    assert TOKEN not in written
    assert "token=*** of a token" in written
    assert "two tokens" in written


def record(message: str, *args: object) -> logging.LogRecord:
    return logging.LogRecord("uvicorn.access", logging.INFO, "", 0, message, args, None)


def test_arguments_stay_apart_for_formatters_that_unpack_them() -> None:
    line = record('%s - "%s %s" %d', "127.0.0.1", "GET", f"/media?token={TOKEN}", 404)
    assert MaskTokens().filter(line)
    assert line.args == ("127.0.0.1", "GET", "/media?token=***", 404)


def test_a_format_that_does_not_fit_is_not_ours_to_raise() -> None:
    line = record("%d calls", "many")
    assert MaskTokens().filter(line)
    assert line.args == ("many",)


def test_a_callers_name_cannot_forge_a_line(logger: logging.Logger) -> None:
    out = lines(logger)
    logger.info("call begins", extra={"from": "Eve\n2026-01-01 INFO call ends\x1b[2J"})
    assert out.getvalue().count("\n") == 1
    assert "\x1b" not in out.getvalue()


def test_a_traceback_keeps_its_lines(logger: logging.Logger) -> None:
    out = lines(logger)
    try:
        raise ValueError("a bug of the bot")
    except ValueError:
        logger.exception("the bot raised")
    assert out.getvalue().endswith("\nValueError: a bug of the bot\n")


def test_the_bots_own_last_line_stands_before_its_traceback(
    logger: logging.Logger, tmp_path: Path
) -> None:
    """A library below it raised, and ours called it."""
    bot = tmp_path / "bot.py"
    bot.write_text("import json\n\ndef menu(text):\n    return json.loads(text)\n")
    names: dict[str, Any] = {}
    exec(compile(bot.read_text(), str(bot), "exec"), names)
    out = lines(logger)
    try:
        names["menu"]("{")
    except ValueError:
        logger.exception("the bot raised")
    head, own, traceback, *_ = out.getvalue().splitlines()
    assert head.endswith("the bot raised")
    assert own == f"{bot}, line 4, in menu: return json.loads(text)"
    assert traceback == "Traceback (most recent call last):"


def test_the_platforms_long_id_stands_only_where_the_call_begins(logger: logging.Logger) -> None:
    out = lines(logger)
    ids = {"call": "4f2a", "call_control_id": "v3:long"}
    logger.info("call begins", extra={**ids, "direction": "incoming"})
    logger.info("call ended", extra={**ids, "cause": "normal_clearing"})
    begins, ended = out.getvalue().splitlines()
    assert "call_control_id=v3:long" in begins
    assert ended.endswith("call ended call=4f2a cause=normal_clearing")


@pytest.mark.parametrize(
    ("form", "terminal", "expected"),
    [("auto", True, "text"), ("auto", False, "json"), ("json", True, "json"),
     ("text", False, "text")],
)  # fmt: skip
def test_logs_are_text_on_a_terminal_and_json_elsewhere_unless_a_setting_says_which(
    form: LogForm, terminal: bool, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: terminal)
    assert form_here(form) == expected


def test_servers_logs_are_masked_once() -> None:
    for _ in range(3):
        mask_server_logs()
    for name in ("uvicorn.error", "uvicorn.access", "uvicorn"):
        filters = logging.getLogger(name).filters
        assert sum(isinstance(each, MaskTokens) for each in filters) == 1


PROGRAM = """
import logging
from callbridge.serve.logs import set_up
set_up({form!r})
logging.getLogger("callbridge").info("call begins", extra={{"call": "4f2a", "url": "x?token=T"}})
logging.getLogger("anyone").warning("of /media?token=T")
logging.getLogger("httpx").info("HTTP Request: POST")
"""


@pytest.mark.parametrize("form", ["json", "text"])
def test_the_command_line_logs_to_standard_error(form: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(form=form)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == ""
    written = done.stderr.splitlines()
    assert len(written) == 2
    if form == "json":
        first, second = map(json.loads, written)
        assert (first["message"], first["call"], first["url"]) == (
            "call begins",
            "4f2a",
            "x?token=***",
        )
        assert second["message"] == "of /media?token=***"
    else:
        assert written[0].endswith("INFO    call begins call=4f2a url=x?token=***")
        assert written[1].endswith("WARNING of /media?token=***")


# ---- a moment later -----------------------------------------------------------------------------


class Waiting:
    """A logger whose lines wait for each other, and what was written so far."""

    def __init__(self, logger: logging.Logger) -> None:
        self.log = logger
        self._out = io.StringIO()
        self.handler = LaterLines(logging.StreamHandler(self._out))
        logger.addHandler(self.handler)

    def close(self) -> None:
        self._out.close()

    @property
    def written(self) -> list[str]:
        return self._out.getvalue().splitlines()


@pytest.fixture
def waiting(logger: logging.Logger) -> Waiting:
    return Waiting(logger)


async def test_lines_of_a_loop_are_written_together_a_moment_later(waiting: Waiting) -> None:
    waiting.log.info("one")
    waiting.log.info("two")
    assert waiting.written == []
    await asyncio.sleep(1.5 * LATER_S)
    assert waiting.written == ["one", "two"]
    waiting.log.info("three")
    await asyncio.sleep(1.5 * LATER_S)
    assert waiting.written == ["one", "two", "three"]


async def test_a_warning_does_not_wait_and_what_came_before_goes_before(waiting: Waiting) -> None:
    waiting.log.info("one")
    waiting.log.warning("two")
    assert waiting.written == ["one", "two"]


async def test_a_full_bundle_does_not_wait(waiting: Waiting) -> None:
    for number in range(BUNDLE + 1):
        waiting.log.info("%d", number)
    assert len(waiting.written) == BUNDLE


def test_without_an_event_loop_nothing_waits(waiting: Waiting) -> None:
    waiting.log.info("one")
    assert waiting.written == ["one"]


async def test_a_line_that_cannot_be_made_costs_no_other_line(
    waiting: Waiting, capsys: pytest.CaptureFixture[str]
) -> None:
    waiting.handler.handle(logging.LogRecord("n", logging.INFO, "", 0, "%d", ("no number",), None))
    waiting.log.warning("two")
    assert waiting.written == ["two"]
    assert "no number" in capsys.readouterr().err


def test_a_stream_that_is_closed_stops_nobody(
    waiting: Waiting, capsys: pytest.CaptureFixture[str]
) -> None:
    waiting.close()
    waiting.log.warning("nobody reads this")
    assert "closed file" in capsys.readouterr().err


# ---- under a server that sets up nothing for us --------------------------------------------------


@contextmanager
def bare() -> Generator[logging.Logger]:
    """Our logger, in a process whose logging nobody has set up: pytest adds handlers to tests."""
    logger = logging.getLogger("callbridge")
    handlers, level, propagate = logger.handlers[:], logger.level, logger.propagate
    logger.handlers, logger.propagate = [], False
    try:
        yield logger
    finally:
        logger.handlers, logger.propagate = handlers, propagate
        logger.setLevel(level)


def test_a_calls_lines_appear_where_nobody_has_set_logging_up(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with bare() as logger:
        for _ in range(2):  # an application that is served again does not say everything twice
            set_up_where_nobody_did("text")
        logger.info("call begins", extra={"call": "abc"})
    assert capsys.readouterr().err.count("call begins call=abc") == 1


def test_who_has_set_logging_up_keeps_it() -> None:
    own = logging.NullHandler()
    with bare() as logger:
        logger.addHandler(own)
        set_up_where_nobody_did("text")
        assert logger.handlers == [own]
