"""What is played, spoken and gathered: asked for by the official SDK, on real sockets."""

import asyncio
import base64
import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import telnyx
from starlette.requests import Request
from starlette.responses import Response

from callbridge.carrier.config import CarrierConfig
from callbridge.carrier.people.script import CallScript, Play
from callbridge.host.audiofile import Clip
from callbridge.speech.espeak import speak
from telecodecs import Pcm
from tests.callbridge.carrier.line import STAY, tone
from tests.callbridge.carrier.live import KEY, Hooks, carrier, hooks, read_stereo
from tests.callbridge.carrier.test_sdk import client

CALLEE = "+13125550199"


def sound(form: str) -> bytes:
    data = io.BytesIO()
    soundfile.write(data, tone(300), 8000, format=form)
    return data.getvalue()


async def page(request: Request) -> Response:
    files = {"/tone.mp3": sound("MP3"), "/tone.wav": sound("WAV")}
    if request.method == "POST":
        return Response()
    found = files.get(request.url.path)
    return Response(found) if found else Response(status_code=404)


class Told:
    """Events as the SDK's models of them. One that comes before it is asked for is kept."""

    def __init__(self, sdk: telnyx.AsyncTelnyx, app: Hooks) -> None:
        self._sdk, self._app = sdk, app
        self._kept: list[Any] = []

    async def next(self, event_type: str) -> Any:
        """The payload of the oldest one of a type that was not asked for before."""
        while True:
            for event in self._kept:
                if event.event_type == event_type:
                    self._kept.remove(event)
                    return event.payload
            async with asyncio.timeout(10):
                request, body = await self._app.received.get()
            if request.method == "POST":
                headers = dict(request.headers)
                come: Any = self._sdk.webhooks.unwrap(body.decode(), headers=headers)
                self._kept.append(come.data)


async def test_every_command_of_sound_by_the_sdk(tmp_path: Path) -> None:
    pytest.importorskip("espeakng_loader")
    (tmp_path / "menu.wav").write_bytes(sound("WAV"))
    out = tmp_path / "out"
    async with (
        hooks(page) as app,
        carrier(
            CarrierConfig(api_key=KEY, webhook_url=app.url),
            voice=speak,
            media=tmp_path,
            out_dir=out,
        ) as live,
        client(live) as sdk,
    ):
        # Longer than the tone without end may sound on a busy machine before it is stopped.
        told = Told(sdk, app)
        steps = [{"wait": "bot_speaking", "for": 3.0}, {"press": "12#"}, {"wait": "hangup"}]
        call = await live.ring(steps=steps)
        actions = sdk.calls.actions
        await actions.answer(call)
        content = base64.b64encode(sound("MP3")).decode()
        for played in (
            {"audio_url": f"{app.url}/tone.mp3"},
            {"media_name": "menu"},
            {"playback_content": content},
            {"audio_url": f"{app.url}/none.wav"},
        ):
            started: Any = await actions.start_playback(call, loop=1, **played)  # type: ignore[arg-type]
            assert started.data.result == "ok"
        first, _, _ = [await told.next("call.playback.started") for _ in range(3)]
        assert first.media_url == f"{app.url}/tone.mp3"
        ends = [await told.next("call.playback.ended") for _ in range(4)]
        assert sorted(each.status for each in ends) == ["completed"] * 3 + ["file_not_found"]
        await actions.start_playback(call, audio_url=f"{app.url}/tone.wav", loop="infinity")
        await told.next("call.playback.started")
        stopped: Any = await actions.stop_playback(call, stop="all")
        assert stopped.data.result == "ok"
        assert (await told.next("call.playback.ended")).status == "cancelled"
        gathered: Any = await actions.gather_using_speak(
            call,
            payload=f"Please enter {'your number, ' * 4}now.",
            voice="female",
            language="en-US",
        )
        assert gathered.data.result == "ok"
        assert (await told.next("call.dtmf.received")).digit == "1"
        ended = await told.next("call.gather.ended")
        assert (ended.status, ended.digits) == ("valid", "12")
        for gather in (
            actions.gather(call, gather_id="pin", initial_timeout_millis=100),
            actions.gather_using_audio(
                call, audio_url=f"{app.url}/tone.wav", timeout_millis=100, maximum_tries=1
            ),
        ):
            await gather
            assert (await told.next("call.gather.ended")).status == "timeout"
        await actions.gather(call)
        await actions.stop_gather(call)
        assert (await told.next("call.gather.ended")).status == "cancelled"
        await actions.speak(
            call, payload="<speak>Good<break time='100ms'/>bye</speak>", voice="Polly.Amy",
            payload_type="ssml",
        )  # fmt: skip
        assert (await told.next("call.speak.ended")).status == "completed"
        await actions.hangup(call)
        summary = await live.finished(call)
    _, bot, rate = read_stereo(summary["files"]["wav"])
    tones = np.abs(np.fft.rfft(bot[: 2 * rate].astype(float)))
    assert abs(np.argmax(tones) * rate / (2 * rate) - 440) < 5


class Understands:
    """Engines for whom everything that is said is the same."""

    understood = "hello there"

    def speak(self, text: str, sample_rate: int) -> list[tuple[str, Pcm]]:
        return [(text, tone(100, sample_rate))]

    def transcribe(self, pcm: Pcm, sample_rate: int) -> str:
        return self.understood

    @property
    def synthesiser(self) -> "Understands":
        return self

    @property
    def recogniser(self) -> "Understands":
        return self


async def test_transcription_and_detection_by_the_sdk() -> None:
    callee = CallScript(steps=(Play(Clip(tone(1500, hz=1000), 8000)), *STAY))
    config = CarrierConfig(api_key=KEY, numbers={CALLEE: callee}, ring_s=0.05)
    async with hooks() as app, carrier(config, engines=Understands()) as live, client(live) as sdk:
        told = Told(sdk, app)
        dialled: Any = await sdk.calls.dial(
            connection_id=config.connection_id,
            from_="+13125550100",
            to=CALLEE,
            webhook_url=app.url,
            answering_machine_detection="detect",
            answering_machine_detection_config={"maximum_word_length_millis": 5000},
        )
        call = dialled.data.call_control_id
        await told.next("call.answered")
        started: Any = await sdk.calls.actions.start_transcription(
            call, transcription_engine="Google", transcription_tracks="inbound"
        )
        assert started.data.result == "ok"
        # A tone of 1.5 s is a beep, and is told of before it is understood as speech.
        assert (await told.next("call.machine.detection.ended")).result == "machine"
        heard = (await told.next("call.transcription")).transcription_data
        assert (heard.transcript, heard.is_final, heard.confidence) == ("hello there", True, 1.0)
        stopped: Any = await sdk.calls.actions.stop_transcription(call)
        assert stopped.data.result == "ok"
