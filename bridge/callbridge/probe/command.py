"""`callbridge probe`: run the platform's side against an endpoint, and say which rules break."""

import json
from urllib.parse import urlsplit

from rich.console import Console

from callbridge.bench.doors import public_key
from callbridge.errors import CallbridgeError
from callbridge.host import terminal
from callbridge.probe import report
from callbridge.probe.findings import ProbeBook
from callbridge.probe.run import ProbeWish, Watched, probe


async def run(wish: ProbeWish, console: Console, *, as_json: bool) -> bool:
    """Probe and show; True when nothing that an endpoint must do was found undone.

    Raises CallbridgeError when not one call was served."""
    check(wish)
    shown = terminal.silent() if as_json else console
    if wish.url.startswith("http"):
        shown.print(
            f"commands are taken at http://{wish.host}:{wish.port}/v2 (TELNYX_BASE_URL); "
            f"webhooks are signed for TELNYX_PUBLIC_KEY={public_key(wish.api_key)}",
            style="dim",
            soft_wrap=True,
        )
    book = ProbeBook()
    with report.ProbeProgress(shown) as progress:
        kind = await probe(wish, book, Watched(progress.begins, progress.ends))
    facts = report.as_json(wish.url, kind, book)
    if as_json:
        print(json.dumps(facts))
    report.show(shown, wish.url, kind, book)
    return bool(facts["ok"])


def check(wish: ProbeWish) -> None:
    """Raises CallbridgeError for what is no address of an endpoint."""
    try:
        url = urlsplit(wish.url)
        _ = url.port  # raises when it is none
    except ValueError:
        url = urlsplit("")
    if url.scheme not in ("ws", "wss", "http", "https") or not url.hostname:
        raise CallbridgeError(
            f"{wish.url!r} is nothing to probe: give the address of a relay or a media stream "
            "(ws:// or wss://), or of a webhook (http:// or https://)"
        )
    if wish.kind is not None and url.scheme.startswith("http"):
        raise CallbridgeError("--relay and --media are for ws addresses: a webhook tells by itself")
