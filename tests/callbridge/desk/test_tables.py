"""What people read."""

import base64

import pytest

from callbridge.desk.tables import clock_of, duration, words_of


@pytest.mark.parametrize(
    ("seconds", "shown"), [(0, "0:00"), (65, "1:05"), (3723, "1:02:03"), (None, ""), ("5", "")]
)
def test_a_duration_is_minutes_and_seconds(seconds: object, shown: str) -> None:
    assert duration(seconds) == shown


def test_a_time_is_as_it_is_written() -> None:
    assert clock_of("2026-11-29T11:40:39.491282Z") == "11:40:39"
    assert clock_of(None) == ""


@pytest.mark.parametrize(
    ("state", "shown"),
    [
        (base64.b64encode("Grüße".encode()).decode(), "Grüße"),
        (base64.b64encode(b"\xff\xfe").decode(), "//4="),
        (base64.b64encode(b"two\nlines").decode(), "dHdvCmxpbmVz"),
        ("no base64!", "no base64!"),
        (None, ""),
        (base64.b64encode(b"x" * 40).decode(), "x" * 31 + "…"),
    ],
)
def test_a_client_state_is_shown_as_it_was_written(state: object, shown: str) -> None:
    assert words_of(state) == shown
