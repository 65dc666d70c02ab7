"""What looks like a mistake is said at the start: it would only show when nobody answers a call."""

import logging

import pytest

from callbridge import App, Call
from callbridge.serve.process import doubts
from tests.callbridge.platform import Platform


async def talk(call: Call) -> None:
    """A bot."""


def said(app: App, public_url: str, port: int) -> list[str]:
    settings = Platform().settings().model_copy(update={"public_url": public_url})
    return list(doubts(app, settings, port))


def test_an_application_without_bots_is_told_so() -> None:
    [doubt] = said(App(), "https://bot.example", 8000)
    assert "no bot is registered" in doubt


@pytest.mark.parametrize("number", [None, "+13125550100"])
def test_one_bot_is_enough(number: str | None) -> None:
    app = App()
    app.call(number)(talk)
    assert said(app, "https://bot.example", 8000) == []


@pytest.mark.parametrize(
    ("public_url", "port", "doubtful"),
    [
        ("http://127.0.0.1:9000", 8000, True),
        ("http://localhost", 8000, True),
        ("http://127.0.0.1:8000", 8000, False),
        ("http://localhost", 80, False),
        ("https://bot.example", 8000, False),  # a proxy or a tunnel stands between
    ],
)
def test_a_public_url_of_this_machine_has_the_port_that_is_listened_on(
    public_url: str, port: int, doubtful: bool
) -> None:
    app = App()
    app.call(talk)
    complaints = said(app, public_url, port)
    assert bool(complaints) is doubtful
    assert not doubtful or f"listens on port {port}" in complaints[0]


async def test_a_webhook_of_an_unknown_key_says_where_the_local_carriers_is(
    caplog: pytest.LogCaptureFixture,
) -> None:
    app, platform = App(), Platform()
    app.configure(platform.settings(), platform.surroundings())
    with caplog.at_level(logging.WARNING, "callbridge"):
        for signature in ("A" * 86 + "==", None):
            app.service.receive(
                b"{}", signature=signature, timestamp="1", content_type="application/json"
            )
    await app.close()
    whys = [getattr(record, "why", "") for record in caplog.records]
    assert len(whys) == 2
    assert "carrier.env" in whys[0]
