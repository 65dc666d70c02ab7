"""How a WebSocket is closed: codes, reasons, and how long that may take."""

CLOSE_WITHIN_S = 1.0  # for the other side to answer a close
# RFC 6455, section 7.4.1.
NORMAL = 1000
PROTOCOL_ERROR = 1002
POLICY_VIOLATION = 1008
TOO_BIG = 1009
SERVICE_RESTART = 1012


def too_long(max_chars: int) -> str:
    """The reason for TOO_BIG."""
    return f"a message of more than {max_chars} characters"


def brief(reason: str) -> str:
    """As much as a close frame holds: RFC 6455, section 5.5."""
    return reason.encode()[:123].decode(errors="ignore")
