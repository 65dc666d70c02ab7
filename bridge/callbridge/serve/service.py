"""The running parts of an application: what answers webhooks, takes sockets and counts."""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, field

import httpx
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from callbridge.calls.leg import LegMeans, VoiceKind
from callbridge.calls.means import CallMeans, Limits, Registration
from callbridge.calls.registry import Calls
from callbridge.control import signatures as webhooks
from callbridge.control.client import CallControl, connect
from callbridge.control.events import Event, read_event
from callbridge.errors import BadSignature, SpeechFailed, WebhookError
from callbridge.host.download import Download, download
from callbridge.host.wav import write_wav
from callbridge.media.playout import PlayoutSettings
from callbridge.serve.documents import DocumentRequest, Documents, WhichDocument
from callbridge.serve.endpoints import MEDIA, RELAY
from callbridge.serve.metrics import Metrics, SpeechFigures
from callbridge.serve.settings import Settings
from callbridge.sockets.asgi import StreamServer
from callbridge.sockets.door import Door
from callbridge.speech.echo import EchoSettings
from callbridge.speech.engines import Speech, in_language
from callbridge.speech.offline import offline
from callbridge.speech.pool import SpeechPool
from callbridge.speech.studio import SpeechCounts, Studio
from callbridge.speech.turns import TurnSettings
from callbridge.tape.hushed import Hushed
from callbridge.tape.lines import LogLines
from callbridge.tape.tally import TapeTally
from callbridge.tape.tape import TapeFile, TapeReader
from callbridge.timing.clock import Clock, SystemClock
from callbridge.timing.jobs import Jobs, ThreadJobs
from callbridge.timing.ticker import Ticker
from callbridge.timing.watchdog import Watchdog
from callbridge.voice.plan import MediaPlan
from telecodecs import Pcm, encoding, silence
from telecodecs.tones import hold_music

log = logging.getLogger("callbridge")

HOLD_MUSIC_HZ = 8000
SILENCE_SAMPLES = HOLD_MUSIC_HZ // 10
HEARING_WAIT_S = 3.0  # a caller who has heard nothing for so long is better told so
WEBHOOK_LIMIT = 1_048_576  # bytes; real ones are a few thousand


@dataclass(frozen=True, slots=True)
class Sound:
    """What bots hear and speak with."""

    sample_rate: int  # of all audio between bots and Callbridge
    apology: Pcm  # what a caller hears when a bot crashes
    out_of_time: str  # what is said at the end of the longest call
    speech: Speech | None  # None: the offline engines, loaded when first needed
    turns: TurnSettings
    echo: EchoSettings
    language: str = ""  # that callers speak, by its code, if it was given so
    dtmf_in_audio: bool | None = None  # None: as the settings say


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What an application stands on; replaced as a whole by `callbridge.testing`."""

    clock: Clock = field(default_factory=SystemClock)
    jobs: Jobs = field(default_factory=ThreadJobs)
    transport: httpx.AsyncBaseTransport | None = None  # to the Voice API; None is the network
    download: Download = download  # of sound files on the web
    speech: Speech | None = None  # takes the place of the application's own
    readers: tuple[TapeReader, ...] = ()  # of the tape, beside the log and the tape file
    voice: VoiceKind | None = None  # of all calls, whatever the bots were registered with
    characters_per_s: float | None = None  # of all relays, in place of their settings' own


class Service:
    """The running parts of an application: one event loop, one process."""

    def __init__(
        self,
        settings: Settings,
        sound: Sound,
        surroundings: Surroundings,
        bot_for: Callable[[str], Registration | None],
        filled: Callable[[Registration], Registration],
    ) -> None:
        self.settings = settings
        self._clock = surroundings.clock
        self._jobs = surroundings.jobs
        self.download = surroundings.download
        self._sound = sound
        self._studio: Studio | None = None
        self._loading: asyncio.Task[None] | None = None  # kept, as the loop does not
        self._hearing = SpeechPool(self._jobs, longest_wait=HEARING_WAIT_S)
        self._speaking = SpeechPool(self._jobs, waiting=256)
        self._spoken = SpeechCounts()
        self._key = webhooks.load_public_key(settings.public_key)
        self._seen = webhooks.SeenEvents()
        self._ticker = Ticker(self._clock)
        self._watchdog: Watchdog | None = None
        if isinstance(self._clock, SystemClock):
            # Virtual time stands still while something works: nobody waits for it.
            self._watchdog = Watchdog()
            self._ticker.beat()
        self._command: CallControl = connect(
            settings.base_url, settings.api_key.get_secret_value(), surroundings.transport
        )
        chooses = settings.codec == "auto"
        tx = encoding("PCMU" if chooses else settings.codec, settings.sampling_rate)
        token = settings.media_token.get_secret_value() if settings.media_token else ""
        self._tape_file = TapeFile(settings.tape) if settings.tape else None
        happened = TapeTally()
        readers: list[TapeReader] = [LogLines(log), happened, *surroundings.readers]
        if self._tape_file is not None:
            readers.append(self._tape_file)
        if not settings.log_words:
            readers = [Hushed(reader) for reader in readers]
        leg = LegMeans(
            MediaPlan(
                sample_rate=sound.sample_rate,
                tx_name=tx.name,
                tx_rate=tx.sample_rate,
                chooses=chooses,
                l16_order=settings.l16_order,
                playout=PlayoutSettings(lead=settings.lead_ms / 1000),
                dtmf_in_audio=settings.dtmf_in_audio
                if sound.dtmf_in_audio is None
                else sound.dtmf_in_audio,
            ),
            self._clock,
            self._ticker,
            self.studio,
            self._spoken,
            settings.media_url,
            settings.relay_url,
            settings.hold_url,
            settings.silence_url,
            readers,
            sound.turns.language,
        )
        means = CallMeans(
            command=self._command,
            leg=leg,
            jobs=surroundings.jobs,
            download=surroundings.download,
            secret=settings.secret.get_secret_value().encode(),
            limits=Limits(calls=settings.max_calls, call=settings.max_call_s),
            apology=sound.apology if len(sound.apology) else None,
            out_of_time=sound.out_of_time,
            connection_id=settings.connection_id or "",
            texml_url=settings.texml_url,
            webhook_url=settings.webhook_url,
        )
        self.calls = Calls(means, bot_for, filled)
        self.documents = Documents(
            self.calls, self._clock, self._key, settings.when_full, settings.texml_url
        )
        shared = {"minted": None, "shared": token, "none": ""}[settings.media_auth]
        self.doors = [
            Door(MEDIA, self.calls.audio, shared),
            Door(RELAY, self.calls.relayed, None if settings.media_auth == "minted" else ""),
        ]
        self.sockets = {door.endpoint.path: StreamServer(door) for door in self.doors}
        pools = {"hearing": self._hearing, "speaking": self._speaking}
        speech = SpeechFigures(self._spoken, pools)
        self.metrics = Metrics(self.calls, happened, self._ticker, speech, self._watchdog)

    def studio(self) -> Studio:
        """The speech engines and their pools; loaded at the first call that listens or speaks."""
        if self._studio is None:
            sound = self._sound
            speech = sound.speech or offline()
            self._studio = Studio(
                in_language(speech, sound.language) if sound.language else speech,
                hearing=self._hearing,
                speaking=self._speaking,
                turns=sound.turns,
                echo=sound.echo,
                counts=self._spoken,
            )
            self._loading = asyncio.create_task(self._load(self._studio))
        return self._studio

    async def _load(self, studio: Studio) -> None:
        """The call that needs the engines first answers while they load."""
        try:
            await studio.load()
        except SpeechFailed as error:
            log.error("the recogniser was not loaded", extra={"why": str(error)})

    async def webhook(self, request: Request) -> Response:
        """Answer a webhook; what it means for a call is done before or after, never waited for."""
        body = await self._body(request)
        if isinstance(body, Response):
            return body
        headers = request.headers
        return self.receive(
            body,
            signature=headers.get(webhooks.SIGNATURE_HEADER),
            timestamp=headers.get(webhooks.TIMESTAMP_HEADER),
            content_type=headers.get("content-type", ""),
        )

    async def document(self, request: Request, which: WhichDocument) -> Response:
        """Answer a request for a document of TeXML."""
        content = request.scope["query_string"] if request.method == "GET" else b""
        if request.method == "POST":
            body = await self._body(request)
            if isinstance(body, Response):
                return body
            content = body
        headers = request.headers
        signature = headers.get(webhooks.SIGNATURE_HEADER)
        timestamp = headers.get(webhooks.TIMESTAMP_HEADER)
        return self.asked(DocumentRequest(content, signature, timestamp, which))

    def asked(self, request: DocumentRequest) -> Response:
        """One request for a document: signature first, then the call that it is about."""
        try:
            answer = self.documents.answer(request)
        except WebhookError as error:
            return self._refuse(error)
        self.metrics.webhooks[answer.outcome] += 1
        return Response(answer.body, answer.status, media_type=answer.media_type)

    def hold_music(self) -> bytes:
        """A WAV file, for platforms that play what has a URL."""
        return write_wav(hold_music(HOLD_MUSIC_HZ), HOLD_MUSIC_HZ)

    def silence(self) -> bytes:
        """A WAV file that nobody hears: on such platforms only another sound ends a sound."""
        return write_wav(silence(SILENCE_SAMPLES), HOLD_MUSIC_HZ)

    async def _body(self, request: Request) -> bytes | Response:
        """Or what a body that cannot be taken is answered with."""
        body = bytearray()
        try:
            async for piece in request.stream():
                body += piece
                if len(body) > WEBHOOK_LIMIT:
                    return self._answer("malformed", 413, "a webhook of more than a megabyte")
        except ClientDisconnect:
            return self._answer("malformed", 400, "the sender has gone")
        return bytes(body)

    def receive(
        self, body: bytes, *, signature: str | None, timestamp: str | None, content_type: str
    ) -> Response:
        """One delivery: signature first, then the body, then the call that it is about."""
        now = self._clock.wall()
        try:
            webhooks.verify(body, signature, timestamp, key=self._key, now=now)
            event = read_event(body, content_type)
        except WebhookError as error:
            return self._refuse(error)
        if not self._seen.first_time(event.id, now):
            return self._answer("repeated", 200, "seen before")
        turned_away = self._turn_away(event)
        if turned_away is not None:
            self._seen.forget(event.id)  # its repetition may find room
            return turned_away
        self.calls.on_event(event)
        return self._answer("accepted", 200, "ok")

    def _refuse(self, error: WebhookError) -> Response:
        why = str(error)
        if isinstance(error, BadSignature) and self.settings.is_local:
            why += "; a local carrier writes its TELNYX_PUBLIC_KEY to carrier.env: start with that"
        log.warning("webhook refused", extra={"why": why})
        return self._answer("refused", error.status, str(error))

    def _turn_away(self, event: Event) -> Response | None:
        """At the limit a new call is refused: by 503, so that failover works, or rejected."""
        new = event.event_type == "call.initiated" and event.payload.get("direction") == "incoming"
        if not new or not (self.calls.full or self.calls.draining):
            return None
        if self.settings.when_full == "reject":
            self.calls.refuse(event, "USER_BUSY")
            return self._answer("refused", 200, "rejected")
        self.calls.counts.refused += 1
        return self._answer("refused", 503, "no room for another call")

    def _answer(self, outcome: str, status: int, text: str) -> Response:
        self.metrics.webhooks[outcome] += 1
        return Response(f"{text}\n", status, media_type="text/plain")

    async def close(self) -> None:
        await self.calls.drain(self.settings.drain_s)
        self._ticker.close()
        if self._watchdog is not None:
            self._watchdog.close()
        if self._loading is not None:
            self._loading.cancel()
        await self._command.aclose()
        if self._tape_file is not None:
            self._tape_file.close()
