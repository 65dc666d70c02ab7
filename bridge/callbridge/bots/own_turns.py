"""Turns that we take ourselves, for a model that only hears what is meant for it.

Our ear decides, as for every bot that listens (docs/speech.md): a cough or an "mm-hm" makes the
model wait and cuts nothing, its own echo is no interruption, and a hesitation is no end of a turn.
The model gets the caller's audio while they speak, and none of the silence."""

from collections.abc import Callable

from callbridge.bots.keeping import SessionKeeper
from callbridge.calls.call import Call
from callbridge.timing.signal import changed
from callbridge.voice.turn import Turn


class OwnTurns:
    """Of one conversation. `on_turn` is told of each turn that asks for an answer."""

    def __init__(self, call: Call, keeper: SessionKeeper, on_turn: Callable[[Turn], None]) -> None:
        self._voice = call.voice
        self._keeper = keeper
        self._on_turn = on_turn
        keeper.listening = False

    async def listen(self) -> None:
        """For as long as the conversation lasts. Raises SettingsError without engines."""
        voice, keeper = self._voice, self._keeper
        voice.attend()
        while True:
            if voice.in_progress is not keeper.listening:
                self._turn_to(speaks=voice.in_progress)
            while voice.turns.waiting:
                wanted = voice.turns.demanding
                turn = voice.turns.take()
                if wanted:
                    self._on_turn(turn)
                elif not keeper.caller_waits:
                    keeper.send(keeper.session.forget_audio())
            await changed(voice.turns.changed)

    def _turn_to(self, *, speaks: bool) -> None:
        keeper = self._keeper
        keeper.listening = speaks
        if not speaks:
            return
        keeper.watch(None)
        keeper.hear_again()
        if not keeper.session.idle and not self._voice.speaking:
            # Nothing of the reply was heard yet: what follows belongs to what it was the answer to.
            keeper.send(keeper.session.stop_reply())
