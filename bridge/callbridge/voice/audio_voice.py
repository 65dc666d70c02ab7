"""Raw media: line, ear and mouth of one call, and what was heard of both sides."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterable, Callable
from urllib.parse import urlencode

from callbridge.control import commands as control
from callbridge.media.playout import Utterance
from callbridge.media.stream import MediaStream, Transport
from callbridge.speech.engines import of_language
from callbridge.speech.language import LANGUAGES, Language, base_of
from callbridge.speech.studio import Studio
from callbridge.tape.tape import Tape
from callbridge.tape.waterfall import Waterfall
from callbridge.timing.signal import changed
from callbridge.voice.ear import Ear, Spawn
from callbridge.voice.history import History
from callbridge.voice.line import AudioLine
from callbridge.voice.mouth import Mouth, Saying
from callbridge.voice.source import Dismissal
from callbridge.voice.turn import Message, TurnQueue
from callbridge.voice.voice import Can
from telecodecs import Pcm, Resampler

LOOK_S = 0.25  # between two looks whether speech that drains has got any further


class AudioVoice:
    """Ear and mouth are made when first asked for: a bot of frames needs no engines."""

    __slots__ = (
        "_ear",
        "_live",
        "_live_transmitter",
        "_media_url",
        "_memory",
        "_mouth",
        "_spawn",
        "_studio",
        "_tape",
        "dismiss",
        "line",
        "turns",
    )

    can = Can(frames=True, files=True, marks=True, withhold=True)

    def __init__(
        self,
        line: AudioLine,
        tape: Tape,
        studio: Callable[[], Studio],
        spawn: Spawn,
        media_url: str,
    ) -> None:
        self.line = line
        self.turns = TurnQueue()
        self._tape = tape
        self._studio = studio
        self._spawn = spawn
        self._media_url = media_url
        self._memory: History[Utterance] = History()
        self.dismiss = Dismissal(tape, self._note_stuck)
        self._ear: Ear | None = None
        self._mouth: Mouth | None = None
        self._live: Utterance | None = None  # what `write` adds to
        self._live_transmitter: Resampler | None = None

    def opening(self, token: str) -> control.Stream:
        plan = self.line.plan
        return control.Stream(
            stream_url=f"{self._media_url}?{urlencode({'token': token})}",
            stream_auth_token=token,
            # What we receive shall be one of the two laws, whatever codec the leg has.
            stream_codec="PCMA" if plan.tx_name == "PCMA" else "PCMU",
            stream_bidirectional_codec=plan.tx_name,
            stream_bidirectional_sampling_rate=plan.tx_rate,
        )

    def restart(self, call_control_id: str, token: str) -> control.Command:
        return control.StreamingStart(call_control_id=call_control_id, stream=self.opening(token))

    def farewell(self, call_control_id: str) -> control.Command:
        return control.StreamingStop(call_control_id=call_control_id)

    # ---- the socket -------------------------------------------------------------------------

    @property
    def stream(self) -> MediaStream | None:
        return self.line.stream

    @property
    def lost_at(self) -> float | None:
        return self.line.lost_at

    def attach(self, transport: Transport) -> MediaStream:
        return self.line.attach(transport)

    def detach(self, stream: MediaStream) -> None:
        self.line.detach(stream)

    def give_up(self) -> None:
        self.line.give_up()

    def end(self) -> None:
        self.line.end()

    def wake(self) -> None:
        self.turns.changed.notify()
        self.line.wake()

    def tally(self) -> Counter[str]:
        return self.line.tally()

    # ---- hearing ----------------------------------------------------------------------------

    @property
    def ear(self) -> Ear:
        """Raises SettingsError without engines."""
        if self._ear is None:
            self._ear = Ear(
                self.line, self._studio(), self._spawn, self._tape, self.turns, self._memory
            )
        return self._ear

    @property
    def patience_s(self) -> float:
        settings = self.line.plan.playout
        return settings.lead + settings.patience

    def attend(self) -> None:
        _ = self.ear

    @property
    def busy(self) -> bool:
        return self._ear is not None and self._ear.busy

    @property
    def in_progress(self) -> bool:
        """Whether the caller is speaking just now, or it seems so."""
        return self._ear is not None and self._ear.in_progress

    @property
    def partial(self) -> str:
        return ""  # engines of ours speculate at pauses alone

    @property
    def history(self) -> list[Message]:
        heard = self.line.playout.ledger.heard(self.line.clock.now())
        return self._memory.messages(lambda utterance: _heard_of(utterance, heard))

    # ---- speaking ---------------------------------------------------------------------------

    @property
    def mouth(self) -> Mouth:
        """Raises SettingsError without engines."""
        if self._mouth is None:
            _ = self.ear  # who speaks can be interrupted
            self._mouth = Mouth(self.line, self._studio(), self._tape, self._memory, self.dismiss)
        return self._mouth

    @property
    def speaking(self) -> bool:
        """Whether the caller has something yet to hear."""
        return self.line.playout.speaking(self.line.clock.now())

    @property
    def said_last(self) -> Saying | None:
        """The text that was said last, or is being said."""
        return self._mouth.last if self._mouth is not None else None

    async def say(
        self,
        text: str | AsyncIterable[str],
        *,
        interruptible: bool = True,
        answers: Waterfall | None = None,
    ) -> Saying:
        self.close_live()
        return await self.mouth.say(text, interruptible=interruptible, answers=answers)

    def switch_language(self, speak: str | None, hear: str | None) -> None:
        """Both or none. Raises VoiceCannot where there is no engine for it."""
        speech = self._studio().speech
        voice = of_language(speech.synthesisers, speak, "synthesisers") if speak else None
        recogniser = of_language(speech.recognisers, hear, "recognisers") if hear else None
        if voice is not None:
            self.mouth.synthesiser = voice
        if recogniser is not None and hear:
            self.ear.switch_language(recogniser, LANGUAGES.get(base_of(hear), Language()))

    def interrupt(self) -> None:
        self._live = None
        self.line.interrupt()

    # ---- frames -----------------------------------------------------------------------------

    def write(self, pcm: Pcm, text: str) -> Utterance:
        """Queue samples at the bot's rate behind what `write` has queued; they begin at once."""
        line, live = self.line, self._live
        if live is None or live.closed:
            live = self._live = line.playout.open()
            self._live_transmitter = line.transmitter()
        if self._live_transmitter is not None:
            pcm = self._live_transmitter.process(pcm)
        line.write(live, pcm, text)
        return live

    def close_live(self) -> Utterance | None:
        """What was written so far is one utterance; None if there is none."""
        live, self._live = self._live, None
        if live is None or live.ending:
            return None
        line = self.line
        if self._live_transmitter is not None:
            line.playout.write(live, self._live_transmitter.flush(), line.clock.now())
        line.playout.close(live)
        line.pump()
        return live

    def play(self, pcm: Pcm, name: str, *, interruptible: bool = True) -> Utterance:
        """Queue samples at the bot's rate as an utterance of their own."""
        self.close_live()
        line = self.line
        utterance = line.playout.open(name, interruptible=interruptible)
        now = line.clock.now()
        transmitter = line.transmitter()
        if transmitter is None:
            line.playout.write(utterance, pcm, now)
        else:
            line.playout.write(utterance, transmitter.process(pcm), now)
            line.playout.write(utterance, transmitter.flush(), now)
        line.playout.close(utterance)
        line.pump()
        return utterance

    # ---- the end ----------------------------------------------------------------------------

    async def drain(self, patience: float) -> bool:
        self.close_live()
        line = self.line
        line.pump()
        if patience <= 0:
            return not line.playout.unfinished()
        loop = asyncio.get_running_loop()
        before, since = line.progress(), loop.time()
        while line.playout.unfinished():
            await changed(line.sent, timeout=LOOK_S)
            if (progress := line.progress()) != before:
                before, since = progress, loop.time()
            elif loop.time() - since >= patience:
                return False
        return True

    def close(self) -> None:
        if self._ear is not None:
            self._ear.close()
        if self.stream is not None:
            self.stream.close()

    def _note_stuck(self) -> None:
        self._studio().counts.stuck += 1


def _heard_of(utterance: Utterance, position: int) -> str:
    """Its text, cut at the last word that was heard when the ledger stands at `position`."""
    if utterance.ending:
        return utterance.heard_text()
    return utterance.text_until(utterance.heard_of(position))
