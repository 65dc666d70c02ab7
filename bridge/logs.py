"""Log lines with the call's ids, for people or for programs, and without secrets."""

import logging
import sys
from typing import Literal

from pythonjsonlogger.json import JsonFormatter

from bridge.media.tokens import masked

STANDARD = set(vars(logging.makeLogRecord({}))) | {
    "message",
    "asctime",
    "taskName",
    "color_message",
}


class MaskTokens(logging.Filter):
    """Servers log the address of a WebSocket, and ours carry tokens."""

    def filter(self, record: logging.LogRecord) -> bool:
        if isinstance(record.args, tuple):
            record.args = tuple(masked(a) if isinstance(a, str) else a for a in record.args)
        record.msg = masked(record.msg) if isinstance(record.msg, str) else record.msg
        return True


class TextFormatter(logging.Formatter):
    """`time level message key=value …`"""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)-7s %(message)s")

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802  the base class's name
        extra = {k: v for k, v in vars(record).items() if k not in STANDARD and v not in (None, "")}
        line = super().formatMessage(record)
        return line + "".join(f" {key}={value}" for key, value in extra.items())


def set_up(form: Literal["json", "text"], level: int = logging.INFO) -> None:
    """Log to standard error; for the command line, as an embedding application has its own way."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        JsonFormatter("%(asctime)s %(levelname)s %(name)s %(message)s")
        if form == "json"
        else TextFormatter()
    )
    handler.addFilter(MaskTokens())
    logging.basicConfig(level=level, handlers=[handler], force=True)
    for noisy in ("httpx", "httpcore", "websockets", "uvicorn.access"):
        logging.getLogger(noisy).setLevel(logging.WARNING)


def mask_server_logs() -> None:
    """Keep tokens out of the log of a server that is not ours to set up."""
    for name in ("uvicorn.error", "uvicorn.access", "uvicorn"):
        logger = logging.getLogger(name)
        if not any(isinstance(f, MaskTokens) for f in logger.filters):
            logger.addFilter(MaskTokens())
