"""`callbridge desk`: calls, conferences and queues as web pages, for supervisors."""

import asyncio
import sys
from getpass import getpass
from pathlib import Path
from typing import Annotated, Literal

import typer

from callbridge.commands.options import Host, say
from callbridge.errors import CallbridgeError
from callbridge.host.usage import GroupedCommand, ListedOnce

desk = typer.Typer(cls=ListedOnce, rich_markup_mode=None)


@desk.callback(invoke_without_command=True)
def serve(
    context: typer.Context,
    host: Host = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port; 0 chooses a free one.")] = 8090,
    read_only: Annotated[
        bool, typer.Option("--read-only", help="Everybody looks, nobody acts.")
    ] = False,
    ssl_certfile: Annotated[
        Path | None, typer.Option(help="Certificate in PEM, to serve https.")
    ] = None,
    ssl_keyfile: Annotated[
        Path | None, typer.Option(help="Its key, if it is not in the same file.")
    ] = None,
) -> None:
    """Show the calls of an account as web pages, for supervisors who listen in and take over.

    The account is that of TELNYX_API_KEY, TELNYX_BASE_URL and CALLBRIDGE_CONNECTION_ID: a local
    carrier writes them to out/carrier.env. On 127.0.0.1 it needs no password; anywhere else it
    does not start without TLS and users.

    \b
    Example:
      callbridge desk password ann >> desk.users
      CALLBRIDGE_DESK_USERS=desk.users callbridge desk
    """
    if context.invoked_subcommand is not None:
        return
    import logging

    from callbridge.desk.page import process
    from callbridge.desk.page.settings import DeskSettings
    from callbridge.desk.page.site import application
    from callbridge.errors import SettingsError
    from callbridge.host.bind import bind
    from callbridge.host.certificate import Certificate
    from callbridge.serve.logs import form_here, set_up
    from callbridge.timing.loop import new_loop

    if ssl_keyfile and not ssl_certfile:
        raise SettingsError("--ssl-keyfile needs --ssl-certfile")
    settings = DeskSettings.load()
    set_up(settings.log)
    certificate = Certificate(ssl_certfile, ssl_keyfile) if ssl_certfile else None
    app = application(settings, host=host, read_only=read_only, tls=certificate is not None)
    listener = bind(host, port)
    bound = listener.getsockname()[1]
    scheme = "https" if certificate else "http"

    def started() -> None:
        where = settings.desk_url or f"{scheme}://{host}:{bound}"
        who = "with a login" if settings.desk_users else "for this machine alone"
        sentence = f"the desk is at {where}, {who}{', read-only' if read_only else ''}"
        if form_here(settings.log) == "text":
            say(sentence)
        else:
            logging.getLogger("callbridge").info(sentence)

    with asyncio.Runner(loop_factory=new_loop) as runner:
        runner.run(process.serve(app, settings, listener, started, certificate))


@desk.command(cls=GroupedCommand)
def password(
    name: Annotated[str, typer.Argument(help="Who logs in with it.")],
    role: Annotated[
        Literal["viewer", "supervisor"], typer.Option(help="A viewer looks and does nothing.")
    ] = "supervisor",
    number: Annotated[
        str | None,
        typer.Option(help="Their telephone, which is rung when they listen in or take over."),
    ] = None,
) -> None:
    """Ask for a password, and print a user's line for the file of CALLBRIDGE_DESK_USERS.

    The line holds a hash (scrypt) and no password. Not at a terminal, the password is the first
    line of standard input.

    \b
    Example:
      callbridge desk password ann >> desk.users
    """
    from callbridge.desk.page import passwords, users

    try:
        user = users.user(name, role, number)
    except ValueError as error:
        raise CallbridgeError(str(error)) from None
    secret = _asked() if sys.stdin.isatty() else sys.stdin.readline().rstrip("\r\n")
    if (fault := passwords.fault(secret)) is not None:
        raise CallbridgeError(fault)
    print(users.line_of(user, passwords.hashed(secret)))


def _asked() -> str:
    secret = getpass("Password: ", stream=sys.stderr)
    if getpass("Again: ", stream=sys.stderr) != secret:
        raise CallbridgeError("those were two different passwords")
    return secret
