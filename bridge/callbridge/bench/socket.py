"""A WebSocket client that costs next to nothing, for the load generator alone.

The generator must do less for a frame than the server it measures, or it measures itself. So the
handshake is a library's, in a thread, and after it come bare sockets: text frames out, text frames
in, and of the rest of RFC 6455 what a client owes: pong, close, fragments. At 1,000 calls a frame
and its echo take about 16 us, most of it the kernel's; on picows and uvloop they took about 20."""

import asyncio
import socket
import ssl
from struct import Struct
from time import monotonic
from typing import Protocol
from urllib.parse import urlsplit

from websockets.client import ClientProtocol
from websockets.exceptions import InvalidHandshake, InvalidStatus, InvalidURI
from websockets.protocol import State
from websockets.uri import parse_uri

from callbridge.errors import CallbridgeError

HANDSHAKE_S = 5.0
READ = 65_536
BACKLOG = 1_000_000  # bytes that an endpoint has not read: minutes of audio

# RFC 6455, section 5.2. Clients mask; a key of four equal bytes makes that one `translate`, and the
# server has the same work as with any other key.
KEY = 0x5A
MASK = bytes(octet ^ KEY for octet in range(256))
MASK_KEY = KEY * 0x01010101
SHORT, LONG = Struct(">BBI"), Struct(">BBHI")
FIN, TEXT, CLOSE, PONG = 0x80, 0x1, 0x8, 0xA
MASKED = 0x80


class ClientListener(Protocol):
    def on_text(self, data: bytes, now: float) -> None: ...

    def on_closed(self, why: str) -> None: ...


def frame(opcode: int, payload: bytes) -> bytes:
    """A whole frame of a client; up to 65,535 octets."""
    size = len(payload)
    if size < 126:
        return SHORT.pack(FIN | opcode, MASKED | size, MASK_KEY) + payload.translate(MASK)
    return LONG.pack(FIN | opcode, MASKED | 126, size, MASK_KEY) + payload.translate(MASK)


class Client:
    """An open WebSocket; reads as soon as it is made."""

    def __init__(self, connected: socket.socket, rest: bytes, listener: ClientListener) -> None:
        self._socket, self._rest, self._listener = connected, rest, listener
        self._secure = isinstance(connected, ssl.SSLSocket)
        self._fragments = b""
        self._backlog = bytearray()
        self._closed = False
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(connected.fileno(), self._readable)

    def send(self, text: bytes) -> None:
        self._put(frame(TEXT, text))

    def close(self) -> None:
        """Say so, and go."""
        if not self._closed:
            self._put(frame(CLOSE, (1000).to_bytes(2, "big")))
            self._gone("closed by the bench")

    # ---- out --------------------------------------------------------------------------------

    def _put(self, data: bytes) -> None:
        if self._closed:
            return
        if self._backlog:
            self._backlog += data
            if len(self._backlog) > BACKLOG:
                self._gone("the endpoint does not read")
            return
        try:
            sent = self._socket.send(data)
        except (BlockingIOError, ssl.SSLWantWriteError, ssl.SSLWantReadError):
            sent = 0
        except OSError as error:
            self._gone(error.strerror or str(error))
            return
        if sent < len(data):
            self._backlog += data[sent:]
            self._loop.add_writer(self._socket.fileno(), self._writable)

    def _writable(self) -> None:
        data, self._backlog = bytes(self._backlog), bytearray()
        self._loop.remove_writer(self._socket.fileno())
        self._put(data)

    # ---- in ---------------------------------------------------------------------------------

    def _readable(self) -> None:
        while not self._closed:
            try:
                data = self._socket.recv(READ)
            except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
                return
            except OSError as error:
                self._gone(error.strerror or str(error))
                return
            if not data:
                self._gone("the socket ended without a close")
                return
            self._parse(self._rest + data if self._rest else data, monotonic())
            if not self._secure:  # TLS hides from the loop what it has read already
                return

    def _parse(self, data: bytes, now: float) -> None:
        at, size = 0, len(data)
        while size - at >= 2:
            head, length, start = data[at], data[at + 1], at + 2
            if length >= 126:
                start += 2 if length == 126 else 8
                if start > size:
                    break
                length = int.from_bytes(data[at + 2 : start], "big")
            end = start + length
            if end > size:
                break
            if head == FIN | TEXT:
                self._listener.on_text(data[start:end], now)
            else:
                self._unusual(head, data[start:end], now)
            at = end
        self._rest = data[at:]

    def _unusual(self, head: int, payload: bytes, now: float) -> None:
        match head & 0x0F:
            case 0x9:
                self._put(frame(PONG, payload))
            case 0x8:
                code = int.from_bytes(payload[:2], "big") or 1005
                reason = payload[2:].decode(errors="replace")
                self._put(frame(CLOSE, payload[:2]))
                self._gone(f"{code} {reason}".rstrip())
            case 0xA:
                pass
            case _:
                self._fragments += payload
                if head & FIN:
                    whole, self._fragments = self._fragments, b""
                    self._listener.on_text(whole, now)

    def _gone(self, why: str) -> None:
        self._closed = True
        self._loop.remove_reader(self._socket.fileno())
        if self._backlog:
            self._loop.remove_writer(self._socket.fileno())
        self._socket.close()
        self._listener.on_closed(why)


# ---- the handshake ------------------------------------------------------------------------------


async def connect(
    url: str,
    headers: dict[str, str],
    context: ssl.SSLContext | None,
    listener: ClientListener,
) -> Client:
    """Open a ws or wss URL. Raises CallbridgeError in one sentence."""
    where = urlsplit(url)._replace(query="").geturl()
    try:
        connected, rest = await asyncio.to_thread(_shake_hands, url, headers, context)
    except TimeoutError:
        why = f"does not finish its handshake in {HANDSHAKE_S:g} s"
    except InvalidStatus as refused:
        said = (refused.response.body or b"")[:200].decode(errors="replace").strip()
        status = f"HTTP {refused.response.status_code}"
        why = f"takes no WebSocket: {status}{', ' + said if said else ''}"
    except (InvalidHandshake, EOFError) as error:
        why = f"answers, but not as a WebSocket server: {error or type(error).__name__}"
    except ssl.SSLCertVerificationError as error:
        why = f"shows a certificate that is not trusted: {error.verify_message}"
    except (OSError, InvalidURI, ValueError) as error:
        strerror = error.strerror if isinstance(error, OSError) else None
        why = f"cannot be reached: {strerror or error or type(error).__name__}"
    else:
        return Client(connected, rest, listener)
    raise CallbridgeError(f"{where} {why}")


def _shake_hands(
    url: str, headers: dict[str, str], context: ssl.SSLContext | None
) -> tuple[socket.socket, bytes]:
    """A connected socket that does not block, and what came after the handshake. Blocks."""
    uri = parse_uri(url)
    connected = socket.create_connection((uri.host, uri.port), timeout=HANDSHAKE_S)
    try:
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if context is not None:
            connected = context.wrap_socket(connected, server_hostname=uri.host)
        protocol = ClientProtocol(uri, max_size=None)
        request = protocol.connect()
        request.headers.update(headers)
        protocol.send_request(request)
        for data in protocol.data_to_send():
            connected.sendall(data)
        rest = _finish(connected, protocol)
        connected.setblocking(False)
    except BaseException:
        connected.close()
        raise
    return connected, rest


def _finish(connected: socket.socket, protocol: ClientProtocol) -> bytes:
    """Take the answer to an upgrade; returns what came behind it. Raises what is wrong with it."""
    deadline = monotonic() + HANDSHAKE_S
    received, fed = b"", 0
    while protocol.state is State.CONNECTING and protocol.handshake_exc is None:
        connected.settimeout(max(0.001, deadline - monotonic()))
        data = connected.recv(READ)
        if not data:
            protocol.receive_eof()
            break
        received += data
        head = received.find(b"\r\n\r\n") + 4
        if head > fed:  # frames may follow the head: they are not the protocol's to read
            protocol.receive_data(received[fed:head])
            fed = head
        if head >= 4 and protocol.state is State.CONNECTING:  # a refusal with a body
            protocol.receive_data(received[fed:])
            fed = len(received)
    if protocol.state is not State.OPEN:
        raise protocol.handshake_exc or EOFError("it closed the connection")
    return received[fed:]
