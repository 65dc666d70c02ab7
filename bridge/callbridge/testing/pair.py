"""The local carrier's core and an application, joined in memory: whole calls in virtual time.

No sockets, no processes, no waiting: webhooks are signed and handed over as bytes, commands go
through the real HTTP client into the carrier's REST core, and frames pass as text. What is
left out are only the servers, which have no logic."""

import asyncio
import base64
import json
from collections import deque
from collections.abc import AsyncGenerator, Callable, Mapping
from pathlib import Path
from typing import Any, Literal, cast
from urllib.parse import urlencode, urlsplit

import httpx
import msgspec
from nacl.signing import SigningKey
from starlette.responses import Response as HttpResponse

from callbridge.app import App
from callbridge.calls.leg import VoiceKind
from callbridge.carrier.api.problems import Response
from callbridge.carrier.config import Behaviour, CarrierConfig, TexmlApplication
from callbridge.carrier.core import effects as do
from callbridge.carrier.core.links import RecordingServer
from callbridge.carrier.core.report import CallReport
from callbridge.carrier.net.files import loader
from callbridge.carrier.people.script import CallScript
from callbridge.carrier.people.steps import WITHIN_S, Say, Step, Wait, fetch
from callbridge.carrier.switch import Switch
from callbridge.carrier.texml.requests import TexmlAnswer
from callbridge.errors import AudioFileError, CallbridgeError
from callbridge.host import audiofile
from callbridge.host.audiofile import Clip
from callbridge.host.download import Download, whole
from callbridge.host.wav import write_wav
from callbridge.serve.documents import DocumentRequest, WhichDocument
from callbridge.serve.service import HOLD_MUSIC_HZ, SILENCE_SAMPLES, Surroundings
from callbridge.serve.settings import HOLD_MUSIC, SILENCE, Settings
from callbridge.sockets.endpoint import StreamOwner
from callbridge.speech.engines import Speech
from callbridge.tape.tape import TapeReader
from callbridge.testing.callers import NUMBER, hum
from callbridge.testing.loop import VirtualClock, VirtualLoop
from callbridge.testing.placed import PTIME_S, PlacedCall
from callbridge.testing.recordings import MemoryRecordings
from callbridge.testing.speech import scripted, voice_for
from callbridge.testing.witness import Crash, Witness
from callbridge.testing.words import Conversation, SentCommand, tools_of, turns_of
from callbridge.timing.clock import Clock, wall_of
from callbridge.timing.jobs import InlineJobs, Jobs
from telecodecs import resample, silence
from telecodecs.tones import hold_music

RETRY_S = 1.0
ATTEMPTS = 2
FINISHED_KEPT = 256
ENDING_S = 5.0  # for tasks of an application to end, once it is closed
WHICH: dict[str, WhichDocument] = {"next": "next", "held": "held"}  # by the end of its address
ADDRESS = "http://127.0.0.1:9"  # the discard port: nothing here ever connects
HOLD_MUSIC_URL = f"{ADDRESS}{HOLD_MUSIC}"  # which the application serves
SILENCE_URL = f"{ADDRESS}{SILENCE}"


def on_time(webhook: do.SendWebhook) -> float:
    """Seconds that a webhook is late."""
    return 0.0


class Pair:
    """An application on one end and a carrier on the other; made inside a virtual loop.

    `delay` is the network's, in seconds each way, for frames and webhooks alike. `lateness` says
    for each webhook how much later it comes; infinity is a webhook that is lost. `jobs` does the
    work of speech engines: by default it takes no time.

    An application without speech engines of its own gets `callbridge.testing.speech.scripted`,
    which understand to the letter what a caller `says`; with "own" it has what it is served with.
    `sounds` are what is on the web, for `call.play`, by URL: samples and their rate.
    `numbers` says who lives where (`CarrierConfig.numbers`). With `texml` calls that come in are
    led by TeXML: the carrier asks the application's /texml. `speech` and the settings take the
    place of what the application was made with, until `close`.

    `voice`, `characters_per_s` and `readers` are those of the application's `Surroundings`. With a
    `clock` that is the machine's, all happens in real time on a loop of real time, and with `web`
    both sides fetch their sounds with it.

    A crash of a bot, or of a call, is raised by `call`, `finished` or `close`, unless
    `expect_crash` is its type; then the report has it, and a test without such a crash fails."""

    def __init__(
        self,
        app: App,
        config: CarrierConfig | None = None,
        *,
        delay: float = 0.0,
        seed: int = 1,
        jobs: Jobs | None = None,
        numbers: Mapping[str, Behaviour] | None = None,
        sounds: Mapping[str, Clip] | None = None,
        speech: Speech | Literal["own"] | None = None,
        texml: bool = False,
        expect_crash: Crash | None = None,
        clock: Clock | None = None,
        voice: VoiceKind | None = None,
        characters_per_s: float | None = None,
        readers: tuple[TapeReader, ...] = (),
        web: Download | None = None,
        **settings: Any,
    ) -> None:
        config = config or CarrierConfig(webhook_url=f"{ADDRESS}/webhooks", keep_recordings=1000)
        if texml:
            application = TexmlApplication(voice_url=f"{ADDRESS}/texml")
            config = msgspec.structs.replace(config, texml=application)
        if speech is None:
            speech = app.sound.speech or scripted()
        engines = app.sound.speech if speech == "own" else speech
        self._engines = engines
        served = Clip(hold_music(HOLD_MUSIC_HZ), HOLD_MUSIC_HZ)
        still = Clip(silence(SILENCE_SAMPLES), HOLD_MUSIC_HZ)
        self.sounds: dict[str, Clip] = {
            HOLD_MUSIC_URL: served,
            SILENCE_URL: still,
            **(sounds or {}),
        }
        self._speak = voice_for(engines.recogniser if engines is not None else None)
        config = msgspec.structs.replace(
            config,
            numbers={
                number: self._voiced(person) if isinstance(person, CallScript) else person
                for number, person in (config.numbers if numbers is None else numbers).items()
            },
        )
        self.app = app
        self._commands: dict[str, list[SentCommand]] = {}  # by call_control_id
        self._witness = Witness(expect_crash)
        self.clock: Clock = clock or VirtualClock()
        self.switch = Switch(
            config,
            wall=self.clock.wall(),
            now=self.clock.now(),
            seed=seed,
            speaks=True,
            converses=engines is not None,
            recordings=RecordingServer(ADDRESS, mp3=True),  # nothing is encoded here
        )
        self.recordings = MemoryRecordings()
        self.refused: list[str] = []  # sockets that were not taken, and why
        self.refuse_sockets = False  # as if the public address took no WebSockets
        self.lateness: Callable[[do.SendWebhook], float] = on_time
        self._delay = delay
        self._web = web
        self._fetching: set[asyncio.Task[None]] = set()  # kept, as the loop does not
        self._loop = asyncio.get_running_loop()
        self._on_loop_error = self._loop.get_exception_handler()
        self._loop.set_exception_handler(self._loop_error)
        self._key = SigningKey(seed.to_bytes(32, "little"))
        self._sockets: dict[str, Socket] = {}
        self._finished: dict[str, asyncio.Future[CallReport]] = {}
        self._on_the_way: deque[tuple[Any, tuple[Any, ...]]] = deque()
        self._draining = False
        self._drain_planned = False
        self._closed = False
        self._ticks: asyncio.TimerHandle | None = None
        self._before = app.configuration
        app.configure(
            _settings(config, self._key, self._before.settings, settings),
            Surroundings(
                self.clock,
                jobs or InlineJobs(),
                Rest(self),
                web or self._download,
                engines,
                (self._witness, *readers),
                voice,
                characters_per_s,
            ),
        )

    # ---- for tests --------------------------------------------------------------------------

    def place(self, script: CallScript) -> str:
        """A caller rings in; returns the call_control_id."""
        call_control_id = self.switch.place_call(self._voiced(script), self.clock.now())
        self.drain()
        return call_control_id

    async def call(self, script: CallScript) -> Conversation:
        """A whole call: until the carrier has finished it and the bridge has forgotten it."""
        return await self.finished(self.place(script))

    async def ring(self, *steps: Step, to: str = NUMBER) -> PlacedCall:
        """A call whose media stream runs, and a caller who does these steps and stays."""
        script = CallScript(to=to, steps=(Wait("answered"), Wait("streaming"), *steps))
        call_control_id = self.place(script)
        for _ in range(round(WITHIN_S / PTIME_S)):
            for leg in self.app.service.calls.legs():
                if leg.call_control_id == call_control_id and leg.stream is not None:
                    return PlacedCall(
                        call_control_id, self.switch, leg.tape, self.voiced, self.finished
                    )
            await asyncio.sleep(PTIME_S)
        raise AssertionError(f"no media stream in {WITHIN_S:g} s")

    async def finished(self, call_control_id: str) -> Conversation:
        """What became of a call once it is over. Raises what crashed in it."""
        future = self._finished.setdefault(call_control_id, self._loop.create_future())
        report = await future
        del self._finished[call_control_id]
        await self.quiet()
        self._witness.raise_crashes()
        conversation = self._conversation(report, self._dialled_since(report))
        self._witness.forget(call_control_id)
        self._commands.pop(call_control_id, None)
        return conversation

    def _dialled_since(self, first: CallReport) -> tuple[Conversation, ...]:
        """Calls to others that have begun since and are over; each can still be asked for."""
        order = {call: number for number, call in enumerate(self._commands)}
        over = (future.result() for future in self._finished.values() if future.done())
        dialled = [report for report in over if report.direction == "outgoing"]
        dialled.sort(key=lambda each: (self._began(each), order.get(each.call_control_id, 0)))
        began = self._began(first)
        return tuple(self._conversation(each) for each in dialled if self._began(each) >= began)

    def _began(self, report: CallReport) -> float:
        leg = self.switch.find(report.call_control_id)
        return leg.started_at if leg is not None else 0.0

    def _conversation(
        self, report: CallReport, others: tuple[Conversation, ...] = ()
    ) -> Conversation:
        events, crashes = self._witness.seen(report.call_control_id)
        began = self._began(report)
        commands = [
            msgspec.structs.replace(command, at_s=round(command.at_s - began, 3))
            for command in self._commands.get(report.call_control_id, ())
        ]
        return Conversation(
            **msgspec.structs.asdict(report),
            turns=turns_of(events, wall_of(self.clock, began)),
            tools=tools_of(events, wall_of(self.clock, began)),
            commands=tuple(commands),
            crashes=crashes,
            others=others,
        )

    async def close(self, *, ending_s: float = ENDING_S) -> None:
        """End the application and give it back what it was made with; tasks that it has left behind
        get so many seconds to end. Raises what crashed."""
        self._closed = True
        try:
            await self.app.close()
            # A reply that does not end is only told of when it has had its time to.
            others = asyncio.all_tasks() - {asyncio.current_task()}
            if others:
                await asyncio.wait(others, timeout=ending_s)
        finally:
            self.app.restore(self._before)
            if isinstance(self._loop, VirtualLoop):
                self._loop.tell_failures()
            self._loop.set_exception_handler(self._on_loop_error)
            self._witness.raise_crashes()

    def raise_if_unmet(self) -> None:
        """For the end of a test that expects a crash. Raises AssertionError."""
        self._witness.raise_if_unmet()

    def note_crashes(self, failure: BaseException) -> None:
        """Add to a test's own failure what had crashed before it, which is likely its cause."""
        self._witness.note_crashes(failure)

    async def quiet(self) -> None:
        """Until the bridge has no call left and every frame on the way has arrived."""
        calls = self.app.service.calls
        while len(calls) or self._sockets or self._on_the_way:  # noqa: ASYNC110  time is virtual
            await asyncio.sleep(PTIME_S)

    def drop_sockets(self) -> None:
        """Break every media stream, as a network does."""
        for socket in list(self._sockets.values()):
            socket.break_off()
        self.drain()

    def _voiced(self, script: CallScript) -> CallScript:
        return msgspec.structs.replace(script, steps=self.voiced(script.steps))

    def voiced(self, steps: tuple[Step, ...]) -> tuple[Step, ...]:
        """What a caller says, in a voice that the bot's engines understand. Raises ScriptError."""
        mute = (
            msgspec.structs.replace(step, recording="") if isinstance(step, Say) else step
            for step in steps
        )
        return fetch(mute, loader(Path()), self._speak)

    def _loop_error(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """Of a callback, or a task that nobody waits for."""
        error = context.get("exception")
        if isinstance(error, Exception) and self._witness.expects(error):
            self._witness.on_crash(error)
        elif self._on_loop_error is not None:
            self._on_loop_error(loop, context)
        else:
            loop.default_exception_handler(context)

    # ---- between the two --------------------------------------------------------------------

    def send(self, stream_id: str, text: str) -> None:
        """A frame of the bridge. The carrier takes it at once; what it answers comes later, as
        the bridge may stand in the middle of its own work."""
        if self._delay:
            self._later(self._arrive, stream_id, text)
            return
        self.switch.stream_received(stream_id, text, self._loop.time())
        if self.switch.has_effects and not self._draining and not self._drain_planned:
            self._drain_planned = True
            self._loop.call_soon(self.drain)

    def _arrive(self, stream_id: str, text: str) -> None:
        self.switch.stream_received(stream_id, text, self._loop.time())

    def drain(self) -> None:
        """Carry out the carrier's effects and deliver frames until both sides rest."""
        self._drain_planned = False
        if self._draining:
            return
        self._draining = True
        try:
            while effects := self.switch.effects():
                for effect in effects:
                    self._carry_out(effect)
        finally:
            self._draining = False
        if self.switch.live_legs and self._ticks is None:
            self._plan_tick()

    def _plan_tick(self) -> None:
        number = int(self.clock.now() / PTIME_S + 1e-6) + 1
        self._ticks = self._loop.call_at(number * PTIME_S, self._tick)

    def _tick(self) -> None:
        self._ticks = None
        self.switch.tick(self.clock.now())
        self.drain()

    def _carry_out(self, effect: do.Effect) -> None:
        match effect:
            case do.SendFrame(stream_id=stream_id, text=text):
                socket = self._sockets.get(stream_id)
                if socket is not None:
                    self._later(socket.stream.feed, text)
            case do.SendWebhook():
                self._deliver_in(self.lateness(effect), effect)
            case do.RequestTexml():
                self._later(self._request, effect)
            case do.OpenStream():
                self._later(self._open, effect)
            case do.CloseStream(stream_id=stream_id):
                if stream_id in self._sockets:
                    self._later(self._sockets[stream_id].closed_by_carrier)
            case do.CallFinished(call_control_id=call_control_id):
                future = self._finished.setdefault(call_control_id, self._loop.create_future())
                future.set_result(self.switch.report(call_control_id))
                if len(self._finished) > FINISHED_KEPT:  # of legs that nobody asks for
                    done = (name for name, report in self._finished.items() if report.done())
                    self._forget_call(next(done))
            case do.Synthesise(speak_id=speak_id, text=text, sample_rate=rate):
                self.switch.synthesised(speak_id, hum(text, rate), self.clock.now())
            case do.WriteRecording():
                self.recordings.write(effect)
            case do.SaveRecording():
                self._save(effect)
            case do.DropRecordingFile(recording_id=recording_id):
                del self.recordings.saved[recording_id]
            case do.SpeakWords() | do.Recognise() | do.FetchSound():
                self._converse(effect)
            case do.TellPhone() | do.PhoneHears():
                pass  # nobody in virtual time has a browser

    def _save(self, wish: do.SaveRecording) -> None:
        recogniser = self._engines.recogniser if self._engines is not None else None
        text = self.recordings.save(wish, recogniser)
        self.switch.recording_saved(wish.recording_id, self.clock.now())
        if wish.transcribe:
            self.switch.recording_transcribed(wish.recording_id, text, self.clock.now())

    def _converse(self, effect: do.SpeakWords | do.Recognise | do.FetchSound) -> None:
        """The platform's engines are the application's own, which know what a caller says."""
        now, engines = self.clock.now(), self._engines
        assert engines is not None, "the switch knows that there are some"
        match effect:
            case do.SpeakWords(sound_id=sound_id, text=text, sample_rate=rate):
                self.switch.spoken(sound_id, engines.synthesiser.speak(text, rate), now)
            case do.Recognise(session_id=session_id, pcm=pcm, sample_rate=rate):
                self.switch.recognised(session_id, engines.recogniser.transcribe(pcm, rate), now)
            case do.FetchSound() if self._web is not None:
                fetching = self._loop.create_task(self._fetch_for_carrier(self._web, effect))
                self._fetching.add(fetching)
                fetching.add_done_callback(self._fetching.discard)
            case do.FetchSound(sound_id=sound_id, url=url, sample_rate=rate):
                clip = self.sounds.get(url)
                if clip is None:
                    why = f"`sounds` has no {url}"
                    self.switch.fetched(sound_id, None, now, why, missing=True)
                else:
                    self.switch.fetched(sound_id, resample(*clip, rate), now)

    async def _fetch_for_carrier(self, web: Download, wish: do.FetchSound) -> None:
        try:
            pcm = audiofile.load(await whole(web(wish.url)), wish.sample_rate, wish.url)
        except CallbridgeError as error:
            self.switch.fetched(wish.sound_id, None, self.clock.now(), str(error))
        else:
            self.switch.fetched(wish.sound_id, pcm, self.clock.now())
        self.drain()

    async def _download(self, url: str) -> AsyncGenerator[bytes]:
        """A recording by its link, or a WAV file out of `sounds`, for the bridge."""
        recorded = self.recordings.file(url)
        if recorded is not None:
            yield recorded
            return
        clip = self.sounds.get(url)
        if clip is None:
            raise AudioFileError(f"{url}: it is not among the `sounds` of this test")
        yield write_wav(clip.pcm, clip.sample_rate)

    def _later(self, action: Any, *args: Any) -> None:
        """After the network's delay, in order: timers of one instant have none."""
        if self._delay:
            self._on_the_way.append((action, args))
            self._loop.call_later(self._delay, self._arrived)
        else:
            action(*args)

    def _arrived(self) -> None:
        action, args = self._on_the_way.popleft()
        action(*args)
        self.drain()

    def _deliver_in(self, seconds: float, webhook: do.SendWebhook) -> None:
        """Late, or never if that is infinite."""
        if seconds == 0.0:
            self._later(self._deliver, webhook, 1)
        elif seconds < float("inf"):
            self._loop.call_later(seconds, self._deliver, webhook, 1)

    def _deliver(self, webhook: do.SendWebhook, attempt: int) -> None:
        if self._closed:  # nobody is there any more for one that is late
            return
        meta = {"attempt": attempt, "delivered_to": webhook.urls[0]}
        body = json.dumps(webhook.event | {"meta": meta}, sort_keys=True).encode()
        response = self._webhook(body, "application/json")
        if response.status_code >= 500 and attempt < ATTEMPTS:
            self._loop.call_later(RETRY_S, self._deliver, webhook, attempt + 1)

    def _webhook(self, body: bytes, content_type: str) -> HttpResponse:
        signature, timestamp = self._signed(body)
        return self.app.service.receive(
            body, signature=signature, timestamp=timestamp, content_type=content_type
        )

    def _signed(self, content: bytes) -> tuple[str, str]:
        """Signature and timestamp."""
        timestamp = str(int(self.clock.wall()))
        signature = self._key.sign(timestamp.encode() + b"|" + content).signature
        return base64.b64encode(signature).decode(), timestamp

    def _request(self, wish: do.RequestTexml) -> None:
        """What the application is asked or told by a form, at the path of its address."""
        path = urlsplit(wish.url).path
        form = urlencode(wish.form).encode()
        if path.endswith("/webhooks"):
            response = self._webhook(form, "application/x-www-form-urlencoded")
        else:
            which = WHICH.get(path.rpartition("/")[2], "first")
            response = self.app.service.asked(DocumentRequest(form, *self._signed(form), which))
        answer = TexmlAnswer(wish.url, response.status_code, bytes(response.body))
        self._later(self._answered, wish.request_id, answer)

    def _answered(self, request_id: str, answer: TexmlAnswer) -> None:
        self.switch.texml_answered(request_id, answer, self.clock.now())

    def _open(self, effect: do.OpenStream) -> None:
        url, now = urlsplit(effect.url), self.clock.now()
        try:
            if self.refuse_sockets:
                raise CallbridgeError("no WebSockets here")
            owner = self._owner(url.path, url.query, effect.headers)
            self._sockets[effect.stream_id] = Socket(self, effect.stream_id, owner)
        except CallbridgeError as refused:
            self.refused.append(str(refused))
            self.switch.stream_failed(effect.stream_id, str(refused), now)
            return
        self.switch.stream_opened(effect.stream_id, now)

    def _owner(self, path: str, query: str, headers: Mapping[str, str]) -> StreamOwner:
        """Whose socket it is. Raises CallbridgeError."""
        for door in self.app.service.doors:
            if path.endswith(door.endpoint.path):
                owner = door.admit(query.encode(), headers.get(door.endpoint.token_header))
                if owner is not None:
                    return owner
        raise CallbridgeError(f"no socket is served at {path}, or nobody knows whose it is")

    def _forget_call(self, call_control_id: str) -> None:
        del self._finished[call_control_id]
        self._commands.pop(call_control_id, None)
        self._witness.forget(call_control_id)

    def on_command(self, path: str, body: bytes, answer: Response) -> None:
        """The carrier has answered a command. A dial is one of the call that it makes."""
        _, _, call, _, name = (*path.strip("/").split("/"), "", "", "")[:5]
        data = answer.body.get("data")
        if not name and isinstance(data, dict):
            call, name = str(cast("dict[str, object]", data).get("call_control_id")), "dial"
        fields = json.loads(body or b"{}")
        sent = SentCommand(name, fields, answer.status, self.clock.now())
        self._commands.setdefault(call, []).append(sent)

    def forget(self, stream_id: str) -> None:
        self._sockets.pop(stream_id, None)


class Socket:
    """One media stream between the two; the bridge's `SocketTransport`."""

    def __init__(self, pair: Pair, stream_id: str, owner: StreamOwner) -> None:
        self._pair, self._stream_id, self._owner = pair, stream_id, owner
        self.stream = owner.attach(self)

    def send(self, text: str) -> None:
        self._pair.send(self._stream_id, text)

    def buffered(self) -> int:
        return 0

    def close(self, code: int, reason: str) -> None:
        asyncio.get_running_loop().call_soon(self.break_off)

    def closed_by_carrier(self) -> None:
        self._pair.forget(self._stream_id)
        self._owner.detach(self.stream)

    def break_off(self) -> None:
        """Closed by the bridge, or cut: both sides learn of it."""
        self.closed_by_carrier()
        self._pair.switch.stream_closed(self._stream_id, self._pair.clock.now())
        self._pair.drain()


class Rest(httpx.AsyncBaseTransport):
    """The carrier's REST core as a transport of the HTTP client."""

    def __init__(self, pair: Pair) -> None:
        self._pair = pair

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        pair = self._pair
        await asyncio.sleep(2 * pair._delay)  # pyright: ignore[reportPrivateUsage]
        body = await request.aread()
        answer = pair.switch.request(
            request.method,
            request.url.raw_path.decode(),
            body,
            request.headers.get("authorization"),
            pair.clock.now(),
        )
        if request.method == "POST":
            pair.on_command(request.url.path, body, answer)
        pair.drain()
        return httpx.Response(answer.status, json=answer.body, headers=answer.headers)


def _settings(
    config: CarrierConfig, key: SigningKey, made_with: Settings | None, given: dict[str, Any]
) -> Settings:
    """Those that the application was made with, but for the way to this carrier and those given."""
    settings: dict[str, Any] = {}
    if made_with is not None:
        settings = {name: getattr(made_with, name) for name in made_with.model_fields_set}
    carrier: dict[str, Any] = {
        "api_key": config.api_key,
        "public_key": base64.b64encode(bytes(key.verify_key)).decode(),
        "base_url": f"{ADDRESS}/v2",
        "public_url": ADDRESS,
        "connection_id": config.connection_id,
        "media_auth": "minted",
    }
    return Settings.load(**(settings | carrier | given))
