"""Raw media: line, ear and mouth of one call, and what was heard of both sides."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterable, AsyncIterator, Callable
from urllib.parse import urlencode

from callbridge.control import commands as control
from callbridge.errors import SettingsError
from callbridge.media.stream import MediaStream, Transport
from callbridge.media.utterance import Utterance
from callbridge.speech.engines import of_language
from callbridge.speech.language import LANGUAGES, Language, base_of
from callbridge.speech.studio import Studio
from callbridge.tape.events import Interrupted, TurnTaken
from callbridge.tape.tape import Tape
from callbridge.tape.waterfall import Waterfall
from callbridge.timing.signal import changed
from callbridge.voice.ear import Ear, Spawn
from callbridge.voice.history import History
from callbridge.voice.line import AudioLine
from callbridge.voice.live import LiveSpeech
from callbridge.voice.mouth import Mouth, Saying
from callbridge.voice.source import Dismissal
from callbridge.voice.turn import HistoryItem, Message, Turn, TurnQueue
from callbridge.voice.voice import Can
from telecodecs import Pcm, Resampler, encoding

LISTENS_SOON_S = 1.0  # or the bot is one of frames, which nothing of ours may interrupt
REPEATED_S = 1.0  # of a sound that goes round, what is queued of it
READ_AHEAD_S = 3.0  # of a sound that is read as it plays
LOOK_S = 0.25  # between two looks whether speech that drains has got any further


class AudioVoice:
    """Ear and mouth are made when first asked for: a bot of frames needs no engines."""

    __slots__ = (
        "_ear",
        "_endless",
        "_live",
        "_live_transmitter",
        "_media_url",
        "_memory",
        "_mouth",
        "_spawn",
        "_speeches",
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
        self.turns = TurnQueue(self._last_text)
        self._tape = tape
        self._studio = studio
        self._spawn = spawn
        self._media_url = media_url
        self._memory: History[Utterance] = History(tape.secrecy)
        self.dismiss = Dismissal(tape, self._note_stuck)
        self._ear: Ear | None = None
        self._mouth: Mouth | None = None
        self._live: Utterance | None = None  # what `write` adds to
        self._live_transmitter: Resampler | None = None
        self._endless: Utterance | None = None
        self._speeches: tuple[LiveSpeech, ...] = ()  # whose words are still coming

    def opening(self, token: str) -> control.Stream:
        plan = self.line.plan
        return control.Stream(
            stream_url=f"{self._media_url}?{urlencode({'token': token})}",
            stream_auth_token=token,
            # What we receive shall be what we send unless the plan has a wish; but documents have
            # no word for L16.
            stream_codec=plan.rx_name or ("PCMU" if plan.tx_name == "L16" else plan.tx_name),
            stream_bidirectional_codec=plan.tx_name,
            stream_bidirectional_sampling_rate=encoding(plan.tx_name, plan.tx_rate).named_rate,
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
            self._ear = self._new_ear()
        self._ear.cuts = True
        return self._ear

    def _new_ear(self) -> Ear:
        return Ear(self.line, self._studio(), self._spawn, self._tape, self.turns, self._memory)

    @property
    def patience_s(self) -> float:
        settings = self.line.plan.playout
        return settings.lead + settings.patience

    def attend(self) -> None:
        _ = self.ear

    def overhear(self) -> None:
        try:
            self._ear = self._ear or self._new_ear()
        except SettingsError:
            return  # it is a bot of frames then, which hears for itself
        self._ear.cuts = False

    def stop_overhearing(self, *, at_once: bool = False) -> None:
        ear = self._ear
        if ear is None or ear.cuts:
            return
        if at_once:
            self._close_ear()
        else:
            self._spawn(self._close_unless_wanted(ear))

    async def _close_unless_wanted(self, ear: Ear) -> None:
        await asyncio.sleep(LISTENS_SOON_S)
        while not ear.cuts and ear.busy:
            await changed(self.turns.changed)
        if ear is self._ear and not ear.cuts:
            self._close_ear()

    def _close_ear(self) -> None:
        if self._ear is not None:
            self._ear.close()
            self._ear = None

    @property
    def busy(self) -> bool:
        return self._ear is not None and self._ear.busy

    @property
    def in_progress(self) -> bool:
        """Whether the caller is speaking just now, or it seems so."""
        return self._ear is not None and self._ear.in_progress

    @property
    def partial(self) -> str:
        return self._ear.partial if self._ear is not None else ""

    @property
    def history(self) -> list[Message]:
        return self._memory.messages(self._said_of())

    @property
    def history_items(self) -> list[HistoryItem]:
        return self._memory.items(self._said_of())

    def _said_of(self) -> Callable[[Utterance], tuple[str, str]]:
        """What of an utterance was heard by now, and what will not be heard any more."""
        position = self.line.playout.ledger.heard(self.line.clock.now())
        for speech in self._speeches:
            speech.spread_words()  # it goes on, and so do its words
        return lambda utterance: (_heard_of(utterance, position), _unheard_of(utterance))

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
        self._end_endless()
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

    def _last_text(self) -> str:
        return self._mouth.last.text if self._mouth is not None and self._mouth.last else ""

    def interrupt(self) -> None:
        self._live = None
        self.line.interrupt()

    # ---- frames -----------------------------------------------------------------------------

    def write(self, pcm: Pcm, text: str) -> Utterance:
        """Queue samples at the bot's rate behind what `write` has queued; they begin at once."""
        line, live = self.line, self._live
        if live is None or live.closed:
            self._end_endless()
            live = self._live = line.playout.open()
            self._live_transmitter = line.transmitter()
        if self._live_transmitter is not None:
            pcm = self._live_transmitter.process(pcm)
        line.write(live, pcm, text)
        return live

    def begin_speech(self, encoding: str, sample_rate: int) -> LiveSpeech:
        """For a source that speaks by itself, behind all that is to be heard."""
        self.close_live()
        self._end_endless()
        line = self.line
        utterance = line.playout.open()
        speech = LiveSpeech(line, self._tape, utterance, encoding, sample_rate)
        self._memory.add(utterance, line.wall(line.clock.now()))
        self._speeches = (*(each for each in self._speeches if not each.utterance.closed), speech)
        return speech

    def remember(self, turn: Turn) -> None:
        """A turn that another ear than ours has heard, in its place of the history."""
        self._memory.add(turn, self.line.wall(turn.waterfall.last_voiced - turn.audio_s))

    def take_down(self, turn: Turn) -> None:
        """It is known by now what was said in it."""
        line = self.line
        ended_at = line.wall(turn.waterfall.last_voiced)
        self._tape.write(
            TurnTaken(
                said=turn.text,
                audio_s=round(turn.audio_s, 2),
                began_at=ended_at - turn.audio_s,
                last_voiced_at=ended_at,
            )
        )

    def barge_in(self) -> None:
        """The caller speaks over what is said, as another ear than ours has heard: it is cut."""
        line = self.line
        now = line.clock.now()
        if line.playout.unfinished():
            self._tape.write(Interrupted(at=line.wall(now)))
        self.interrupt()

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
        self._end_endless()
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

    def begin(self, name: str, *, interruptible: bool = True) -> Utterance:
        """For `feed`."""
        self.close_live()
        self._end_endless()
        return self.line.playout.open(name, interruptible=interruptible)

    async def feed(self, utterance: Utterance, blocks: AsyncIterator[Pcm]) -> None:
        """Add samples at the wire's rate as they come; some seconds are queued. Returns when the
        last was queued, or it was cut."""
        line = self.line
        ahead = round(READ_AHEAD_S * line.plan.tx_rate)
        async for pcm in blocks:
            line.playout.write(utterance, pcm, line.clock.now())
            line.pump()
            while utterance.queued >= ahead and not utterance.closed:
                await line.sent.wait()
            if utterance.closed:
                return
        line.playout.close(utterance)
        line.pump()

    def begin_repeated(self, name: str, *, endless: bool) -> Utterance:
        """For `repeat`. An endless one ends where anything else is to be heard, or the call is."""
        self.close_live()
        self._end_endless()
        utterance = self.line.playout.open(name)
        if endless:
            self._endless = utterance
        return utterance

    async def repeat(self, utterance: Utterance, pcm: Pcm, times: float) -> None:
        """Add samples at the wire's rate so many times, without a gap. A second of them is queued,
        or one round: they are never copied. Returns when the last was queued, or it was cut."""
        line = self.line
        ahead = round(REPEATED_S * line.plan.tx_rate)
        while times > 0 and not utterance.closed:
            while times > 0 and utterance.queued < ahead:
                line.playout.write(utterance, pcm, line.clock.now())
                times -= 1
            line.pump()
            while utterance.queued >= ahead and not utterance.closed:
                await line.sent.wait()
        line.playout.close(utterance)
        line.pump()

    def _end_endless(self) -> None:
        endless, self._endless = self._endless, None
        if endless is not None and not endless.ending:
            self.line.playout.cut_short(endless)
            self.line.pump()

    def hold_over(self) -> None:
        """A background ends with its block."""

    # ---- the end ----------------------------------------------------------------------------

    async def drain(self, patience: float) -> bool:
        self.close_live()
        self._end_endless()
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


def _unheard_of(utterance: Utterance) -> str:
    """Its text behind the last word that was heard, once it was cut."""
    ending = utterance.ending
    if ending is None or ending.reason == "finished":
        return ""
    return "".join(span.text for span in utterance.spans if span.end > ending.heard)
