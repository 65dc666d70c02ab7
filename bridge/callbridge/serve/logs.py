"""Log lines with the call's ids, for people or for programs, and without secrets."""

import asyncio
import logging
import sys
import traceback
from contextlib import nullcontext
from types import TracebackType
from typing import Any, Literal

from pythonjsonlogger.json import JsonFormatter

from callbridge.sockets.tokens import masked, may_name_token
from callbridge.tape.codeline import is_foreign

LogForm = Literal["auto", "json", "text"]

LATER_S = 0.25  # that a line may wait for others
BUNDLE = 20  # lines, 0.6 ms of work

STANDARD = set(vars(logging.makeLogRecord({}))) | {
    "message",
    "asctime",
    "taskName",
    "color_message",
}


class MaskTokens(logging.Filter):
    """Servers log the address of a WebSocket, at the debug level also headers and frames; a refusal
    of the platform may quote what we sent. Ours carry tokens."""

    def filter(self, record: logging.LogRecord) -> bool:
        if isinstance(record.args, tuple):  # one by one: formatters of access logs unpack them
            record.args = tuple(masked(a) if isinstance(a, str) else a for a in record.args)
        try:
            whole = record.getMessage()
        except Exception:  # a format that does not fit is for the handler to report
            return True
        if (shown := masked(whole)) != whole:
            record.msg, record.args = shown, None
        for name, value in vars(record).items():
            if isinstance(value, str) and name not in STANDARD:
                setattr(record, name, masked(value))
        return True


class Masked(logging.Formatter):
    """Lines of another formatter, without tokens.

    The finished line is looked at: nearly none names a token, and to look at every field of every
    record takes longer than to write them down."""

    def __init__(self, formatter: logging.Formatter) -> None:
        super().__init__()
        self._formatter = formatter

    def format(self, record: logging.LogRecord) -> str:
        line = self._formatter.format(record)
        if not may_name_token(line):
            return line
        MaskTokens().filter(record)
        return self._formatter.format(record)


class TextFormatter(logging.Formatter):
    """`time level message key=value …`, a line for each record but for its traceback. Before that
    stands the line of it that its reader wrote themselves.

    The platform's id of a call is long: it stands where the call begins, beside our own."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)-7s %(message)s")

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802  the base class's name
        fields = vars(record)
        extra = fields.keys() - STANDARD
        if "call" in extra and "direction" not in extra:
            extra.discard("call_control_id")
        line = super().formatMessage(record)
        for key in fields:  # in their order
            if key in extra and (value := fields[key]) is not None and value != "":
                line += f" {key}={value}"
        if not line.isprintable():
            # What comes from outside, such as a caller's name, must not look like a line of ours.
            line = "".join(c if c.isprintable() else repr(c)[1:-1] for c in line)
        own = own_line(record.exc_info[2]) if record.exc_info else ""
        return f"{line}\n{own}" if own else line


def own_line(trace: TracebackType | None) -> str:
    """The last line of a traceback that is the bot's: neither ours, nor a library's."""
    frames = [f for f in traceback.extract_tb(trace) if not is_foreign(f.filename)]
    if not frames:
        return ""
    last = frames[-1]
    return f"{last.filename}, line {last.lineno}, in {last.name}: {last.line}"


class LaterLines(logging.Handler):
    """Writes what `handler` would, a moment later and together: a turn does not wait for its own
    line, which takes 0.4 ms of a process that has just woken up, and whoever reads the log is woken
    less often.

    A warning, a full bundle and the end of the process do not wait, nor does a thread without an
    event loop; what came before goes before."""

    def __init__(self, handler: "logging.StreamHandler[Any]") -> None:
        super().__init__()
        self._handler = handler
        self._waiting: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self._waiting.append(record)
        if record.levelno >= logging.WARNING or len(self._waiting) >= BUNDLE:
            self.flush()
        elif len(self._waiting) == 1:
            try:
                asyncio.get_running_loop().call_later(LATER_S, self.flush)
            except RuntimeError:  # no loop is running here
                self.flush()

    def flush(self) -> None:
        with self.lock or nullcontext():
            waiting, self._waiting = self._waiting, []
            if not (lines := "".join(map(self._line, waiting))):
                return
            try:
                self._handler.stream.write(lines)
                self._handler.flush()
            except (OSError, ValueError):  # the stream is full, broken or closed
                self.handleError(waiting[-1])

    def _line(self, record: logging.LogRecord) -> str:
        """Empty if it is not to be seen."""
        try:
            if self._handler.filter(record):
                return self._handler.format(record) + self._handler.terminator
        except Exception:  # as in `logging`: a line that cannot be made must not stop a call
            self.handleError(record)
        return ""


def form_here(form: LogForm) -> Literal["json", "text"]:
    """`auto` is text on a terminal, for people, and JSON elsewhere, for programs."""
    if form == "auto":
        return "text" if sys.stderr.isatty() else "json"
    return form


def set_up(form: LogForm, level: int = logging.INFO) -> None:
    """Log to standard error; for the command line, as an embedding application has its own way."""
    # Who runs a line is no part of ours, and to find it out takes a third of making a record.
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    logging.basicConfig(level=level, handlers=[LaterLines(_handler(form))], force=True)
    quieten_libraries()


def quieten_libraries() -> None:
    """What they tell of each request is of no use beside a call."""
    http = ("httpx", "httpcore", "httpx2", "httpcore2", "openai")
    for noisy in (*http, "websockets", "uvicorn.access", "uvicorn.error"):
        logging.getLogger(noisy).setLevel(logging.WARNING)


def set_up_where_nobody_did(form: LogForm) -> None:
    """Our own lines, under a server that sets up nothing but its own: `uvicorn bot:app`."""
    logger = logging.getLogger("callbridge")
    if not logger.hasHandlers():
        logger.addHandler(_handler(form))
        logger.setLevel(logging.INFO)


class ErrorOutput:
    """What is standard error at the moment: a live view puts its own in the place of it, so that a
    line does not go through the picture."""

    def write(self, text: str) -> int:
        return sys.stderr.write(text)

    def flush(self) -> None:
        sys.stderr.flush()


def _handler(form: LogForm) -> "logging.StreamHandler[ErrorOutput]":
    handler = logging.StreamHandler(ErrorOutput())
    form = form_here(form)
    handler.setFormatter(Masked(_json() if form == "json" else TextFormatter()))
    return handler


def _json() -> JsonFormatter:
    # What is left of a record is what was said with it.
    return JsonFormatter(
        "%(asctime)s %(levelname)s %(name)s %(message)s", reserved_attrs=[*STANDARD]
    )


def mask_server_logs() -> None:
    """Keep tokens out of the log of a server that is not ours to set up."""
    for name in ("uvicorn.error", "uvicorn.access", "uvicorn"):
        logger = logging.getLogger(name)
        if not any(isinstance(f, MaskTokens) for f in logger.filters):
            logger.addFilter(MaskTokens())
