"""pipecat 1.14 as an echo: its FastAPI transport, its own serializer, one pipeline per call.

    .../bin/python benchmarks/peers/pipecat_echo.py --port 9004 [--stock] [--rate 16000]

In an environment of its own, see benchmarks/README.md. Lean, as it is by default here, means all
that can be switched off is off: RTVI, turn tracking, idle detection, logs; the echo without queues
(direct mode); 20 ms a message; uvicorn without compression; modules frozen out of the garbage
collector's sight. `--stock` leaves it all as the library has it, with its 40 ms a message."""

import argparse
import gc
from typing import Any

import uvicorn
from fastapi import FastAPI, WebSocket, WebSocketDisconnect
from loguru import logger
from pipecat.frames.frames import Frame, InputAudioRawFrame, OutputAudioRawFrame
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineParams, PipelineWorker
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.serializers.telnyx import TelnyxFrameSerializer
from pipecat.transports.websocket.fastapi import FastAPIWebsocketParams, FastAPIWebsocketTransport
from pipecat.workers.runner import WorkerRunner

parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
parser.add_argument("--port", type=int, required=True)
parser.add_argument("--loop", choices=("uvloop", "asyncio"), default="uvloop")
parser.add_argument("--stock", action="store_true", help="the library's defaults")
parser.add_argument("--rate", type=int, default=8000, help="of the pipeline's audio, in hertz")
options = parser.parse_args()

LEAN_WORKER: dict[str, Any] = {
    "enable_rtvi": False,
    "enable_turn_tracking": False,
    "idle_timeout_secs": None,
    "check_dangling_tasks": False,
}
app = FastAPI()


class Echo(FrameProcessor):
    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        if isinstance(frame, InputAudioRawFrame):
            frame = OutputAudioRawFrame(frame.audio, frame.sample_rate, frame.num_channels)
        await self.push_frame(frame, direction)


def transport_of(websocket: WebSocket, stream_id: str) -> FastAPIWebsocketTransport:
    serializer = TelnyxFrameSerializer(
        stream_id, "PCMU", "PCMU", params=TelnyxFrameSerializer.InputParams(auto_hang_up=False)
    )
    params = FastAPIWebsocketParams(
        audio_in_enabled=True,
        audio_out_enabled=True,
        audio_out_10ms_chunks=4 if options.stock else 2,
        serializer=serializer,
    )
    return FastAPIWebsocketTransport(websocket, params)


@app.websocket("/media")
async def media(websocket: WebSocket) -> None:
    await websocket.accept()
    try:
        await websocket.receive_json()  # connected
        start = await websocket.receive_json()
    except WebSocketDisconnect:
        return
    transport = transport_of(websocket, start["stream_id"])
    echo = Echo(enable_direct_mode=not options.stock)
    worker = PipelineWorker(
        Pipeline([transport.input(), echo, transport.output()]),
        params=PipelineParams(
            audio_in_sample_rate=options.rate, audio_out_sample_rate=options.rate
        ),
        **({} if options.stock else LEAN_WORKER),
    )

    @transport.event_handler("on_client_disconnected")
    async def gone(*_: object) -> None:
        await worker.cancel()

    runner = WorkerRunner(handle_sigint=False)
    await runner.add_workers(worker)
    await runner.run()


if __name__ == "__main__":
    logger.remove()
    if not options.stock:
        gc.freeze()
    uvicorn.run(
        app,
        port=options.port,
        loop=options.loop,
        ws_per_message_deflate=options.stock,
        log_level="warning",
    )
