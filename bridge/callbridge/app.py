"""The application: bots by number, and everything wired to everything.

`App` is an ASGI application. Serve it (`callbridge serve bot.py`, `uvicorn bot:app`) or mount it in
another one; a mounted application is never told to start, so all begins with the first request."""

import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from functools import cached_property, partial
from typing import Any, TypeVar, overload

from starlette.types import ASGIApp

from callbridge.bots.form import require_bot, require_decision, require_handler
from callbridge.bots.reply import Handler, ReplyBot, ReplySettings, replying
from callbridge.calls.dialling import Dialling
from callbridge.calls.incoming import DEADLINE_S, Decide, Decision
from callbridge.calls.leg import VoiceKind
from callbridge.calls.means import OUT_OF_TIME, Bot, Registration
from callbridge.calls.pickup import require_detection
from callbridge.calls.registry import Dialled
from callbridge.control.commands import MachineDetection
from callbridge.control.numbers import key, registered_key
from callbridge.errors import BotError, CallbridgeError, SettingsError
from callbridge.handoff.conference import Conference
from callbridge.handoff.queue import Queue
from callbridge.host.download import whole
from callbridge.serve.logs import mask_server_logs, set_up_where_nobody_did
from callbridge.serve.service import Service, Sound, Surroundings
from callbridge.serve.settings import Settings
from callbridge.sockets.scope import Receive, Scope, Send, route
from callbridge.speech.echo import EchoSettings
from callbridge.speech.engines import Speech, in_language
from callbridge.speech.language import Language, language_named
from callbridge.speech.offline import installed, offline, require
from callbridge.speech.turns import TurnSettings
from callbridge.voice.relay_voice import RelaySettings
from telecodecs import Pcm
from telecodecs.tones import special_information

H = TypeVar("H", bound=Handler)

log = logging.getLogger("callbridge")

SAMPLE_RATES = (8000, 16000, 22050, 24000, 32000, 44100, 48000)


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
    own: which words are murmured while one listens, and after which more is to come. A code also
    chooses among the engines of `speech`, and what the platform's sessions are started with.
    `voice` is how calls hear and speak: "media" is their audio, with the engines above, "relay" is
    Conversation Relay, where the platform hears and speaks; CALLBRIDGE_VOICE unless it is given.
    `relay` is what the platform's sessions are started with: its voice, its language.
    `dtmf_in_audio` hears keys in the audio of callers, too, for lines that send them as tones (see
    docs/dtmf.md); CALLBRIDGE_DTMF_IN_AUDIO unless it is given."""

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
        dtmf_in_audio: bool | None = None,
        surroundings: Surroundings | None = None,
    ) -> None:
        if sample_rate not in SAMPLE_RATES:
            possible = ", ".join(map(str, SAMPLE_RATES))
            raise SettingsError(f"sample_rate is {sample_rate}: it is one of {possible} (Hz)")
        turns = turns or TurnSettings()
        if language is not None:
            named = language_named(language) if isinstance(language, str) else language
            turns = replace(turns, language=named)
        self._language = language if isinstance(language, str) else ""
        self.sound = Sound(
            sample_rate,
            special_information(sample_rate) if apology is None else apology,
            out_of_time,
            speech,
            turns,
            echo or EchoSettings(),
            self._language,
            dtmf_in_audio,
        )
        self._settings = settings
        self._surroundings = surroundings or Surroundings()
        self._bots: dict[str, Registration] = {}  # by the key of their number
        self._any_number: Registration | None = None
        self._incoming: dict[str | None, Decision] = {}  # None: for every other number
        self._default_voice: VoiceKind = "media"  # the setting's, once there are settings
        self._voice: VoiceKind | None = voice
        self._relay = relay
        self._service: Service | None = None
        self._reached = False  # by a server
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
    def incoming(self, number: Decide) -> Decide: ...

    @overload
    def incoming(
        self, number: str | None = None, *, deadline: float = DEADLINE_S
    ) -> Callable[[Decide], Decide]: ...

    def incoming(
        self, number: Decide | str | None = None, *, deadline: float = DEADLINE_S
    ) -> Decide | Callable[[Decide], Decide]:
        """Register who decides about a call before it is answered: `@app.incoming` for every
        number, `@app.incoming("+13125550100")` for one, which goes before the other.

            @app.incoming
            async def decide(ring: Ringing) -> None:
                if ring.from_ in blocked:
                    await ring.reject("declined")

        When it returns, having neither rejected nor transferred the call, the bot of the number
        answers; until then the caller hears it ring. It answers as well after `deadline` seconds,
        and when the function raises. A caller who hangs up cancels it. Calls that TeXML leads, and
        streams that somebody else starts, are not asked about: they are answered already."""
        if number is None or isinstance(number, str):
            return self._register_incoming(number, deadline)
        return self._register_incoming(None, deadline)(number)

    def _register_incoming(self, number: str | None, deadline: float) -> Callable[[Decide], Decide]:
        wanted = registered_key(number) if number is not None else None
        if not deadline > 0:
            raise SettingsError(f"deadline is {deadline}: nobody decides so fast")

        def register(decide: Decide) -> Decide:
            require_decision(decide)
            if wanted in self._incoming:
                raise SettingsError(f"{number or 'every number'} has two who decide")
            self._incoming[wanted] = Decision(decide, deadline)
            return decide

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
        filler: str = "",
        filler_after: float = ReplySettings.filler_after,
        eager: bool = False,
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
        filler: str = "",
        filler_after: float = ReplySettings.filler_after,
        eager: bool = False,
        max_s: float | None = None,
        voice: VoiceKind | None = None,
        relay: RelaySettings | None = None,
    ) -> Any:
        """Register a bot that is only its replies: `@app.reply`, `@app.reply(greeting="Hi!")`.

        The handler gets the call and the caller's turn, and returns a text or yields it piece by
        piece, as a language model does. `number`: for one number only. `idle` is said after
        `idle_after` seconds in which nobody spoke, `idle_limit` times, and then the call is ended;
        `sorry` when an engine failed, and `filler` first, when a reply takes longer than
        `filler_after`. A key cuts a reply only with `keys_interrupt`. `eager`: the handler runs as
        soon as the words are known, at each pause that may be the end, and is cancelled if the
        caller goes on; what it says and asks of the call waits for the end.
        `max_s` is the longest call, and `voice` and `relay` how it hears and speaks, as of
        `call`."""
        settings = ReplySettings(
            greeting,
            idle,
            idle_after,
            idle_limit,
            sorry,
            keys_interrupt,
            filler,
            filler_after,
            eager,
        )
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

    @classmethod
    def of(cls, bot: object) -> "App":
        """An application of one bot that is ready, for every number. Raises BotError."""
        if not isinstance(bot, ReplyBot):
            raise BotError(f"{bot!r} is no ReplyBot")
        app = cls()
        app.reply(**asdict(bot.settings))(bot.handler)
        return app

    async def dial(
        self,
        to: str,
        from_: str,
        *,
        bot: Bot | None = None,
        timeout: float | None = None,
        amd: MachineDetection | None = None,
        on_voicemail: Bot | None = None,
        digits: str = "",
        headers: Mapping[str, str] | None = None,
        display_name: str = "",
    ) -> Dialled:
        """Call a number (or SIP address) and let `bot` talk when it is answered.

        Without a bot the one registered for `from_` talks. Returns at answer, or with the reason
        why there was none. It rings for `timeout` seconds, 5 to 600, 30 unless that
        is given. `digits` are pressed at the answer, SIP `headers` go with the call, and
        `display_name` is shown beside `from_`.

        With `amd` the platform finds out who has picked up, "premium" best of all. The bot begins,
        and `dial` returns, when it is a person: what is not clear, or not told in time, counts as
        one. A machine is hung up and the result is `voicemail`, unless there is `on_voicemail`: a
        bot that talks when the greeting is over, to leave a message. See docs/calling-out.md."""
        require_detection(amd, leaves_message=on_voicemail is not None)
        if on_voicemail is not None:
            require_bot(on_voicemail)
        service = self.service
        registration = self._filled(Registration(bot)) if bot is not None else self._bot_for(from_)
        if registration is None:
            raise SettingsError("dial needs a bot: pass bot=, or register one with @app.call")
        if bot is not None:
            require_bot(bot)
        if not self._reached:
            log.warning(
                "dialling, though nothing has reached this application yet: the webhook that tells "
                "of the answer must, so serve it (callbridge serve, uvicorn) and dial from there"
            )
        dialling = Dialling(
            to=to,
            from_=from_,
            timeout=timeout,
            amd=amd,
            digits=digits,
            headers=headers or {},
            display_name=display_name,
        )
        registration = replace(registration, on_voicemail=on_voicemail)
        return await service.calls.ring(dialling, registration).picked_up()

    def queue(self, name: str) -> Queue:
        """A queue of callers by its name: who waits in it, and `take` for an agent's call."""
        return self.service.calls.queue(name)

    async def conference(self, name: str) -> Conference | None:
        """The conference of that name that goes on, to look at and to lead; None if there is none.
        Calls go into one by `call.join`. Raises CommandRefused and its kin."""
        return await self.service.calls.conferences.find(name)

    async def fetch(self, url: str) -> bytes:
        """What is at a URL, 100 MB at most: a recording, say, whose link is good for ten minutes.
        Raises AudioFileError."""
        return await whole(self.service.download(url))

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
        if found is None:
            return None
        incoming = self._incoming.get(key(number)) or self._incoming.get(None)
        return self._filled(replace(found, incoming=incoming))

    def _filled(self, bot: Registration) -> Registration:
        """With what the application has where it says nothing of its own."""
        relay, pace = bot.relay or self._relay, self._surroundings.characters_per_s
        if self._language and not (relay and (relay.language or relay.languages)):
            relay = replace(relay or RelaySettings(), language=self._language)
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
            self._check_language(speech)
            sound = replace(self.sound, speech=speech)
            self._service = Service(
                settings, sound, self._surroundings, self._bot_for, self._filled
            )
        return self._service

    def _check_language(self, speech: Speech | None) -> None:
        """Raises SettingsError where bots surely hear in a language that no engine understands."""
        ours = [bot for bot in self._registrations() if self._voice_of(bot) == "media"]
        if not (self._language and ours and (speech or installed())):
            return
        try:
            in_language(speech or offline(), self._language)
        except SettingsError as error:
            if any(map(self._needs_engines, ours)):
                raise
            log.warning("a bot that listens will fail: %s", error)

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

    @cached_property
    def _http(self) -> ASGIApp:
        """Made by its first request: `callbridge talk` has none."""
        from callbridge.serve.routes import routes

        return routes(lambda: self.service)
