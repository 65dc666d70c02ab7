"""A listening address, or one sentence that says why not."""

import socket

from callbridge.errors import CallbridgeError


def bind(host: str, port: int) -> socket.socket:
    """A bound TCP socket; port 0 chooses a free one. Raises CallbridgeError."""
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        # Only of sockets that name their protocol does asyncio turn Nagle's algorithm off; with it
        # on, a frame waits for the acknowledgement of the one before it, up to 40 ms.
        listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    except OSError as error:
        raise _cannot(host, port, error) from None
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
    except (OSError, OverflowError) as error:
        listener.close()
        raise _cannot(host, port, error) from None
    return listener


def free_ports(host: str, number: int) -> list[int]:
    """Ports that nobody uses now. Held together, so that they are not the same one."""
    sockets = [bind(host, 0) for _ in range(number)]
    ports: list[int] = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def _cannot(host: str, port: int, error: Exception) -> CallbridgeError:
    why = (
        error.strerror if isinstance(error, OSError) and error.strerror else str(error).rstrip(".")
    )
    return CallbridgeError(
        f"cannot listen on {host} port {port}: {why}; choose another with --host and --port"
    )
