"""pipecat 1.14 takes turns: its voice detector, its ways to end a turn and to be interrupted, with
their defaults, behind its own serializer and transport for these frames.

    .../bin/python benchmarks/peers/pipecat_turns.py --ending smart --bot answers IN.npz OUT.npz

In an environment of its own, see benchmarks/README.md. IN.npz has what callers sound like: an array
of 16 bit samples at 8 kHz for each, and by its name with `.echo` the echo of their telephone, in
decibels and ticks. OUT.npz gets two tracks of each call, the caller's and the bot's.

A turn ends as the smart-turn model says that is in pipecat's wheel (its default), or by silence:
0.6 s after the 0.2 s of the voice detector. A bot that answers says a tone at the end of each turn.
One that talks says `says` of IN.npz at once, and nothing to what it hears. The end of a turn waits
for no transcript: pipecat has that for models that hear for themselves; nothing in it is faster.

Every call is in virtual time, like those to our own bots: pipecat does its work and its timers run,
but the clocks that it reads are the loop's. Of its work only smart-turn takes time, as much as is
declared here."""

import argparse
import asyncio
import json
import runpy
import time
from base64 import b64decode, b64encode
from collections import deque
from math import pi
from pathlib import Path
from typing import Any

import numpy as np
from fastapi import WebSocket
from g711 import lin2ulaw, ulaw2lin
from loguru import logger
from numpy.typing import NDArray
from pipecat.audio.turn.base_turn_analyzer import EndOfTurnState
from pipecat.audio.turn.smart_turn.local_smart_turn_v3 import LocalSmartTurnAnalyzerV3
from pipecat.audio.vad.silero import SileroVADAnalyzer
from pipecat.frames.frames import (
    ClientConnectedFrame,
    Frame,
    OutputAudioRawFrame,
    UserStoppedSpeakingFrame,
)
from pipecat.metrics.metrics import MetricsData
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineParams, PipelineWorker
from pipecat.processors.audio.vad_processor import VADProcessor
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.serializers.telnyx import TelnyxFrameSerializer
from pipecat.transports.websocket.fastapi import FastAPIWebsocketParams, FastAPIWebsocketTransport
from pipecat.turns.user_stop import (
    BaseUserTurnStopStrategy,
    SpeechTimeoutUserTurnStopStrategy,
    TurnAnalyzerUserTurnStopStrategy,
)
from pipecat.turns.user_turn_processor import UserTurnProcessor
from pipecat.turns.user_turn_strategies import UserTurnStrategies
from pipecat.workers.runner import WorkerRunner
from starlette.websockets import WebSocketState

LOOP = Path(__file__).parents[2] / "bridge" / "callbridge" / "testing" / "loop.py"
RATE = 8000
TICK_S = 0.020
TICK = round(TICK_S * RATE)
ANSWER_S = 1.5
SMART_TURN_S = 0.045  # of one thread of a machine that does nothing else

Pcm = NDArray[np.int16]


# ---- the bot -------------------------------------------------------------------------------------


class Bot(FrameProcessor):
    """Says one sound: at the end of each turn, or once at the beginning."""

    def __init__(self, sound: Pcm, when: type[Frame]) -> None:
        super().__init__()
        self._sound, self._when = sound.tobytes(), when

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        await self.push_frame(frame, direction)
        if isinstance(frame, self._when) and direction is FrameDirection.DOWNSTREAM:
            await self.push_frame(OutputAudioRawFrame(self._sound, RATE, 1))


class SmartTurn(LocalSmartTurnAnalyzerV3):
    """It takes as long as is declared: in virtual time its work itself takes none."""

    async def analyze_end_of_turn(self) -> tuple[EndOfTurnState, MetricsData | None]:
        verdict = await super().analyze_end_of_turn()
        await asyncio.sleep(SMART_TURN_S)
        return verdict


def answering() -> Bot:
    at = np.arange(round(ANSWER_S * RATE)) / RATE
    return Bot((8000 * np.cos(2 * pi * 440 * at)).astype(np.int16), UserStoppedSpeakingFrame)


def talking(says: Pcm) -> Bot:
    return Bot(says, ClientConnectedFrame)


def ending(name: str) -> BaseUserTurnStopStrategy:
    if name == "silence":
        return SpeechTimeoutUserTurnStopStrategy(wait_for_transcript=False)
    return TurnAnalyzerUserTurnStopStrategy(turn_analyzer=SmartTurn(), wait_for_transcript=False)


async def serve(websocket: WebSocket, stream_id: str, ends: str, bot: Bot) -> None:
    """A pipeline for one call, until the caller has gone."""
    serializer = TelnyxFrameSerializer(
        stream_id, "PCMU", "PCMU", params=TelnyxFrameSerializer.InputParams(auto_hang_up=False)
    )
    params = FastAPIWebsocketParams(
        audio_in_enabled=True, audio_out_enabled=True, serializer=serializer
    )
    transport = FastAPIWebsocketTransport(websocket, params)
    hears = VADProcessor(vad_analyzer=SileroVADAnalyzer())
    turns = UserTurnProcessor(user_turn_strategies=UserTurnStrategies(stop=[ending(ends)]))
    worker = PipelineWorker(
        Pipeline([transport.input(), hears, turns, bot, transport.output()]),
        params=PipelineParams(audio_in_sample_rate=RATE, audio_out_sample_rate=RATE),
        enable_rtvi=False,
        idle_timeout_secs=None,
    )

    @transport.event_handler("on_client_disconnected")
    async def gone(*_: object) -> None:
        await worker.cancel()

    runner = WorkerRunner(handle_sigint=False)
    await runner.add_workers(worker)
    await runner.run()


# ---- the platform --------------------------------------------------------------------------------


class Line:
    """A media stream's other end, in the place of a WebSocket: 20 ms each way at each tick.

    What the bot sends is queued, and played when its time comes; a `clear` drops the queue."""

    client_state = application_state = WebSocketState.CONNECTED

    def __init__(self, echo: Any) -> None:
        db, ticks = (-200.0, 1.0) if echo is None else echo
        self._gain = 10 ** (db / 20)
        self._back = deque([np.zeros(TICK, np.int16)] * int(ticks))
        self._to_bot: asyncio.Queue[dict[str, str]] = asyncio.Queue()
        self._playing = np.zeros(0, np.int16)

    async def receive(self) -> dict[str, str]:
        return await self._to_bot.get()

    async def send_text(self, text: str) -> None:
        message = json.loads(text)
        if message["event"] == "clear":
            self._playing = self._playing[:0]
        elif message["event"] == "media":
            octets = b64decode(message["media"]["payload"])
            pcm = np.frombuffer(ulaw2lin(octets, 2), np.int16)
            self._playing = np.concatenate([self._playing, pcm])

    async def close(self) -> None:
        self.client_state = WebSocketState.DISCONNECTED

    async def converse(self, pcm: Pcm) -> NDArray[np.int16]:
        """(2, n): what was said and what was heard, until the caller hangs up."""
        tracks: list[tuple[Pcm, Pcm]] = []
        for piece in pcm[: len(pcm) // TICK * TICK].reshape(-1, TICK):
            await asyncio.sleep(TICK_S)
            heard = np.pad(self._playing[:TICK], (0, max(0, TICK - len(self._playing))))
            self._playing = self._playing[TICK:]
            self._back.append((heard * self._gain).astype(np.int16))
            said = np.clip(piece.astype(np.int32) + self._back.popleft(), -32768, 32767)
            tracks.append((said.astype(np.int16), heard))
            payload = b64encode(lin2ulaw(tracks[-1][0].tobytes(), 2)).decode()
            media = {"event": "media", "media": {"payload": payload}}
            self._to_bot.put_nowait({"type": "websocket.receive", "text": json.dumps(media)})
        self._to_bot.put_nowait({"type": "websocket.disconnect"})
        return np.concatenate(tracks, axis=1)


async def call(pcm: Pcm, echo: Any, ends: str, bot: Bot) -> NDArray[np.int16]:
    loop = asyncio.get_running_loop()
    time.monotonic = loop.time
    time.monotonic_ns = lambda: round(1e9 * loop.time())
    time.time = lambda: 1.8e9 + loop.time()
    line: Any = Line(echo)
    served = asyncio.create_task(serve(line, "stream", ends, bot))
    tracks: NDArray[np.int16] = await line.converse(pcm)
    await served
    return tracks


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--ending", choices=("smart", "silence"), required=True)
    parser.add_argument("--bot", choices=("answers", "talks"), required=True)
    parser.add_argument("calls", type=Path)
    parser.add_argument("tracks", type=Path)
    options = parser.parse_args()
    logger.remove()
    run = runpy.run_path(str(LOOP))["run"]
    given = dict(np.load(options.calls))
    says = given.pop("says", None)
    tracks: dict[str, Any] = {}
    for name in [name for name in given if not name.endswith(".echo")]:
        bot = talking(says) if options.bot == "talks" else answering()
        tracks[name] = run(call(given[name], given.get(f"{name}.echo"), options.ending, bot))
    np.savez(options.tracks, **tracks)


if __name__ == "__main__":
    main()
