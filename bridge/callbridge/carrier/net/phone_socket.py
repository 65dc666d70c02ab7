"""The WebSocket of one telephone in a browser: what waits to be sent, and how much may come."""

import asyncio
from collections import deque
from collections.abc import Callable

from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from callbridge.carrier.people.phone_wire import (
    MalformedPhoneFrame,
    PhoneFrame,
    PhoneHello,
    decode_phone_frame,
)
from callbridge.errors import CallbridgeError

STALLED_S = 10.0  # a page that takes nothing for so long has hung up
MAX_WAITING = 25  # frames of audio for a page that does not read: half a second
MAX_NEWS_WAITING = 500
MAX_OCTETS = 4096  # of any frame
FRAMES_PER_S, FRAMES_BURST = 100.0, 1000.0  # of audio: what a stall held back comes in one piece
CLICKS_PER_S, CLICKS_BURST = 10.0, 60.0
CLOSE_WITHIN_S = 1.0

# Close codes. What is behind one is in its reason, which the page shows.
BAD_FRAME, NO_TOKEN, NO_HELLO, TAKEN_OVER, FLOOD, FULL = 4400, 4401, 4408, 4409, 4429, 4503


class PhoneClosed(CallbridgeError):
    """The socket is closed, with this code and, for the page, this reason: at most 120 octets."""

    def __init__(self, code: int, why: str) -> None:
        super().__init__(why)
        self.code = code


class FrameBudget:
    """So many a second, and so many at once. `now` is in seconds."""

    def __init__(self, per_s: float, burst: float, now: float) -> None:
        self._per_s, self._burst = per_s, burst
        self._left, self._at = burst, now

    def spend(self, now: float) -> bool:
        """False when it is used up."""
        self._left = min(self._burst, self._left + (now - self._at) * self._per_s) - 1
        self._at = now
        return self._left >= 0


class PhoneSocket:
    """What has to be told waits, in order and before any audio. Of audio the oldest is dropped: a
    page that does not read hears less, and nothing late."""

    def __init__(self, websocket: WebSocket, now: Callable[[], float]) -> None:
        self._websocket, self._now = websocket, now
        self._news: deque[str] = deque()
        self._audio: deque[bytes] = deque(maxlen=MAX_WAITING)
        self._something = asyncio.Event()
        self._stuck_at: float | None = None  # since when audio is dropped
        self._frames = FrameBudget(FRAMES_PER_S, FRAMES_BURST, now())
        self._clicks = FrameBudget(CLICKS_PER_S, CLICKS_BURST, now())
        self.dropped = 0  # frames of audio
        self.over: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    @property
    def waiting(self) -> int:
        """Frames of audio that are not yet sent."""
        return len(self._audio)

    # ---- out ----------------------------------------------------------------------------------

    def tell(self, text: str) -> None:
        self._news.append(text)
        self._something.set()
        if len(self._news) > MAX_NEWS_WAITING:
            self.end(PhoneClosed(FLOOD, "the page does not read what it is told"))

    def hear(self, payload: bytes) -> None:
        if self.waiting == MAX_WAITING:
            self.dropped += 1
            if self._stuck_at is None:
                self._stuck_at = self._now()
            if self._now() - self._stuck_at > STALLED_S:
                self.end(PhoneClosed(FLOOD, "the page does not take its audio"))
        self._audio.append(payload)
        self._something.set()

    async def send_all(self) -> None:
        """Until cancelled, or the page is gone."""
        while True:
            await self._something.wait()
            self._something.clear()
            while self._news or self._audio:
                if self._news:
                    await self._websocket.send_text(self._news.popleft())
                else:
                    await self._websocket.send_bytes(self._audio.popleft())
                    self._stuck_at = None

    # ---- in -----------------------------------------------------------------------------------

    async def hello(self) -> PhoneHello:
        """The first frame. Raises PhoneClosed and WebSocketDisconnect."""
        frame = await self.receive()
        if not isinstance(frame, PhoneHello):
            raise PhoneClosed(BAD_FRAME, "the first frame of a phone is its hello")
        return frame

    async def receive(self) -> PhoneFrame | bytes:
        """The next frame; octets are audio. Raises PhoneClosed and WebSocketDisconnect."""
        message = await self._websocket.receive()
        if message["type"] == "websocket.disconnect":
            raise WebSocketDisconnect(message["code"])
        audio: bytes | None = message.get("bytes")
        budget = self._clicks if audio is None else self._frames
        if not budget.spend(self._now()):
            raise PhoneClosed(FLOOD, "the page sends more than a phone can")
        if audio is not None:
            return audio
        text: str = message["text"]
        try:
            return decode_phone_frame(text)
        except MalformedPhoneFrame as error:
            raise PhoneClosed(BAD_FRAME, str(error)) from None

    # ---- the end ------------------------------------------------------------------------------

    def end(self, why: PhoneClosed) -> None:
        """Whoever waits for `over` raises this; the first reason counts."""
        if not self.over.done():
            self.over.set_exception(why)

    async def close(self, why: PhoneClosed) -> None:
        """A page that does not read is not waited for."""
        if self._websocket.application_state is not WebSocketState.CONNECTED:
            return
        reason = str(why).encode()[:120].decode("utf-8", "ignore")
        try:
            async with asyncio.timeout(CLOSE_WITHIN_S):
                await self._websocket.close(why.code, reason)
        except (TimeoutError, RuntimeError, WebSocketDisconnect):
            return
