"""Conversation Relay on legs: the platform hears and speaks, the customer reads and writes.

Where the documents are silent this carrier does the following. A text goes on until its `last`, and
a sentence of it is spoken as soon as it is whole. Who interrupts a turn ends it: what comes behind
the `interrupt` frame is a new one. An `end` is obeyed when all that was to be said is said. The
platform hears no echo of itself."""

from collections.abc import Mapping
from functools import partial
from typing import Literal

import msgspec

from callbridge.carrier.core.effects import Recognise, SpeakWords
from callbridge.carrier.core.exchange import Exchange
from callbridge.carrier.core.leg import CarrierLeg, LegState
from callbridge.carrier.core.sockets import CarrierSockets, SocketPart
from callbridge.carrier.parts.keypad import CarrierKeypad
from callbridge.carrier.parts.relay import CarrierRelaySession, setup_of
from callbridge.carrier.parts.relay_ear import CarrierEar, HeardText
from callbridge.carrier.parts.relay_mouth import (
    BargeIn,
    CarrierMouth,
    InterruptibleBy,
    RelayCut,
    RelaySound,
)
from callbridge.carrier.parts.sounds import CarrierSounds, NoSound, SoundFile
from callbridge.relay import wire
from telecodecs import Pcm

# `customer_disconnect` is the platform's word; it has published no other one. The rest is ours.
RelayEnd = Literal[
    "customer_disconnect",
    "customer_ended",
    "stopped",
    "call_hangup",
    "connection_failed",
    "too_many_errors",
]


class RelayParams(msgspec.Struct, frozen=True, kw_only=True):
    """What a command says about its session, all precedences applied."""

    url: str
    greeting: str = ""
    interruptible: InterruptibleBy = "any"
    interruptible_greeting: InterruptibleBy = "any"
    dtmf_detection: bool = False
    interim_results: bool = True
    language: str = "en"
    custom_parameters: Mapping[str, object] = {}
    voice: str = "Telnyx.KokoroTTS.af"
    tts_provider: str = "telnyx"
    transcription_engine: str = "Google"
    announced: bool = True  # its end, by an event; not of a session that a document has started


class CarrierRelays:
    """The sessions of all legs, and who waits for which sound."""

    def __init__(self, exchange: Exchange, sockets: CarrierSockets, sounds: CarrierSounds) -> None:
        self._exchange, self._sockets, self._files = exchange, sockets, sounds
        self._sounds: dict[str, RelayPart] = {}  # texts that are being spoken, by sound_id
        self._hearing: dict[str, RelayPart] = {}  # what is being recognised, by session_id

    def add(self, leg: CarrierLeg, params: RelayParams) -> "RelayPart":
        """Begins when the leg is answered."""
        part = RelayPart(leg, self._exchange, self._sockets, self, params)
        leg.add(part)
        if leg.state is LegState.ANSWERED:
            part.leg_answered()
        return part

    def of(self, leg: CarrierLeg) -> "RelayPart | None":
        return leg.part(RelayPart)

    # ---- for the parts ------------------------------------------------------------------------

    def speak(self, part: "RelayPart", text: str, sample_rate: int) -> str:
        sound_id = self._exchange.new_uuid()
        self._sounds[sound_id] = part
        self._exchange.wish(SpeakWords(sound_id, text, sample_rate))
        return sound_id

    def fetch(self, part: "RelayPart", url: str, sample_rate: int) -> str:
        sound_id = self._exchange.new_uuid()
        then = partial(part.fetched, sound_id)
        self._files.fetch(sound_id, SoundFile(url), sample_rate, then)
        return sound_id

    def recognise(self, part: "RelayPart", pcm: Pcm, sample_rate: int) -> None:
        self._hearing[part.session_id] = part
        self._exchange.wish(Recognise(part.session_id, pcm, sample_rate))

    # ---- for the shell ------------------------------------------------------------------------

    def spoken(self, sound_id: str, words: RelaySound | None) -> None:
        if part := self._sounds.pop(sound_id, None):
            part.spoken(sound_id, words)

    def recognised(self, session_id: str, text: str | None) -> None:
        if part := self._hearing.pop(session_id, None):
            part.recognised(text)


class RelayPart(SocketPart):
    """One session of one leg, from its command to its end."""

    def __init__(
        self,
        leg: CarrierLeg,
        exchange: Exchange,
        sockets: CarrierSockets,
        relays: CarrierRelays,
        params: RelayParams,
    ) -> None:
        self._leg, self._exchange, self._sockets = leg, exchange, sockets
        self._relays, self._params = relays, params
        self.session_id = exchange.new_uuid()
        self._rate = rate = leg.encoding.sample_rate
        self._session = CarrierRelaySession(self._send, bad_frames=exchange.config.relay_bad_frames)
        self._mouth = CarrierMouth(rate, params.interruptible, self._speak)
        self._ear = CarrierEar(rate, self._recognise, interim=params.interim_results)
        self._language = params.language  # that the caller is taken to speak
        self._began_at: float | None = None  # with its setup
        self._ending = False  # the customer has said `end`
        self.handoff_data: str | None = None  # what they said with it
        self.ended: RelayEnd | None = None
        self._barging_in = False  # the caller speaks and has not interrupted anything yet
        self._messages: list[dict[str, str]] = []

    @property
    def doing(self) -> str:
        return "relays"

    def _send(self, text: str) -> None:
        self._sockets.send(self.session_id, text)

    def _speak(self, text: str) -> str:
        return self._relays.speak(self, text, self._rate)

    def _recognise(self, pcm: Pcm) -> None:
        self._relays.recognise(self, pcm, self._rate)

    def _note(self, kind: str, **detail: object) -> None:
        self._exchange.note(self._leg, kind, **detail)

    # ---- what is seen -------------------------------------------------------------------------

    @property
    def talking(self) -> bool:
        """Setup has been sent, the caller can be heard."""
        return self._began_at is not None

    @property
    def sounding(self) -> bool:
        """Something is being said right now."""
        return self._mouth.sounding

    @property
    def idle(self) -> bool:
        """All that was to be said has been said."""
        return self._mouth.idle

    # ---- its life -----------------------------------------------------------------------------

    def leg_answered(self) -> None:
        self._note("relay opening", session_id=self.session_id)
        self._sockets.connect(self._leg, self.session_id, self, self._params.url, {})

    def connected(self) -> None:
        params, account = self._params, self._exchange.config.user_id
        self._began_at = self._exchange.now
        self._leg.play(self._mouth.channel)
        self._leg.streaming = True
        setup = setup_of(self._leg, self.session_id, account, dict(params.custom_parameters))
        self._session.send(setup)
        self._note("relay started", session_id=self.session_id)
        if params.greeting.strip():
            self._mouth.greet(params.greeting, params.interruptible_greeting)

    def stop(self) -> None:
        """By command."""
        self._finish("stopped")

    def leg_ended(self) -> None:
        self._finish("call_hangup")

    def failed(self, reason: str) -> None:
        """A line that breaks is a customer who has gone: there is no second connection."""
        began = self._began_at is not None
        self._note("relay failed", session_id=self.session_id, reason=reason)
        self._finish("customer_disconnect" if began else "connection_failed", gone=True)

    def closed_by_customer(self) -> None:
        self._finish("customer_disconnect", gone=True)

    def _finish(self, reason: RelayEnd, *, gone: bool = False) -> None:
        """`gone` is a socket that is no more."""
        leg = self._leg
        self.ended = reason
        leg.remove(self)
        if self.session_id not in self._sockets:  # its leg was never answered
            return
        cut = self._mouth.stop()
        if cut is not None:
            self._keep_message("assistant", cut.rest)
        leg.silence(self._mouth.channel)
        leg.streaming = False
        self._sockets.let_go(self.session_id)
        if not gone:
            self._sockets.close(self.session_id)
        self._note("relay ended", session_id=self.session_id, reason=reason)
        if self._params.announced:
            self._announce(reason)

    def _announce(self, reason: RelayEnd) -> None:
        began = self._exchange.now if self._began_at is None else self._began_at
        self._exchange.emit(
            self._leg,
            "call.conversation.ended",
            conversation_id=self.session_id,
            duration_sec=int(self._exchange.now - began),
            messages=self._messages,
            reason=reason,
            stt_model=self._params.transcription_engine,
            tts_provider=self._params.tts_provider,
            tts_voice_id=self._params.voice,
        )

    # ---- what the customer wants --------------------------------------------------------------

    def received(self, message: str | bytes) -> None:
        if self._ending:
            return
        frame = self._session.receive(message)
        match frame:
            case None:
                self._refused(message)
            case wire.TextToken():
                self._mouth.say(frame.token, last=frame.last)
            case wire.PlaySource():
                self._play(frame)
            case wire.SendDigits():
                CarrierKeypad.of(self._leg).press(frame.digits)
            case wire.SwitchLanguage():
                self._switch_language(frame)
            case wire.EndSession():
                self._mouth.say("", last=True)
                self._ending = True
                data = frame.handoff_data
                self.handoff_data = None if data is msgspec.UNSET else data
                handoff = {} if data is msgspec.UNSET else {"handoff_data": data}
                self._note("relay end asked", **handoff)

    def _refused(self, message: str | bytes) -> None:
        self._leg.stream_errors += 1
        text = message if isinstance(message, str) else repr(message[:200])
        self._note("relay error", message=text[:200])
        if self._session.broken:
            self._finish("too_many_errors")

    def _play(self, frame: wire.PlaySource) -> None:
        self._mouth.play(
            self._relays.fetch(self, frame.source, self._rate),
            times=frame.loop,
            interruptible=frame.interruptible,
            preemptible=frame.preemptible,
        )

    def _switch_language(self, frame: wire.SwitchLanguage) -> None:
        """The one voice of this carrier stays as it is; a prompt says what language it is in."""
        if frame.transcription_language:
            self._language = frame.transcription_language
        not_simulated = ["ttsLanguage"] if frame.tts_language else []
        self._note("relay language", heard=self._language, not_simulated=not_simulated)

    # ---- what is said and heard ---------------------------------------------------------------

    def begin_tick(self) -> None:
        if self._began_at is None:
            return
        for item in self._mouth.step():
            self._note("relay said", text=item.text.strip())
            self._keep_message("assistant", item.text)
        if self._ending and self._mouth.idle:
            self._finish("customer_ended")

    def end_tick(self, said: Pcm | None, heard: Pcm | None) -> None:
        if self._began_at is None:
            return
        if self._ear.hear(self._leg.uttered):
            self._barging_in = True
        elif not self._ear.speaking:
            self._barging_in = False
        if self._barging_in and self._interrupt("speech"):
            self._barging_in = False  # once for each time that they begin to speak

    def digit(self, digit: str, occurred_at: str) -> None:
        if self._began_at is None:
            return
        self._interrupt("dtmf")
        if self._params.dtmf_detection:
            self._session.send(wire.RelayDtmf(digit))

    def typed(self, text: str, *, last: bool) -> bool:
        """The caller writes what others say: it is taken as said and understood. No words are a
        sound that has none, which interrupts. True if the bot was interrupted."""
        cut = self._interrupt("speech")
        if text.strip() and (last or self._params.interim_results):
            self._tell_prompt(HeardText(text, last))
        return cut is not None

    def _interrupt(self, by: BargeIn) -> RelayCut | None:
        cut = self._mouth.interrupt(by)
        if cut is not None:
            self._keep_message("assistant", cut.rest)
            self._leg.keep_clear()
            self._note(
                "relay interrupted",
                by=by,
                heard=cut.text,
                heard_ms=cut.heard_ms,
                sample=self._leg.heard_samples,
            )
            self._session.send(wire.RelayInterrupt(cut.text, cut.heard_ms))
        return cut

    def spoken(self, sound_id: str, words: RelaySound | None) -> None:
        if words is None and self.session_id in self._sockets:
            self._note("relay speech failed", sound_id=sound_id)
            self._mouth.drop(sound_id)
        elif words is not None:
            self._mouth.ready(sound_id, words)

    def fetched(self, sound_id: str, sound: Pcm | NoSound) -> None:
        if self.session_id not in self._sockets:
            return
        if isinstance(sound, NoSound):
            self._note("relay play failed", why=sound.why)
            self._session.complain(f"Could not play: {sound.why}")
            self._mouth.drop(sound_id)
        else:
            self._mouth.ready(sound_id, [("", sound)])

    def recognised(self, text: str | None) -> None:
        if self.session_id not in self._sockets:
            return
        heard = self._ear.recognised(text or "")
        if heard is not None:
            self._tell_prompt(heard)

    def _tell_prompt(self, heard: HeardText) -> None:
        if heard.last:
            self._note("relay heard", text=heard.text)
            self._keep_message("user", heard.text)
        self._session.send(wire.Prompt(heard.text, self._language, heard.last))

    def _keep_message(self, role: str, text: str) -> None:
        """One for each turn: sentences that follow each other are one message."""
        last = self._messages[-1] if self._messages else {"role": "", "content": ""}
        if role == "assistant" == last["role"]:
            last["content"] = f"{last['content']} {text.strip()}".strip()
        elif text.strip():
            at = self._exchange.timestamp()
            self._messages.append({"role": role, "content": text.strip(), "timestamp": at})
