"""The application: bots by number, and everything wired to everything.

`App` is an ASGI application. Serve it (`callbridge serve bot.py`, `uvicorn bot:app`) or mount it in
another one; a mounted application is never told to start, so all begins with the first request."""

import asyncio
import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, TypeVar, overload

import httpx
from fastapi import FastAPI, Request, Response
from starlette.requests import ClientDisconnect

from callbridge.bots.form import require_bot, require_handler
from callbridge.bots.reply import Handler, ReplySettings, replying
from callbridge.calls.course import OUT_OF_TIME, Bot, CallMeans, Limits, Registration
from callbridge.calls.leg import LegMeans, VoiceKind
from callbridge.calls.registry import Calls, Dialled
from callbridge.control import signatures as webhooks
from callbridge.control.client import CallControl, connect
from callbridge.control.events import Event, read_event
from callbridge.control.numbers import key, registered_key
from callbridge.errors import (
    BadSignature,
    CallbridgeError,
    SettingsError,
    SpeechFailed,
    WebhookError,
)
from callbridge.host.audiofile import Fetch, fetch
from callbridge.media.playout import PlayoutSettings
from callbridge.serve.documents import DocumentRequest, Documents, WhichDocument
from callbridge.serve.endpoints import MEDIA, RELAY
from callbridge.serve.logs import mask_server_logs, set_up_where_nobody_did
from callbridge.serve.metrics import CONTENT_TYPE, Metrics, SpeechFigures
from callbridge.serve.settings import Settings
from callbridge.sockets.asgi import StreamServer
from callbridge.sockets.door import Door
from callbridge.sockets.scope import Receive, Scope, Send, route
from callbridge.speech.echo import EchoSettings
from callbridge.speech.engines import Speech
from callbridge.speech.language import Language, language_named
from callbridge.speech.offline import offline, require
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
from callbridge.voice.line import MediaPlan
from callbridge.voice.relay_voice import RelaySettings
from telecodecs import Pcm, codec
from telecodecs.tones import special_information

H = TypeVar("H", bound=Handler)

log = logging.getLogger("callbridge")

HEARING_WAIT_S = 3.0  # a caller who has heard nothing for so long is better told so
SAMPLE_RATES = (8000, 16000, 22050, 24000, 32000, 44100, 48000)
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


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What an application stands on; replaced as a whole by `callbridge.testing`."""

    clock: Clock = field(default_factory=SystemClock)
    jobs: Jobs = field(default_factory=ThreadJobs)
    transport: httpx.AsyncBaseTransport | None = None  # to the Voice API; None is the network
    fetch: Fetch = fetch  # of sound files on the web
    speech: Speech | None = None  # takes the place of the application's own
    readers: tuple[TapeReader, ...] = ()  # of the tape, beside the log and the tape file
    voice: VoiceKind | None = None  # of all calls, whatever the bots were registered with
    characters_per_s: float | None = None  # of all relays, in place of their settings' own


@dataclass(frozen=True, slots=True)
class Configuration:
    """What `App.configure` sets, to be put back by `App.restore`."""

    settings: Settings | None
    surroundings: Surroundings


class App:
    """Bots and the numbers they answer.

    `sample_rate` is that of all audio between bots and Callbridge, whatever the wire carries.
    `apology` is what a caller hears when a bot crashes: by default the three rising tones of the
    network (ITU-T E.180); pass samples at `sample_rate`, or an empty array for silence.
    `out_of_time` is said when a call has reached its longest duration.
    `speech` are the engines that bots listen and speak with (by default the offline ones of the
    extra `speech`), `turns` and `echo` the numbers of turn-taking and
    of the echo judge. `language` is what callers speak, by its code ("de") or as tables of your
    own: which words are murmured while one listens, and after which more is to come.
    `voice` is how calls hear and speak: "media" is their audio, with the engines above, "relay" is
    Conversation Relay, where the platform hears and speaks; CALLBRIDGE_VOICE unless it is given.
    `relay` is what the platform's sessions are started with: its voice, its language."""

    def __init__(
        self,
        settings: Settings | None = None,
        *,
        sample_rate: int = 8000,
        apology: Pcm | None = None,
        out_of_time: str = OUT_OF_TIME,
        speech: Speech | None = None,
        turns: TurnSettings | None = None,
        echo: EchoSettings | None = None,
        language: Language | str | None = None,
        voice: VoiceKind | None = None,
        relay: RelaySettings | None = None,
        surroundings: Surroundings | None = None,
    ) -> None:
        if sample_rate not in SAMPLE_RATES:
            possible = ", ".join(map(str, SAMPLE_RATES))
            raise SettingsError(f"sample_rate is {sample_rate}: it is one of {possible} (Hz)")
        turns = turns or TurnSettings()
        if language is not None:
            named = language_named(language) if isinstance(language, str) else language
            turns = replace(turns, language=named)
        self.sound = Sound(
            sample_rate,
            special_information(sample_rate) if apology is None else apology,
            out_of_time,
            speech,
            turns,
            echo or EchoSettings(),
        )
        self._settings = settings
        self._surroundings = surroundings or Surroundings()
        self._bots: dict[str, Registration] = {}  # by the key of their number
        self._any_number: Registration | None = None
        self._default_voice: VoiceKind = "media"  # the setting's, once there are settings
        self._voice: VoiceKind | None = voice
        self._relay = relay
        self._service: Service | None = None
        self._reached = False  # by a server
        self._http = self._routes()
        mask_server_logs()

    @overload
    def call(self, number: Bot) -> Bot: ...

    @overload
    def call(
        self,
        number: str | None = None,
        *,
        max_s: float | None = None,
        voice: VoiceKind | None = None,
        relay: RelaySettings | None = None,
    ) -> Callable[[Bot], Bot]: ...

    def call(
        self,
        number: Bot | str | None = None,
        *,
        max_s: float | None = None,
        voice: VoiceKind | None = None,
        relay: RelaySettings | None = None,
    ) -> Bot | Callable[[Bot], Bot]:
        """Register a bot: `@app.call` for every number, `@app.call("+13125550100")` for one.

        Numbers are compared by their digits, SIP addresses as they are. Raises SettingsError for
        what is neither, and for a number that has a bot already, and BotError for what cannot be a
        bot. `max_s` is the longest call of this bot in seconds; CALLBRIDGE_MAX_CALL_S is the
        longest of all. `voice` and `relay` are how its calls hear and speak, as of the
        application."""
        form = partial(Registration, max_s=self._longest(max_s), voice=voice, relay=relay)
        if number is None or isinstance(number, str):
            return self._register(number, form)
        return self._register(None, form)(number)

    @staticmethod
    def _longest(max_s: float | None) -> float:
        longest = float("inf") if max_s is None else max_s
        if not longest > 0:
            raise SettingsError(f"max_s is {max_s}: a call lasts longer than that")
        return longest

    def _register(
        self, number: str | None, form: Callable[[Bot], Registration]
    ) -> Callable[[Bot], Bot]:
        """For one number or for all; `form` has what is registered besides the bot."""
        wanted = registered_key(number) if number is not None else None

        def register(bot: Bot) -> Bot:
            require_bot(bot)
            if wanted is None:
                self._any_number = form(bot)
            elif wanted in self._bots:
                raise SettingsError(f"{number} has two bots: register one for each number")
            else:
                self._bots[wanted] = form(bot)
            return bot

        return register

    @overload
    def reply(self, handler: H) -> H: ...

    @overload
    def reply(
        self,
        *,
        number: str | None = None,
        greeting: str = "",
        idle: str = "",
        idle_after: float = 10.0,
        idle_limit: int = 2,
        sorry: str = ReplySettings.sorry,
        keys_interrupt: bool = False,
        max_s: float | None = None,
        voice: VoiceKind | None = None,
        relay: RelaySettings | None = None,
    ) -> Callable[[H], H]: ...

    def reply(
        self,
        handler: Any = None,
        *,
        number: str | None = None,
        greeting: str = "",
        idle: str = "",
        idle_after: float = 10.0,
        idle_limit: int = 2,
        sorry: str = ReplySettings.sorry,
        keys_interrupt: bool = False,
        max_s: float | None = None,
        voice: VoiceKind | None = None,
        relay: RelaySettings | None = None,
    ) -> Any:
        """Register a bot that is only its replies: `@app.reply`, `@app.reply(greeting="Hi!")`.

        The handler gets the call and the caller's turn, and returns a text or yields it piece by
        piece, as a language model does. `number`: for one number only. `idle` is said after
        `idle_after` seconds in which nobody spoke, `idle_limit` times, and then the call is ended;
        `sorry` when an engine failed. A key cuts a reply only with `keys_interrupt`.
        `max_s` is the longest call, and `voice` and `relay` how it hears and speaks, as of
        `call`."""
        settings = ReplySettings(greeting, idle, idle_after, idle_limit, sorry, keys_interrupt)
        register_bot = self._register(
            number,
            partial(
                Registration, max_s=self._longest(max_s), voice=voice, relay=relay, speaks=True
            ),
        )

        def register(handler: H) -> H:
            require_handler(handler)
            register_bot(replying(handler, settings))
            return handler

        return register if handler is None else register(handler)

    async def dial(
        self, to: str, from_: str, *, bot: Bot | None = None, timeout: float | None = None
    ) -> Dialled:
        """Call a number (or SIP address) and let `bot` talk when it is answered.

        Without a bot the one registered for `from_` talks. Returns at answer, or with the reason
        why there was none."""
        service = self.service
        registration = self._filled(Registration(bot)) if bot is not None else self._bot_for(from_)
        if registration is None:
            raise SettingsError("dial needs a bot: pass bot=, or register one with @app.call")
        if bot is not None:
            require_bot(bot)
        connection_id = service.settings.connection_id
        if not connection_id:
            raise SettingsError(
                "CALLBRIDGE_CONNECTION_ID is not set: it is the id of the Call Control application "
                "that calls go out through (portal: Voice > Programmable Voice)"
            )
        if not self._reached:
            log.warning(
                "dialling, though nothing has reached this application yet: the webhook that tells "
                "of the answer must, so serve it (callbridge serve, uvicorn) and dial from there"
            )
        return await service.calls.dial(to, from_, registration, connection_id, timeout)

    @property
    def has_bots(self) -> bool:
        """Whether calls that come in are answered."""
        return bool(self._bots) or self._any_number is not None

    @property
    def numbers(self) -> tuple[str, ...]:
        """Numbers, and SIP addresses, that have a bot of their own."""
        return tuple(f"+{key}" if key.isdecimal() else key for key in self._bots)

    def answers(self, number: str) -> bool:
        """Whether a call that comes in to `number` is answered."""
        return self._bot_for(number) is not None

    def _bot_for(self, number: str) -> Registration | None:
        found = self._bots.get(key(number), self._any_number)
        return found and self._filled(found)

    def _filled(self, bot: Registration) -> Registration:
        """With what the application has where it says nothing of its own."""
        relay, pace = bot.relay or self._relay, self._surroundings.characters_per_s
        if pace is not None:
            relay = replace(relay or RelaySettings(), characters_per_s=pace)
        return replace(bot, voice=self._voice_of(bot), relay=relay)

    def _voice_of(self, bot: Registration) -> VoiceKind:
        return self._surroundings.voice or bot.voice or self._voice or self._default_voice

    def configure(self, settings: Settings, surroundings: Surroundings | None = None) -> None:
        """Set what it runs with, before its first use."""
        if self._service is not None:
            raise SettingsError("the application is running already: configure it before")
        self._settings = settings
        self._surroundings = surroundings or self._surroundings

    @property
    def configuration(self) -> Configuration:
        """What it runs with, or would."""
        return Configuration(self._settings, self._surroundings)

    def restore(self, configuration: Configuration) -> None:
        """Undo a `configure`, after `close`."""
        self._settings, self._surroundings = configuration.settings, configuration.surroundings

    # ---- running ----------------------------------------------------------------------------

    @property
    def service(self) -> "Service":
        """The running parts; made at first use, inside the event loop. Raises SettingsError."""
        if self._service is None:
            settings = self._settings or Settings.load()
            speech = self._surroundings.speech or self.sound.speech
            self._default_voice = settings.voice
            if speech is None and any(map(self._needs_engines, self._registrations())):
                require()  # better now than when the first caller is on the line
            sound = replace(self.sound, speech=speech)
            self._service = Service(settings, sound, self._surroundings, self._bot_for)
        return self._service

    def _registrations(self) -> Iterator[Registration]:
        yield from self._bots.values()
        if self._any_number is not None:
            yield self._any_number

    def _needs_engines(self, bot: Registration) -> bool:
        return bot.speaks and self._voice_of(bot) == "media"

    async def close(self) -> None:
        """Drain, then close what was opened."""
        if self._service is not None:
            await self._service.close()  # until then it takes the webhooks of its last calls
            self._service = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._reached = True
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        elif scope["type"] == "websocket" and (server := self.service.sockets.get(route(scope))):
            await server(scope, receive, send)
        else:
            await self._http(scope, receive, send)

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        await receive()
        try:
            set_up_where_nobody_did(self.service.settings.log)
        except CallbridgeError as error:
            await send({"type": "lifespan.startup.failed", "message": str(error)})
            return
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await self.close()
        await send({"type": "lifespan.shutdown.complete"})

    def _routes(self) -> FastAPI:
        http = FastAPI(title="Callbridge", docs_url=None, redoc_url=None, openapi_url=None)

        async def webhook(request: Request) -> Response:
            return await self.service.webhook(request)

        async def document(request: Request) -> Response:
            return await self.service.document(request, "first")

        async def next_document(request: Request) -> Response:
            return await self.service.document(request, "next")

        async def held_document(request: Request) -> Response:
            return await self.service.document(request, "held")

        def healthz() -> Response:
            return Response("ok\n", media_type="text/plain")

        async def readyz() -> Response:
            calls = self.service.calls
            ready = not calls.draining and not calls.full
            why = "ready" if ready else "draining" if calls.draining else "full"
            return Response(f"{why}\n", 200 if ready else 503, media_type="text/plain")

        async def metrics() -> Response:
            return Response(self.service.metrics.text(), headers={"content-type": CONTENT_TYPE})

        http.add_api_route("/webhooks", webhook, methods=["POST"])
        http.add_api_route("/texml", document, methods=["GET", "POST"])
        http.add_api_route("/texml/next", next_document, methods=["GET", "POST"])
        http.add_api_route("/texml/held", held_document, methods=["GET", "POST"])
        http.add_api_route("/healthz", healthz, methods=["GET"])
        http.add_api_route("/readyz", readyz, methods=["GET"])
        http.add_api_route("/metrics", metrics, methods=["GET"])
        return http


class Service:
    """The running parts of an application: one event loop, one process."""

    def __init__(
        self,
        settings: Settings,
        sound: Sound,
        surroundings: Surroundings,
        bot_for: Callable[[str], Registration | None],
    ) -> None:
        self.settings = settings
        self._clock = surroundings.clock
        self._jobs = surroundings.jobs
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
        tx = codec(settings.codec, settings.sampling_rate).encoding
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
                l16_order=settings.l16_order,
                playout=PlayoutSettings(lead=settings.lead_ms / 1000),
            ),
            self._clock,
            self._ticker,
            self.studio,
            self._spoken,
            settings.media_url,
            settings.relay_url,
            readers,
        )
        means = CallMeans(
            command=self._command,
            leg=leg,
            jobs=surroundings.jobs,
            fetch=surroundings.fetch,
            secret=settings.secret.get_secret_value().encode(),
            limits=Limits(calls=settings.max_calls, call=settings.max_call_s),
            apology=sound.apology if len(sound.apology) else None,
            out_of_time=sound.out_of_time,
            texml_url=settings.texml_url,
            webhook_url=settings.webhook_url,
        )
        self.calls = Calls(means, bot_for)
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
            self._studio = Studio(
                sound.speech or offline(),
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
