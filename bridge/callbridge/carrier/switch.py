"""The carrier without I/O and without a clock: exchange, parts and REST API, joined."""

from urllib.parse import quote

import msgspec

from callbridge.carrier.api.limits import CallLimit
from callbridge.carrier.api.operation import CarrierMeans
from callbridge.carrier.api.problems import Response, detail_of
from callbridge.carrier.api.router import RestApi
from callbridge.carrier.conferences.conferences import Conferences
from callbridge.carrier.config import CarrierConfig, TexmlApplication
from callbridge.carrier.core.deliveries import DeliveryAttempt
from callbridge.carrier.core.effects import Effect, SendWebhook
from callbridge.carrier.core.exchange import Exchange
from callbridge.carrier.core.leg import CarrierLeg
from callbridge.carrier.core.links import RecordingServer
from callbridge.carrier.core.report import CallReport, TapeEntry
from callbridge.carrier.core.routing import Routing
from callbridge.carrier.core.sockets import CarrierSockets
from callbridge.carrier.parts.detections import CarrierDetections
from callbridge.carrier.parts.gather import CarrierGathers
from callbridge.carrier.parts.phones import CarrierPhones
from callbridge.carrier.parts.playback import CarrierPlaybacks
from callbridge.carrier.parts.queues import CallQueues
from callbridge.carrier.parts.recordings import CarrierRecordings
from callbridge.carrier.parts.relay_mouth import RelaySound
from callbridge.carrier.parts.relays import CarrierRelays, RelayPart
from callbridge.carrier.parts.sounds import CarrierSounds, NoSound, NoSoundStatus
from callbridge.carrier.parts.speak import CarrierSpeech
from callbridge.carrier.parts.streams import CarrierStreams
from callbridge.carrier.parts.transcription import CarrierTranscriptions
from callbridge.carrier.people.phone_wire import PhoneFrame
from callbridge.carrier.people.script import CallScript
from callbridge.carrier.shapes import JsonObject
from callbridge.carrier.store.recordings import SavedRecording
from callbridge.carrier.store.store import Application, Store
from callbridge.carrier.texml.part import TexmlPart
from callbridge.carrier.texml.requests import TexmlAnswer, TexmlRequests
from callbridge.carrier.texml.services import TexmlServices
from callbridge.carrier.watch.scene import CarrierScene, Happened, TapeNews, scene
from telecodecs import Pcm


class Switch:
    """What happens is told here, each time with `now` in monotonic seconds; `wall` is the Unix
    time at the first `now`.

    The shell calls `tick` every 20 ms and carries out `effects()` after every call. With a `seed`
    all ids are the same every time. `speaks` says that the shell can carry out `Synthesise`,
    `converses` that it can carry out `SpeakWords` and `Recognise`, `recordings` what it can do with
    recordings. A `store` that was used before brings its applications, events and recordings;
    without one all is forgotten at the end."""

    def __init__(
        self,
        config: CarrierConfig,
        *,
        wall: float,
        now: float = 0.0,
        seed: int | None = None,
        speaks: bool = False,
        converses: bool = False,
        store: Store | None = None,
        recordings: RecordingServer | None = None,
    ) -> None:
        self.config = config
        self.store = store or Store()
        self._exchange = Exchange(
            config,
            self.store,
            wall=wall,
            now=now,
            seed=seed,
            speaks=speaks,
            converses=converses,
        )
        self._sockets = CarrierSockets(self._exchange)
        self._sounds = CarrierSounds(self._exchange)
        self._streams = CarrierStreams(self._exchange, self._sockets, self._sounds)
        self._relays = CarrierRelays(self._exchange, self._sockets, self._sounds)
        self._conferences = Conferences(self._exchange, self._sounds)
        self._transcriptions = CarrierTranscriptions(self._exchange)
        self._detections = CarrierDetections(self._exchange)
        self._texml = TexmlRequests(self._exchange, self._sounds)
        self._recordings = CarrierRecordings(
            self._exchange, self.store.recorded, recordings or RecordingServer()
        )
        self._queues = CallQueues(self._exchange)
        self._phones = CarrierPhones(self._exchange, self._place, self._command)
        self._rest = RestApi(
            CarrierMeans(
                self._exchange,
                self._streams,
                CarrierSpeech(self._exchange, self._sounds),
                self._relays,
                self._conferences,
                self._queues,
                self._recordings,
                self.store,
                CallLimit(is_l1=config.is_l1),
                playbacks=CarrierPlaybacks(self._exchange, self._sounds),
                gathers=CarrierGathers(self._exchange),
                transcriptions=self._transcriptions,
                detections=self._detections,
            )
        )
        self._keep_own_application()

    def _keep_own_application(self) -> None:
        """What the carrier was started with goes before what is stored."""
        config, now = self.config, self._exchange.timestamp()
        before = self.store.application(config.connection_id)
        self.store.keep_application(
            Application(
                id=config.connection_id,
                application_name=before.application_name if before else "callbridge",
                webhook_event_url=config.webhook_url,
                webhook_event_failover_url=config.webhook_failover_url,
                created_at=before.created_at if before else now,
                updated_at=now,
                settings=before.settings if before else {},
            )
        )

    def _at(self, now: float) -> Exchange:
        """The one place where time passes."""
        self._exchange.now = now
        return self._exchange

    # ---- what happens -------------------------------------------------------------------------

    def tick(self, now: float) -> None:
        self._at(now)
        self._conferences.begin_tick()
        self._exchange.tick()
        self._conferences.end_tick()

    def request(
        self, method: str, target: str, body: bytes, authorization: str | None, now: float
    ) -> Response:
        """One request to /v2, its query in `target`. Never raises for what a client sends."""
        self._at(now)
        return self._rest.request(method, target, body, authorization)

    def place_call(self, script: CallScript, now: float) -> str:
        """A caller rings in. Returns the leg's call_control_id."""
        self._at(now)
        return self._place(script).call_control_id

    def _place(self, script: CallScript) -> CarrierLeg:
        exchange, texml = self._exchange, self.config.texml
        if texml is not None and texml.takes(script.to):
            return self._place_texml_call(script, texml, exchange)
        application = self._application_of(script.to)
        taken = exchange.channels(application.id, "incoming")
        if not application.is_active or taken >= application.channel_limit("inbound"):
            leg = exchange.place_call(script, application.id, Routing())
            exchange.refuse_call(leg, "busy" if application.is_active else "not_found")
            return leg
        return exchange.place_call(
            script,
            application.id,
            application.routing(),
            command_within_s=application.command_within_s(),
        )

    def _application_of(self, number: str) -> Application:
        """Of a number that was ordered for one, that one; of all others, the carrier's own."""
        ordered = self.store.other_products.numbers.get(number)
        connection_id = ordered.connection_id if ordered is not None else None
        named = self.store.application(connection_id) if connection_id is not None else None
        application = named or self.store.application(self.config.connection_id)
        assert application is not None, "it cannot be deleted"
        return application

    def _place_texml_call(
        self, script: CallScript, texml: TexmlApplication, exchange: Exchange
    ) -> CarrierLeg:
        """No event of it goes anywhere: its application is told by forms."""
        leg = exchange.place_call(script, texml.id, Routing())
        services = TexmlServices(exchange, self._streams, self._relays)
        part = TexmlPart(leg, exchange, texml, self._texml, services)
        leg.add(part)
        part.begin()
        return leg

    def _command(self, call_control_id: str, action: str, fields: JsonObject) -> str | None:
        """A command of the platform that somebody at a telephone causes. Returns why it was
        refused."""
        target = f"/v2/calls/{quote(call_control_id, safe='')}/actions/{action}"
        key = f"Bearer {self.config.api_key}"
        answer = self._rest.request("POST", target, msgspec.json.encode(fields), key)
        return None if answer.status < 300 else detail_of(answer)

    def phone_says(self, phone_id: str, frame: PhoneFrame, now: float) -> None:
        """A control frame of a telephone in a browser; the first one of each is its hello."""
        self._at(now)
        self._phones.receive(phone_id, frame)

    def phone_said(self, phone_id: str, payload: bytes, now: float) -> None:
        """20 ms of its microphone. Raises MalformedPhoneFrame."""
        self._at(now)
        self._phones.said(phone_id, payload)

    def phone_is_gone(self, phone_id: str, now: float) -> None:
        """Its socket is closed, for whatever reason."""
        self._at(now)
        self._phones.unplug(phone_id)

    def typed(self, call_control_id: str, text: str, now: float, *, last: bool = True) -> bool:
        """The caller of a Conversation Relay writes what others say, word by word until `last` or
        all of it. No words only interrupt. True if the bot was interrupted.

        Raises LookupError for a call without such a session."""
        self._at(now)
        relay = self.relay(call_control_id)
        if relay is None or not relay.talking:
            raise LookupError(f"no Conversation Relay on call {call_control_id!r}")
        return relay.typed(text, last=last)

    def hang_up(self, call_control_id: str, now: float) -> None:
        """The far end does. Raises LookupError for a call that is unknown or long over."""
        self._at(now).hang_up(call_control_id)

    def shut_down(self, now: float) -> None:
        """Every call ends, as when an exchange loses power, but in order."""
        self._at(now).shut_down()

    # ---- what the shell answers ---------------------------------------------------------------

    def stream_opened(self, stream_id: str, now: float) -> None:
        self._at(now)
        self._sockets.opened(stream_id)

    def stream_failed(self, stream_id: str, reason: str, now: float) -> None:
        """The socket could not be opened, or broke."""
        self._at(now)
        self._sockets.failed(stream_id, reason)

    def stream_closed(self, stream_id: str, now: float) -> None:
        """The customer closed the socket."""
        self._at(now)
        self._sockets.closed(stream_id)

    def stream_received(self, stream_id: str, message: str | bytes, now: float) -> None:
        self._at(now)
        self._sockets.received(stream_id, message)

    def synthesised(self, speak_id: str, pcm: Pcm | None, now: float) -> None:
        """None when there is no voice after all."""
        self._at(now)
        sound = NoSound("the voice failed: see the carrier's log") if pcm is None else pcm
        self._sounds.arrived(speak_id, sound)

    def spoken(self, sound_id: str, words: RelaySound | None, now: float) -> None:
        """What `SpeakWords` asked for; None when there is no voice after all."""
        self._at(now)
        self._relays.spoken(sound_id, words)

    def fetched(
        self, sound_id: str, pcm: Pcm | None, now: float, why: str = "", *, missing: bool = False
    ) -> None:
        """What `FetchSound` asked for; None with the reason when it cannot be played. A file that
        is `missing` is not there."""
        self._at(now)
        status: NoSoundStatus = "file_not_found" if missing else "failed"
        self._sounds.arrived(sound_id, NoSound(why, status) if pcm is None else pcm)

    def fetched_piece(self, sound_id: str, pcm: Pcm, now: float) -> bool:
        """The next samples of what `FetchSound` asked for in pieces, all of which come once more by
        `fetched`. False when nobody wants it any more; then nothing else is to come."""
        self._at(now)
        return self._sounds.piece(sound_id, pcm)

    def texml_answered(self, request_id: str, answer: TexmlAnswer, now: float) -> None:
        """What `RequestTexml` asked for."""
        self._at(now)
        self._texml.answered(request_id, answer)

    def recognised(self, session_id: str, text: str | None, now: float) -> None:
        """What `Recognise` asked for; None when nothing could be recognised."""
        self._at(now)
        self._relays.recognised(session_id, text)
        self._transcriptions.recognised(session_id, text)
        self._detections.recognised(session_id, text)
        self._texml.recognised(session_id, text)

    def recording_saved(self, recording_id: str, now: float, location: str = "") -> None:
        """What `SaveRecording` asked for; `location` is its address in the customer's storage."""
        self._at(now)
        self._recordings.saved(recording_id, location)

    def recording_failed(self, recording_id: str, reason: str, now: float) -> None:
        """`reason` in the platform's words."""
        self._at(now)
        self._recordings.failed(recording_id, reason)

    def recording_transcribed(self, recording_id: str, text: str | None, now: float) -> None:
        """The text of a saved recording; None when there is none."""
        self._at(now)
        self._recordings.transcribed(recording_id, text)

    def webhook_attempted(self, webhook: SendWebhook, attempt: DeliveryAttempt, now: float) -> None:
        """How a delivery goes."""
        self._at(now).webhook_attempted(webhook, attempt)

    # ---- what is seen -------------------------------------------------------------------------

    def effects(self) -> list[Effect]:
        """What is to be done outside, in order; handed out once."""
        return self._exchange.effects()

    @property
    def has_effects(self) -> bool:
        return self._exchange.has_effects

    def known(self) -> list[CarrierLeg]:
        """The live legs, and those that ended a while ago."""
        return self._exchange.known()

    @property
    def live_legs(self) -> int:
        return self._exchange.live_legs

    def find(self, call_control_id: str) -> CarrierLeg | None:
        return self._exchange.find(call_control_id)

    def recording_asked_for(
        self, recording_id: str, file_name: str, expires: str, signature: str, now: float
    ) -> SavedRecording | None:
        """The recording that a link leads to; None for a link that is not good."""
        self._at(now)
        return self._recordings.asked_for(recording_id, file_name, expires, signature)

    def relay(self, call_control_id: str) -> RelayPart | None:
        """The Conversation Relay of a call, if it has one."""
        leg = self.find(call_control_id)
        return self._relays.of(leg) if leg is not None else None

    def report(self, call_control_id: str) -> CallReport:
        """Raises LookupError for a call that is unknown or long over."""
        return self._exchange.report(call_control_id)

    def scene(self, now: float) -> CarrierScene:
        """What goes on just now, for those who watch."""
        exchange = self._at(now)
        return scene(exchange, self._conferences.going_on(), self._queues.all())

    def news(self, news: TapeNews, now: float) -> list[Happened]:
        """What was asked, and what has come onto any leg's tape, since `news` looked last."""
        return news.since(self._at(now), self._rest.asked)

    def tape(self, call_control_id: str, after: int = 0) -> tuple[list[TapeEntry], bool]:
        """Entries from number `after` on, and whether the call is over. Raises LookupError."""
        return self._exchange.tape(call_control_id, after)
