"""Recordings on disk and over HTTP: written by the real shell, asked for by the official SDK."""

import asyncio
import contextlib
import hashlib
import io
import json
import wave
from collections.abc import AsyncGenerator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import soundfile
import telnyx
from starlette.requests import Request
from starlette.responses import Response
from telnyx.types import (
    CallRecordingErrorWebhookEvent,
    CallRecordingSavedWebhookEvent,
    CallRecordingTranscriptionSavedWebhookEvent,
)

from callbridge.carrier.config import CarrierConfig
from callbridge.carrier.core.effects import SaveRecording
from callbridge.carrier.core.storage import AzureBucket, GcsBucket, S3Bucket
from callbridge.carrier.net import spool as spools
from callbridge.carrier.net import storage
from callbridge.carrier.net.files import loader, write_wav
from callbridge.carrier.net.spool import Spool, make_file, utterances
from callbridge.carrier.net.storage import NotStored
from callbridge.speech import offline
from callbridge.testing.speech import SpellingRecogniser, scripted
from telecodecs import Pcm, resample
from tests.callbridge.carrier.line import tone
from tests.callbridge.carrier.live import KEY, Hooks, Live, carrier, hooks, write_tone

SHORT = [{"wait": "answered"}, {"play": "a.wav"}, {"hangup": True}]
SECRET = "a secret of the customer"


class Office:
    """A carrier with its files in `out`, a customer's webhooks, and the SDK."""

    def __init__(self, live: Live, app: Hooks, sdk: Any, folder: Path) -> None:
        self.live, self.app, self.sdk, self._folder = live, app, sdk, folder

    async def recorded(self, **fields: object) -> dict[str, Any]:
        """A call of a second, all of it recorded; the payload of the event."""
        await self.record(**fields)
        return await self.app.event("call.recording.saved")

    async def record(self, **fields: object) -> None:
        url = f"/carrier/calls?base={self._folder}"
        call = (await self.live.http.post(url, json={"steps": SHORT})).json()["call_control_id"]
        await self.sdk.calls.actions.answer(call)
        body: Any = {"format": "wav", "channels": "dual"} | fields
        started = await self.sdk.calls.actions.start_recording(call, **body)
        assert started.data.result == "ok"

    async def next(self, event_type: str) -> Any:
        """The next event of a type, as the SDK reads it."""
        while True:
            async with asyncio.timeout(10):
                request, body = await self.app.received.get()
            if json.loads(body)["data"]["event_type"] == event_type:
                return self.sdk.webhooks.unwrap(body.decode(), headers=dict(request.headers))


@contextlib.asynccontextmanager
async def office(tmp_path: Path, **options: Any) -> AsyncGenerator[Office]:
    if not (tmp_path / "a.wav").exists():
        write_tone(tmp_path / "a.wav", 500, rate=8000)
    async with (
        hooks() as app,
        carrier(
            CarrierConfig(api_key=KEY, webhook_url=app.url),
            **{"out_dir": tmp_path / "out"} | options,
        ) as live,
        telnyx.AsyncTelnyx(
            api_key=KEY,
            base_url=live.base_url,
            public_key=live.running.public_key,
            max_retries=0,
            # Plain http only: spares the time for certificates.
            http_client=httpx.AsyncClient(trust_env=False, verify=False),
        ) as sdk,
    ):
        yield Office(live, app, sdk, tmp_path)


def payload_of(event: Any) -> Any:
    """Of an event of the SDK, where everything may be absent to a type checker."""
    return event.data.payload


def files(folder: Path) -> list[str]:
    return [file.name for file in folder.iterdir()]


def read(data: bytes) -> tuple[Pcm, int]:
    """(n, channels) of a WAV file."""
    with wave.open(io.BytesIO(data)) as file:
        pcm = np.frombuffer(file.readframes(file.getnframes()), "<i2")
        return pcm.reshape(-1, file.getnchannels()).astype(np.int16), file.getframerate()


def loud_ms(channel: Pcm) -> float:
    return float(np.count_nonzero(np.abs(channel.astype(np.int32)) > 500)) / 8


# ---- from the command to the file ---------------------------------------------------------------


async def test_a_recording_from_its_start_to_the_file_that_anybody_with_the_link_gets(
    tmp_path: Path,
) -> None:
    async with office(tmp_path) as at, httpx.AsyncClient(trust_env=False, verify=False) as anybody:
        await at.record(custom_file_name="Zoë")
        event = await at.next("call.recording.saved")
        assert isinstance(event, CallRecordingSavedWebhookEvent)
        url: str = payload_of(event).recording_urls.wav
        answer = await anybody.get(url)
        assert answer.headers["content-type"] == "audio/wav"
        assert "Zo%C3%AB_" in answer.headers["content-disposition"]
        pcm, rate = read(answer.content)
        assert (rate, pcm.shape[1]) == (8000, 2)
        assert loud_ms(pcm[:, 0]) == pytest.approx(480, abs=40)
        assert not pcm[:, 1].any()
        part = await anybody.get(url, headers={"range": "bytes=0-43"})
        assert (part.status_code, part.content) == (206, answer.content[:44])
        for wrong in (url[:-1], url.replace("expires=1", "expires=2"), url + "0"):
            assert (await anybody.get(wrong)).status_code == 403
        without = url.partition("?")[0]
        assert (await anybody.get(without)).status_code == 403
        [file] = (tmp_path / "out" / "recordings").iterdir()
        file.unlink()
        assert (await anybody.get(url)).status_code == 404


async def test_every_endpoint_of_recordings_and_what_a_restart_leaves(tmp_path: Path) -> None:
    async with office(tmp_path) as at:
        ids = [(await at.recorded())["recording_id"] for _ in range(3)]
    async with office(tmp_path) as at:
        listed = await at.sdk.recordings.list(page_size=2)
        assert [each.id async for each in listed] == ids[::-1]
        one = (await at.sdk.recordings.retrieve(ids[0])).data
        assert (one.status, one.source, one.channels) == ("completed", "call", "dual")
        assert 400 <= one.duration_millis <= 900
        assert (await at.live.http.get(one.download_urls.wav)).status_code == 200
        only = await at.sdk.recordings.list(filter={"call_leg_id": one.call_leg_id})
        assert [each.id async for each in only] == [ids[0]]
        since = {"created_at": {"gte": one.created_at}}
        assert len([each async for each in await at.sdk.recordings.list(filter=since)]) == 3
        gone = (await at.sdk.recordings.delete(ids[0])).data
        assert gone.id == ids[0]
        with pytest.raises(telnyx.NotFoundError):
            await at.sdk.recordings.retrieve(ids[0])
        assert (await at.sdk.recordings.actions.delete(ids=ids[1:])).status == "ok"
        assert [each async for each in await at.sdk.recordings.list()] == []
        while files(tmp_path / "out" / "recordings"):  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def test_pausing_resuming_and_stopping_by_the_sdk(tmp_path: Path) -> None:
    async with office(tmp_path) as at:
        call = await at.live.ring(steps=[{"wait": "hangup"}])
        actions = at.sdk.calls.actions
        await actions.answer(call, record="record-from-answer", record_format="mp3")
        await at.next("call.answered")
        await actions.pause_recording(call)
        await asyncio.sleep(0.2)
        await actions.resume_recording(call)
        await asyncio.sleep(0.2)
        await actions.stop_recording(call)
        event = await at.next("call.recording.saved")
        sound = (await at.live.http.get(event.data.payload.recording_urls.mp3)).content
        pcm, rate = soundfile.read(io.BytesIO(sound), always_2d=True)
        assert (rate, pcm.shape[1]) == (8000, 2)
        one = (await at.sdk.recordings.retrieve(event.data.payload.recording_id)).data
        assert 100 <= one.duration_millis <= 350


async def test_a_carrier_without_a_folder_keeps_recordings_while_it_runs(tmp_path: Path) -> None:
    async with office(tmp_path, out_dir=None) as at:
        payload = await at.recorded()
        url = payload["recording_urls"]["wav"]
        assert (await at.live.http.get(url)).status_code == 200


async def test_a_disk_that_cannot_be_written_costs_the_recording_and_not_the_call(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "recordings").write_text("in the way")
    async with office(tmp_path) as at:
        await at.record()
        event = await at.next("call.recording.error")
        assert isinstance(event, CallRecordingErrorWebhookEvent)
        assert payload_of(event).reason == "Internal server error"
        assert [each async for each in await at.sdk.recordings.list()] == []
    assert caplog.text.count("a recording is given up") == 1


async def test_calls_that_a_stopping_carrier_ends_are_recorded(tmp_path: Path) -> None:
    async with office(tmp_path) as at:
        call = await at.live.ring(steps=[{"wait": "hangup"}])
        await at.sdk.calls.actions.answer(call, record="record-from-answer", record_format="wav")
        await asyncio.sleep(0.1)
    [name] = files(tmp_path / "out" / "recordings")
    assert name.endswith(".wav")


# ---- files --------------------------------------------------------------------------------------


def wish(pcm: Pcm, format: Any, begin: int = 0) -> SaveRecording:
    return SaveRecording(
        recording_id="id",
        file_name=f"x.{format}",
        format=format,
        channels=pcm.shape[1],
        sample_rate=8000,
        begin=begin,
        end=len(pcm),
        transcribe=False,
        storage=None,
    )


@pytest.mark.parametrize("format", ["wav", "mp3"])
@pytest.mark.parametrize("frames", [0, 160, 200_000])
async def test_a_file_has_every_frame(tmp_path: Path, format: str, frames: int) -> None:
    left = np.arange(frames, dtype=np.int32).astype(np.int16)
    pcm = np.stack((left, -left), axis=1)
    path = tmp_path / f"x.{format}"
    with Spool() as spool:
        for begin in range(0, frames, 8000):
            spool.put(pcm[begin : begin + 8000].tobytes())
        spool.write_out(spool.take())
        make_file(path, spool, wish(pcm, format, begin=min(frames, 10)))
    if format == "wav":
        assert np.array_equal(read(path.read_bytes())[0], pcm[10:])
    elif frames:
        found, rate = soundfile.read(path, always_2d=True)
        assert (rate, found.shape) == (8000, (frames - 10, 2))
    assert files(tmp_path) == [path.name]


async def test_a_file_that_fails_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spools, "write_wav", full)
    with Spool() as spool, pytest.raises(OSError, match="full"):
        make_file(tmp_path / "x.wav", spool, wish(np.zeros((0, 1), np.int16), "wav"))
    assert files(tmp_path) == []


async def test_a_file_that_is_being_made_when_the_carrier_stops_is_not_finished(
    tmp_path: Path,
) -> None:
    pcm = np.zeros((1000, 1), np.int16)
    with Spool() as spool:
        spool.write_out(pcm.tobytes())
    with pytest.raises(ValueError, match="closed"):
        make_file(tmp_path / "x.wav", spool, wish(pcm, "wav"))
    assert files(tmp_path) == []


def full(path: Path, spool: Spool, asked: SaveRecording) -> None:
    path.write_bytes(b"half of it")
    raise OSError("the disk is full")


async def test_a_long_recording_waits_in_a_file_without_a_name(tmp_path: Path) -> None:
    folder = tmp_path / "recordings"
    pcm = np.arange(3_000_000, dtype=np.int32).astype(np.int16)[:, None]
    with Spool(folder) as spool:
        spool.write_out(pcm[:100].tobytes())
        spool.write_out(pcm[100:].tobytes())
        assert files(folder) == []
        assert np.array_equal(np.concatenate(list(spool.blocks(wish(pcm, "wav")))), pcm)


async def test_a_recording_that_the_disk_does_not_keep_up_with_is_given_up() -> None:
    with Spool() as spool:
        for _ in range(40):
            spool.put(bytes(500_000))
        assert spool.failed
        assert spool.take() == b""


# ---- texts --------------------------------------------------------------------------------------


async def test_a_transcription_from_its_start_to_its_deletion(tmp_path: Path) -> None:
    pcm = resample(*SpellingRecogniser().pronounce("two tickets"), 8000)
    write_wav(tmp_path / "a.wav", pcm, pcm, 8000)
    async with office(tmp_path, engines=scripted()) as at:
        await at.record(transcription=True)
        event = await at.next("call.recording.transcription.saved")
        assert isinstance(event, CallRecordingTranscriptionSavedWebhookEvent)
        assert payload_of(event).transcription_text == "two tickets"
        texts = at.sdk.recording_transcriptions
        [text] = [each async for each in await texts.list()]
        assert (text.status, text.transcription_text) == ("completed", "two tickets")
        assert (await texts.retrieve(text.id)).data.recording_id == text.recording_id
        assert (await texts.delete(text.id)).data.id == text.id
        with pytest.raises(telnyx.NotFoundError):
            await texts.retrieve(text.id)


@pytest.mark.skipif(not offline.installed(), reason="needs callbridge[speech]")
def test_the_offline_recogniser_understands_a_recorded_person() -> None:
    clip = loader(Path())("moonshine_voice:assets/two_cities.wav")
    pcm = resample(clip.pcm[: 6 * clip.sample_rate], clip.sample_rate, 8000)[:, None]
    transcribe = offline.offline().recogniser.transcribe
    spool = MemorySpool(pcm)
    text = " ".join(transcribe(piece, 8000) for piece in utterances(spool, wish(pcm, "wav")))
    assert "best of times" in text.lower()


def test_speech_is_cut_at_its_pauses_and_none_of_it_is_lost() -> None:
    pause = np.zeros(8000, np.int16)
    mono = np.concatenate((pause, tone(1000), pause, tone(60_000), pause[:100]))
    pcm = np.stack((mono, np.zeros_like(mono)), axis=1)
    spool = MemorySpool(pcm)
    pieces = list(utterances(spool, wish(pcm, "wav")))
    assert [round(len(piece) / 8000) for piece in pieces] == [2, 25, 25, 11]


class MemorySpool(Spool):
    """Outside of an event loop."""

    def __init__(self, pcm: Pcm) -> None:
        super().__init__()
        self.put(pcm.tobytes())
        self.write_out(self.take())


# ---- the customer's own storage -----------------------------------------------------------------


def test_a_request_is_signed_as_in_the_example_of_the_service() -> None:
    """AWS, "Signature Calculations for the Authorization Header", the example of a lifecycle."""
    bucket = S3Bucket(
        bucket="examplebucket",
        aws_access_key_id="AKIAIOSFODNN7EXAMPLE",
        aws_secret_access_key="wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
        region="us-east-1",
    )
    url = "https://examplebucket.s3.amazonaws.com/?lifecycle="
    nothing = hashlib.sha256(b"").hexdigest()
    headers = storage.authorised(bucket, "GET", url, nothing, datetime(2013, 5, 24, tzinfo=UTC))
    assert headers["authorization"].endswith(
        "Signature=fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"
    )
    assert "wJalrX" not in repr(bucket)


def s3(endpoint: str, **fields: str) -> dict[str, Any]:
    return {
        "backend": "s3-generic",
        "aws_access_key_id": "id",
        "aws_secret_access_key": SECRET,
        "bucket": "mine",
        "endpoint": endpoint,
        "region": "eu-1",
    } | fields


async def test_a_recording_goes_to_the_customers_own_bucket(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with hooks() as bucket, office(tmp_path) as at:
        application = CarrierConfig().connection_id
        credentials = at.sdk.custom_storage_credentials
        kept = await credentials.create(
            application, backend="s3-generic", configuration=s3(bucket.url)
        )
        assert kept.data.configuration.bucket == "mine"
        payload = await at.recorded(custom_file_name="box")
        request, body = await bucket.received.get()
        name = request.url.path.removeprefix("/mine/")
        assert payload["recording_urls"] == {"wav": f"s3://mine/{name}"}
        assert (request.method, name[:4]) == ("PUT", "box_")
        assert request.headers["content-length"] == str(len(body))
        assert request.headers["x-amz-content-sha256"] == hashlib.sha256(body).hexdigest()
        assert read(body)[0].shape[1] == 2
        one = (await at.sdk.recordings.retrieve(payload["recording_id"])).data
        assert one.download_urls.wav == f"s3://mine/{name}"
        assert files(tmp_path / "out" / "recordings") == []
    assert SECRET not in caplog.text


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (403, "Failed to authorize with storage using custom credentials"),
        (500, "Internal server error"),
    ],
)
async def test_what_a_bucket_does_not_take_is_an_error(
    tmp_path: Path, status: int, reason: str
) -> None:
    async with hooks(partial(answering, status)) as bucket, office(tmp_path) as at:
        await at.sdk.custom_storage_credentials.create(
            CarrierConfig().connection_id, backend="s3-generic", configuration=s3(bucket.url)
        )
        await at.record()
        assert (await at.next("call.recording.error")).data.payload.reason == reason
        assert [each async for each in await at.sdk.recordings.list()] == []
        assert files(tmp_path / "out" / "recordings") == []


async def answering(status: int, request: Request) -> Response:
    return Response(status_code=status)


@pytest.mark.parametrize(
    ("bucket", "reason"),
    [
        (GcsBucket(bucket="b", credentials="{"), "Invalid credentials json"),
        (GcsBucket(bucket="b", credentials="[]"), "Invalid credentials json"),
        (GcsBucket(bucket="b", credentials="{}"), "Unsupported backend"),
        (AzureBucket(bucket="b", account_name="a"), "Unsupported backend"),
    ],
)
async def test_storage_that_the_carrier_does_not_know_is_refused_in_the_platforms_words(
    tmp_path: Path, bucket: GcsBucket | AzureBucket, reason: str
) -> None:
    async with httpx.AsyncClient(verify=False) as http:
        with pytest.raises(NotStored) as refusal:
            await storage.upload(http, bucket, tmp_path / "x.wav", "x.wav", "wav")
    assert refusal.value.reason == reason


async def test_every_endpoint_of_storage_credentials(tmp_path: Path) -> None:
    async with office(tmp_path) as at:
        application = CarrierConfig().connection_id
        credentials = at.sdk.custom_storage_credentials
        with pytest.raises(telnyx.NotFoundError):
            await credentials.retrieve(application)
        s3_own: Any = s3("http://127.0.0.1:9")
        await credentials.create(application, backend="s3-generic", configuration=s3_own)
        gcs: Any = {"backend": "gcs", "bucket": "b", "credentials": "{}"}
        changed = await credentials.update(application, backend="gcs", configuration=gcs)
        assert (changed.record_type, changed.data.backend) == ("custom_storage_credentials", "gcs")
        found = await credentials.retrieve(application)
        assert (found.connection_id, found.data.configuration.bucket) == (application, "b")
        whole = (await at.live.http.get("/v2/custom_storage_credentials")).json()
        assert [each["connection_id"] for each in whole["data"]] == [application]
        assert await credentials.delete(application) is None
        with pytest.raises(telnyx.NotFoundError):
            await credentials.delete(application)
        body = {"connection_id": application, "backend": "gcs", "configuration": gcs}
        made = await at.live.http.post("/v2/custom_storage_credentials", json=body)
        assert made.json()["data"]["backend"] == "gcs"
