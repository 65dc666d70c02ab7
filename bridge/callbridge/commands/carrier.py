"""`callbridge carrier`: the local Voice API."""

import asyncio
import json
import logging
import sys
from pathlib import Path
from shutil import get_terminal_size
from textwrap import fill
from typing import TYPE_CHECKING, Annotated, Literal
from urllib.parse import urlsplit

import typer

from callbridge.commands.options import Host, Json

if TYPE_CHECKING:
    from callbridge.carrier.net.watching import WatchForm


def carrier(
    context: typer.Context,
    host: Host = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port; 0 chooses a free one.")] = 8080,
    api_key: Annotated[
        str, typer.Option(envvar="TELNYX_API_KEY", help="The key that its REST API wants.")
    ] = "local-key",
    webhook_url: Annotated[
        str, typer.Option(help="Where its webhooks go: the bridge's /webhooks.")
    ] = "http://127.0.0.1:8000/webhooks",
    failover_url: Annotated[
        str | None, typer.Option(help="Where they go when that one fails twice.")
    ] = None,
    numbers: Annotated[
        Path | None,
        typer.Option(
            help='Who lives where, as JSON: {"+13125550199": "busy", "+13125550198": {script}}. '
            "busy, no_answer, reject, not_found, or a script that answers."
        ),
    ] = None,
    ring: Annotated[
        float, typer.Option(min=0, help="Seconds that such a number rings before it answers.")
    ] = 0.5,
    texml_url: Annotated[
        str | None,
        typer.Option(
            help="Calls are led by TeXML documents, fetched here: the bridge's /texml. Or a ws:// "
            "address, of somebody's bot: a media stream that they are connected to."
        ),
    ] = None,
    texml_number: Annotated[
        list[str] | None,
        typer.Option(help="Only calls to this number are; may be given again for others."),
    ] = None,
    texml_method: Annotated[
        Literal["GET", "POST"], typer.Option(help="How the first document is fetched.")
    ] = "POST",
    texml_fallback_url: Annotated[
        str | None, typer.Option(help="What is asked for a document when that fails.")
    ] = None,
    texml_status_url: Annotated[
        str | None,
        typer.Option(help="What is told of those calls' ends: the bridge's /webhooks takes it."),
    ] = None,
    media: Annotated[
        Path | None,
        typer.Option(
            exists=True,
            file_okay=False,
            help="Folder of sound files that commands play by media_name.",
        ),
    ] = None,
    allow_fetch: Annotated[
        list[str] | None,
        typer.Option(
            help="A host, address or network that sound files may be fetched from though it is not "
            "public; may be given again. This machine is, if --host is."
        ),
    ] = None,
    answer_moves_leg: Annotated[
        bool,
        typer.Option(
            help="The webhook_url of an answer is for the rest of the call, not for what the "
            "answer causes."
        ),
    ] = False,
    rate_limit: Annotated[
        int | None,
        typer.Option(help="Requests a second; more are answered with 429 and Retry-After."),
    ] = None,
    l1: Annotated[
        bool, typer.Option(help="An account that is not verified: 10 calls an hour, 100 a day.")
    ] = False,
    announce: Annotated[
        bool,
        typer.Option(help="Speech and files begin with the announcement that such accounts have."),
    ] = False,
    ssl_certfile: Annotated[
        Path | None,
        typer.Option(
            help="Certificate in PEM, to serve https: the phone needs it on any --host but this "
            "machine, as browsers give the microphone to secure pages only."
        ),
    ] = None,
    ssl_keyfile: Annotated[
        Path | None, typer.Option(help="Its key, if it is not in the same file.")
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder for recordings and tapes.")] = Path("out"),
    watch: Annotated[
        bool | None,
        typer.Option(
            help="Show what happens: on a terminal as a picture, which is the default there, "
            "elsewhere as lines; with --json a JSON object for each entry of a tape."
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Run the local carrier: the Voice API with real audio, on this machine, with no account.

    Point any SDK or framework at it: TELNYX_BASE_URL=http://127.0.0.1:8080/v2. What a bridge needs
    to know, the public key of its webhooks among it, is printed with --json and written to
    carrier.env in the folder of --out, for `. out/carrier.env`. An API key out of your environment
    is in neither: it is there already.

    A telephone is at /phone, for a browser: its number can be called, and it calls any.

    `callbridge call` lets somebody ring in; every call leaves a stereo WAV and a tape in that
    folder."""
    from msgspec import to_builtins

    from callbridge.carrier.api.operations import OPERATIONS
    from callbridge.carrier.api.unsupported import not_simulated
    from callbridge.carrier.config import CarrierConfig, TexmlApplication
    from callbridge.carrier.net import environment, service
    from callbridge.carrier.net.numbers import read_numbers
    from callbridge.carrier.net.shell import Running
    from callbridge.carrier.net.speaking import speaker
    from callbridge.errors import SettingsError
    from callbridge.host.certificate import Certificate
    from callbridge.serve.account import is_loopback
    from callbridge.serve.logs import set_up
    from callbridge.speech import espeak, offline

    set_up("text", logging.WARNING)
    voice = espeak.speak if espeak.available() else None
    engines = offline.offline() if offline.installed() else None
    file = out / "carrier.env"
    source = context.get_parameter_source("api_key")
    key_is_ours = source is None or source.name != "ENVIRONMENT"
    urls = (webhook_url, texml_url, texml_fallback_url, texml_status_url)
    stays_here = is_loopback(host) and all(
        is_loopback(urlsplit(url).hostname or "") for url in urls if url
    )
    if texml_url is None and (texml_number or texml_fallback_url or texml_status_url):
        raise SettingsError("what the options --texml-… say is said of --texml-url: give that, too")
    if ssl_keyfile and not ssl_certfile:
        raise SettingsError("--ssl-keyfile needs --ssl-certfile")
    if ssl_certfile:
        Certificate(ssl_certfile, ssl_keyfile).check()
    config = CarrierConfig(
        api_key=api_key,
        webhook_url=webhook_url,
        webhook_failover_url=failover_url,
        texml=TexmlApplication(
            voice_url=texml_url,
            voice_method=texml_method,
            fallback_url=texml_fallback_url,
            status_url=texml_status_url,
            numbers=frozenset(texml_number or ()),
        )
        if texml_url
        else None,
        answer_moves_leg=answer_moves_leg,
        requests_per_s=rate_limit,
        is_l1=l1,
        announces=announce,
        numbers=read_numbers(numbers, speaker(voice)) if numbers else {},
        ring_s=ring,
    )

    def started(running: Running) -> None:
        base = running.address
        facts = {
            "TELNYX_BASE_URL": f"{base}/v2",
            "TELNYX_API_KEY": api_key,
            "TELNYX_PUBLIC_KEY": running.public_key,
            "CALLBRIDGE_CONNECTION_ID": config.connection_id,
            "CALLBRIDGE_PUBLIC_URL": webhook_url.removesuffix("/webhooks"),
        }
        if not key_is_ours:
            del facts["TELNYX_API_KEY"]
        environment.write(file, facts)
        phone = f"{base}{running.phone_path}" if running.phone_path else None
        missing = not_simulated(OPERATIONS)
        if as_json:
            print(
                json.dumps(facts | {"PHONE_URL": phone, "NOT_SIMULATED": to_builtins(missing)}),
                flush=True,
            )
        else:
            print(f"The carrier listens on {base}; its webhooks go to {webhook_url}.")
            if phone:
                print(f"A telephone for your browser: {phone}")
            if texml_url:
                whose = ", ".join(texml_number or ()) or "all numbers"
                how = "connected to" if texml_url.startswith("ws") else "led by documents from"
                print(f"Calls to {whose} are {how} {texml_url}.")
            width = min(100, get_terminal_size((100, 24)).columns)
            print("Documented and refused here, parameters by --json:")
            for line in missing.by_group():
                print(fill(line, width, initial_indent="  ", subsequent_indent="    "))
            print(f"What the bridge needs to know is in {file}.", flush=True)

    asyncio.run(
        service.run(
            config,
            host=host,
            port=port,
            out_dir=out,
            key=service.signing_key(api_key) if stays_here else None,
            voice=voice,
            engines=engines,
            media=media,
            allow_fetch=allow_fetch or (),
            started=started,
            tls=Certificate(ssl_certfile, ssl_keyfile) if ssl_certfile else None,
            watching=_form(watch, as_json=as_json),
        )
    )


def _form(watch: bool | None, *, as_json: bool) -> "WatchForm | None":
    """Whoever starts a carrier and reads one line of it need not read on."""
    terminal = sys.stdout.isatty() and not as_json
    if not (terminal if watch is None else watch):
        return None
    return "picture" if terminal else "json" if as_json else "text"
