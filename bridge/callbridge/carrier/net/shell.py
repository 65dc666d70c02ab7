"""The switch among real sockets, files and clocks: carries out its effects and drives its ticks."""

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine
from functools import partial
from pathlib import Path
from typing import Any, Literal, Protocol, TypeVar

import httpx
import msgspec
import numpy as np
from nacl.signing import SigningKey

from callbridge.carrier.config import CarrierConfig
from callbridge.carrier.core.deliveries import DeliveryAttempt
from callbridge.carrier.core.effects import (
    CallFinished,
    CloseStream,
    DropRecordingFile,
    Effect,
    FetchSound,
    OpenStream,
    PhoneHears,
    Recognise,
    RequestTexml,
    SaveRecording,
    SendFrame,
    SendWebhook,
    SpeakWords,
    Synthesise,
    TellPhone,
    WriteRecording,
)
from callbridge.carrier.core.links import RecordingServer
from callbridge.carrier.core.report import CallReport
from callbridge.carrier.net import documents
from callbridge.carrier.net.deliver import Deliverer
from callbridge.carrier.net.fetching import FetchDoor, FetchRules, NotThere
from callbridge.carrier.net.files import write_wav
from callbridge.carrier.net.phones import PhoneSockets
from callbridge.carrier.net.recordings import RecordingFiles
from callbridge.carrier.net.sounds import SoundLoader
from callbridge.carrier.net.speaking import CarrierVoice, RelayEngines, speaker
from callbridge.carrier.net.spool import encodes_mp3
from callbridge.carrier.net.streams import SpawnErrand, Streams
from callbridge.carrier.store.store import Store
from callbridge.carrier.switch import Switch
from callbridge.errors import CallbridgeError
from telecodecs import Pcm

T = TypeVar("T")

log = logging.getLogger(__name__)

TICK_S = 0.02
# Late ticks follow each other this fast, not at once: the customer gets a moment to answer each
# frame, as they would have had. Without it a stall of ours becomes a gap in the bot's speech.
CATCH_UP_STEP_S = 0.004
MAX_CATCH_UP_S = 0.5  # a longer stall is left out: nobody speaks half a second in no time
GOODBYE_S = 2.0  # for webhooks, sockets and files when the carrier stops


class StreamSockets(Protocol):
    """The clients of all WebSockets: they open, send and close, and tell the switch."""

    def open(self, wish: OpenStream) -> None: ...

    def send(self, stream_id: str, text: str) -> None: ...

    def close(self, stream_id: str) -> None: ...


StreamsOf = Callable[[Switch, SpawnErrand, Callable[[], None], Callable[[], float]], StreamSockets]


class Running(msgspec.Struct, frozen=True):
    """Where a started carrier is, and what its webhooks are signed with."""

    host: str
    port: int
    public_key: str  # base64 of 32 bytes, as TELNYX_PUBLIC_KEY wants it
    scheme: Literal["http", "https"] = "http"
    phone_path: str = ""  # of the page with a telephone; empty where there is none

    @property
    def address(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}"


class Shell:
    """One per event loop; `group` owns every task of it."""

    def __init__(
        self,
        config: CarrierConfig,
        group: asyncio.TaskGroup,
        http: httpx.AsyncClient,
        key: SigningKey,
        *,
        out_dir: Path | None = None,
        voice: CarrierVoice | None = None,
        engines: RelayEngines | None = None,
        store: Store | None = None,
        sounds: SoundLoader | None = None,
        streams: StreamsOf = Streams,
        address: str = "http://127.0.0.1:8080",
        webhook_timeout_s: float = 2.0,
        webhook_backoff_s: float = 0.5,
    ) -> None:
        self.key = key
        self.switch = Switch(
            config,
            wall=time.time(),
            now=self.now(),
            speaks=voice is not None,
            converses=engines is not None,
            store=store,
            recordings=RecordingServer(address, mp3=encodes_mp3()),
        )
        self.skipped_ticks = 0
        self._group, self._out_dir = group, out_dir
        self._voice, self._engines = voice, engines
        self._sounds = sounds or SoundLoader(FetchDoor(http, FetchRules()))
        self.speak = speaker(voice)  # of callers whose script has a text to say
        self._errands: set[asyncio.Task[None]] = set()
        self._http, self._timeout_s = http, webhook_timeout_s
        self._streams = streams(self.switch, self._spawn, self.settle, self.now)
        self.phones = PhoneSockets(self.switch, self.settle, self.now)
        self.files = RecordingFiles(
            out_dir / "recordings" if out_dir is not None else None,
            self.switch,
            http,
            engines.recogniser if engines is not None else None,
            self._spawn,
            self.settle,
            self.now,
        )
        self._deliverer = Deliverer(
            http,
            key,
            self._spawn,
            self._webhook_attempted,
            timeout_s=webhook_timeout_s,
            backoff_s=webhook_backoff_s,
        )

    def _spawn(self, errand: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = self._group.create_task(errand)
        self._errands.add(task)
        task.add_done_callback(self._errands.discard)
        return task

    def now(self) -> float:
        return asyncio.get_running_loop().time()

    # ---- effects ------------------------------------------------------------------------------

    def settle(self) -> None:
        """Carry out all that the switch wants; to be called after every call of it."""
        while effects := self.switch.effects():
            for effect in effects:
                self._carry_out(effect)

    def _carry_out(self, effect: Effect) -> None:
        match effect:
            case SendFrame(stream_id, text):
                self._streams.send(stream_id, text)
            case PhoneHears(phone_id, payload):
                self.phones.hear(phone_id, payload)
            case TellPhone(phone_id, news):
                self.phones.tell(phone_id, news)
            case SendWebhook():
                self._deliverer.send(effect)
            case RequestTexml():
                self._spawn(self._request_texml(effect))
            case OpenStream():
                self._streams.open(effect)
            case CloseStream(stream_id):
                self._streams.close(stream_id)
            case Synthesise():
                self._spawn(self._synthesise(effect))
            case SpeakWords():
                self._spawn(self._speak_words(effect))
            case FetchSound():
                self._spawn(self._fetch(effect))
            case Recognise():
                self._spawn(self._recognise(effect))
            case WriteRecording():
                self.files.write(effect)
            case SaveRecording():
                self.files.save(effect)
            case DropRecordingFile():
                self.files.drop(effect)
            case CallFinished(call):
                self._spawn(self._keep(self.switch.report(call)))

    def _webhook_attempted(self, webhook: SendWebhook, attempt: DeliveryAttempt) -> None:
        self.switch.webhook_attempted(webhook, attempt, self.now())

    async def _request_texml(self, wish: RequestTexml) -> None:
        answer = await documents.ask(self._http, self.key, wish, self._timeout_s)
        self.switch.texml_answered(wish.request_id, answer, self.now())
        self.settle()

    # ---- speech -------------------------------------------------------------------------------

    async def _synthesise(self, wish: Synthesise) -> None:
        assert self._voice is not None, "the switch knows that there is one"
        speak = partial(
            self._voice,
            wish.text,
            wish.sample_rate,
            ssml=wish.ssml,
            language=wish.language,
            female=wish.female,
        )
        pcm = await _off_the_loop("speak", speak)
        self.switch.synthesised(wish.speak_id, pcm, self.now())
        self.settle()

    async def _speak_words(self, wish: SpeakWords) -> None:
        assert self._engines is not None, "the switch knows that there are some"
        speak = partial(self._engines.synthesiser.speak, wish.text, wish.sample_rate)
        words = await _off_the_loop("Conversation Relay", speak)
        self.switch.spoken(wish.sound_id, words, self.now())
        self.settle()

    async def _recognise(self, wish: Recognise) -> None:
        assert self._engines is not None, "the switch knows that there are some"
        listen = partial(self._engines.recogniser.transcribe, wish.pcm, wish.sample_rate)
        text = await _off_the_loop("Conversation Relay", listen)
        self.switch.recognised(wish.session_id, text, self.now())
        self.settle()

    async def _fetch(self, wish: FetchSound) -> None:
        try:
            pcm = await (self._grow(wish) if wish.in_pieces else self._sounds.load(wish))
        except CallbridgeError as error:
            missing = isinstance(error, NotThere)
            self.switch.fetched(wish.sound_id, None, self.now(), str(error), missing=missing)
        else:
            if pcm is not None:
                self.switch.fetched(wish.sound_id, pcm, self.now())
        self.settle()

    async def _grow(self, wish: FetchSound) -> Pcm | None:
        """All of it, when it has come; None if nobody wants it any more."""
        pieces: list[Pcm] = []
        async with self._sounds.pieces(wish) as blocks:
            async for pcm in blocks:
                if not self.switch.fetched_piece(wish.sound_id, pcm, self.now()):
                    return None
                pieces.append(pcm)
        return np.concatenate(pieces)

    # ---- recordings ---------------------------------------------------------------------------

    async def _keep(self, report: CallReport) -> None:
        """Write a finished call's files. A full disk costs the recording, not the carrier."""
        wav = json = None
        try:
            if self._out_dir is not None:
                wav, json = await asyncio.to_thread(_write, self._out_dir, report)
        except OSError as error:
            log.error("the recording of %s was not written: %s", report.call_control_id, error)
        left = report.summary() | {"files": {"wav": wav, "json": json}}
        self.switch.store.keep_recording(report.call_control_id, left)

    # ---- the clock ----------------------------------------------------------------------------

    async def run_clock(self) -> None:
        """Ticks at absolute times, so that they never drift."""
        deadline = self.now()
        while True:
            deadline += TICK_S
            late = self.now() - deadline
            if late > MAX_CATCH_UP_S:
                skipped = int((late - MAX_CATCH_UP_S) / TICK_S)
                self.skipped_ticks += skipped
                deadline += skipped * TICK_S
                log.warning("stalled for %.1f s: %d ticks left out", late, skipped)
            await asyncio.sleep(max(CATCH_UP_STEP_S, -late))
            self.switch.tick(deadline)
            self.settle()

    async def quiet(self, within: float) -> None:
        """Wait until every webhook is delivered or given up, at most `within` seconds."""
        deadline = self.now() + within
        while self._deliverer.busy and self.now() < deadline:  # noqa: ASYNC110  nobody tells
            await asyncio.sleep(TICK_S)

    async def say_goodbye(self) -> None:
        """End all calls and give their last words a moment."""
        self._deliverer.stop_repeating()
        self.switch.shut_down(self.now())
        self.settle()
        until = self.now() + GOODBYE_S
        while self._errands and self.now() < until:  # one leads to another: saved, then told
            await asyncio.wait(self._errands, timeout=until - self.now())


async def _off_the_loop(what: str, work: Callable[[], T]) -> T | None:
    """The result of an engine's work, None when it failed."""
    try:
        return await asyncio.to_thread(work)
    except CallbridgeError as error:
        log.error("%s: %s", what, error)
        return None


def _write(folder: Path, report: CallReport) -> tuple[str, str]:
    """A WAV file with the caller left and the bot right, and a JSON file with the tape, both named
    after when the call began and the end of its id: 2026-11-25T15-08-12-Xh3fQ_."""
    folder.mkdir(parents=True, exist_ok=True)
    began = report.start_time.partition(".")[0].replace(":", "-")
    stem = folder / f"{began}-{report.call_control_id[-6:]}"
    wav, json = stem.with_suffix(".wav"), stem.with_suffix(".json")
    write_wav(wav, report.caller, report.bot, report.sample_rate)
    whole = report.summary() | {"marks": report.marks, "tape": report.tape, "wav": wav.name}
    json.write_bytes(msgspec.json.format(msgspec.json.encode(whole)) + b"\n")
    return str(wav), str(json)
