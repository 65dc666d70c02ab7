"""The side of a call that a model of its own ears and mouth holds: encoded audio, both ways.

`call.audio` and `call.write` would do for such a model. Here nothing is decoded that both ends have
in the same form, nothing is awaited for each frame, and what is said has a beginning, an end, and a
position up to which it was heard."""

from collections.abc import Callable, Generator
from contextlib import contextmanager

from callbridge.calls.leg import Leg
from callbridge.calls.phase import Phase
from callbridge.errors import CallEnded, CallReleased, StreamLost
from callbridge.voice.audio_voice import AudioVoice
from callbridge.voice.live import LiveSpeech
from callbridge.voice.tap import PayloadTap
from callbridge.voice.turn import Turn


class LiveSide:
    """Of a call whose voice is one of frames."""

    def __init__(self, leg: Leg) -> None:
        """Raises VoiceCannot on the relay."""
        self._leg = leg
        self._line = leg.line

    @property
    def _voice(self) -> AudioVoice:
        assert self._leg.audio is not None, "it has a line"
        return self._leg.audio

    @property
    def wire(self) -> tuple[str, int]:
        """What we send, and nearly always what we receive: codec and Hz."""
        plan = self._line.plan
        return plan.tx_name, plan.tx_rate

    def now(self) -> float:
        """Seconds of the call's clock."""
        return self._line.clock.now()

    def wall(self) -> float:
        """Unix seconds."""
        return self._line.clock.wall()

    @property
    def unfinished(self) -> bool:
        """Whether something is being said, or waits to be."""
        return self._line.playout.unfinished()

    @contextmanager
    def payloads_to(
        self, take: Callable[[bytes], None], encoding: str, sample_rate: int
    ) -> Generator[None]:
        """In the block `take` gets the caller's audio as it comes, encoded, inside of the stream's
        own work: it must not block and must not raise. As it came, where the wire has it so."""
        tap = PayloadTap(take, encoding, sample_rate, self._line.plan.sample_rate)
        self._line.tap(tap)
        try:
            yield
        finally:
            self._line.untap(tap)

    def begin_speech(self, encoding: str, sample_rate: int) -> LiveSpeech:
        """Something to be said, behind all that is said already; it is in `call.history`."""
        return self._voice.begin_speech(encoding, sample_rate)

    def barge_in(self) -> None:
        """The caller speaks over it: all that is said is cut, here and at the platform."""
        self._voice.barge_in()

    def remember(self, turn: Turn) -> None:
        """The caller has said something, in this place of `call.history`; its text may come later,
        and is then for `take_down`."""
        self._voice.remember(turn)

    def take_down(self, turn: Turn) -> None:
        """The text of a turn is known: it is told to whoever follows the call."""
        self._voice.take_down(turn)

    async def until_gone(self) -> None:
        """Until nothing more can be said or heard. Raises CallEnded, CallReleased or StreamLost."""
        leg = self._leg
        while not leg.gone:
            await leg.phase_changed.wait()
        match leg.phase:
            case Phase.ENDED:
                raise CallEnded(f"the call has ended: {leg.ended.result().cause}")
            case Phase.RELEASED:
                raise CallReleased("the call was handed over")
            case _:
                raise StreamLost("the media stream broke and could not be restored")
