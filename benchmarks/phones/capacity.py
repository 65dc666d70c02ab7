"""How many telephones one carrier carries: CPU of its process, and how evenly frames come."""

import asyncio
import json
import re
import time
from contextlib import suppress

import numpy as np
import psutil
from benchmarks.phones.ends import PhoneEnds, ends
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Origin

from telecodecs import g711
from telecodecs.dtmf import tones

PTIME_S = 0.020
WARM_UP_S = 3.0


class LoadPhone:
    """Speaks all the time and notes when frames come."""

    def __init__(self) -> None:
        self.came: list[float] = []
        self._frame = g711.encode_ulaw(tones("5", 160, 8000))

    async def run(self, there: PhoneEnds, number: str, answered: asyncio.Event) -> None:
        page = (await there.http.get("/phone")).text
        [token] = re.findall(r'token="([^"]+)"', page)
        address = there.url.removeprefix("http://")
        async with connect(
            f"ws://{address}/phone/socket", origin=Origin(there.url), compression=None, proxy=None
        ) as socket:
            await socket.send(json.dumps({"type": "hello", "token": token, "number": number}))
            await socket.send(json.dumps({"type": "call", "to": "+13125550100"}))
            async for message in socket:
                if isinstance(message, bytes):
                    self.came.append(time.perf_counter())
                elif json.loads(message)["type"] == "answered":
                    answered.set()
                    self._speaking = asyncio.create_task(self._speak(socket))

    async def _speak(self, socket: ClientConnection) -> None:
        at = time.perf_counter()
        with suppress(ConnectionClosed):
            while True:
                at += PTIME_S
                await asyncio.sleep(max(0.0, at - time.perf_counter()))
                await socket.send(self._frame)


async def measure(phones: int, seconds: float) -> None:
    async with ends() as there, asyncio.TaskGroup() as group:
        everybody = [LoadPhone() for _ in range(phones)]
        answers = [asyncio.Event() for _ in everybody]
        tasks = [
            group.create_task(phone.run(there, f"+1312555{1000 + at}", answered))
            for at, (phone, answered) in enumerate(zip(everybody, answers, strict=True))
        ]
        async with asyncio.timeout(30):
            await asyncio.gather(*(each.wait() for each in answers))
        await asyncio.sleep(WARM_UP_S)
        for phone in everybody:
            phone.came.clear()
        process = psutil.Process(there.carrier.pid)
        before, began = process.cpu_times(), time.perf_counter()
        await asyncio.sleep(seconds)
        after, lasted = process.cpu_times(), time.perf_counter() - began
        used = after.user + after.system - before.user - before.system
        gaps = np.concatenate([np.diff(phone.came) for phone in everybody]) * 1000
        frames = sum(len(phone.came) for phone in everybody) / (phones * lasted / PTIME_S)
        share = used / lasted
        p50, p99 = np.percentile(gaps, (50, 99))
        print(
            f"{phones} phones: {100 * share:.0f} % of a core, {1000 * share / phones:.1f} ms/s each"
        )
        print(
            f"{100 * frames:.1f} % of the frames came; between two of them "
            f"p50 {p50:.1f} ms, p99 {p99:.1f} ms, max {gaps.max():.0f} ms"
        )
        for task in tasks:
            task.cancel()
