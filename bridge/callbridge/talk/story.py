"""What is shown of a conversation, to people and to programs."""

from typing import IO

import msgspec
from rich.text import Text

from callbridge.demo.live import Story, Told, ToldLine, shown
from callbridge.errors import VoiceCannot
from callbridge.serve.logs import own_line
from callbridge.talk.events import (
    AnswerSent,
    BotToken,
    CommandAnswered,
    FrameSent,
    PlatformGreets,
    Printed,
    Remembered,
    TalkEvent,
    TalkOnly,
    TalkOver,
    Unheard,
    WrittenPartial,
)
from callbridge.talk.screen import TalkScreen
from callbridge.tape.events import (
    BotCrashed,
    CallOver,
    ErrandSettled,
    Interrupted,
    KeyPressed,
    PhaseEntered,
    Said,
    TurnTaken,
)

TOLD_ELSEWHERE = (TalkOnly, Said, Interrupted, CallOver)
SPEECH_IS_ELSEWHERE = "`callbridge demo` calls such a bot with sound."


class TalkStory:
    """Tells a conversation to people, on a screen."""

    def __init__(self, screen: TalkScreen) -> None:
        self._screen = screen
        self._others = Story()

    def tell(self, at_s: float, event: TalkEvent, error: BaseException | None) -> None:
        match event:
            case BotToken(text=text):
                self._screen.stream(shown(ToldLine(at_s, "bot", "")), text)
            case AnswerSent():
                self._screen.end_stream(_timing(event))
            case BotCrashed():
                self._crash(at_s, event, error)
            case Remembered(messages=messages):
                for message in messages:
                    self._screen.line(Text(f"{message['role'] + ':':<11}{message['content']}"))
            case _:
                self._tell(at_s, event)

    def note(self, sentence: str) -> None:
        """To the person at the terminal, and no part of the conversation."""
        self._screen.line(Text(sentence, style="dim"))

    def _tell(self, at_s: float, event: TalkEvent) -> None:
        told = _told(event)
        if told is not None:
            self._screen.line(shown(ToldLine(at_s, *told)))
        elif not isinstance(event, TOLD_ELSEWHERE) and (line := self._others.event(event, at_s)):
            self._screen.line(shown(line))

    def _crash(self, at_s: float, event: BotCrashed, error: BaseException | None) -> None:
        """The line that its author wrote goes before all that led there."""
        if own := own_line(error.__traceback__ if error is not None else None):
            self._screen.line(Text(own, style="bold"))
        if isinstance(error, VoiceCannot):
            self._screen.line(shown(ToldLine(at_s, "bridge", f"{error}", bad=True)))
            self.note(SPEECH_IS_ELSEWHERE)
            return
        self._screen.line(Text(event.traceback.rstrip(), style="dim"))
        self._screen.line(shown(ToldLine(at_s, "bridge", f"{event.words} {event.error}", bad=True)))


def _told(event: TalkEvent) -> Told | None:
    """None for what is left to the demo's words, or to nobody."""
    match event:
        case TurnTaken(said=said):
            return Told("caller", said)
        case WrittenPartial(text=text):
            return Told("caller", f"{text} …")
        case Unheard(text=text):
            return Told("caller", f"nobody hears: {text}", bad=True)
        case KeyPressed(digit=digit):
            return Told("caller", f"presses {digit}")
        case Said(stop=stop, text=text, heard=heard) if stop != "finished" and heard != text:
            what = f"heard until here: {heard.strip()}" if heard.strip() else "was not heard:"
            return Told("bot", what, unheard=text.removeprefix(heard).strip() or "…")
        case PlatformGreets(text=text):
            return Told("carrier", f"greets: {text}")
        case FrameSent(frame=frame, fields=fields):
            given = (f"{name}={value}" for name, value in fields.items())
            return Told("bot", f"sends {frame} {' '.join(given)}")
        case CommandAnswered(name=name, status=status):
            refused = f", refused: HTTP {status}" if status >= 400 else ""
            return Told("bridge", f"command {name}{refused}", bad=bool(refused))
        case ErrandSettled(errand=errand, result=result, cause=cause):
            return Told("carrier", f"{errand}: {result} {cause}".rstrip())
        case PhaseEntered(phase="released"):
            return Told("bot", "has left the call")
        case TalkOver(cause=cause, by=by):
            return Told("carrier", f"the call has ended: {cause}" + (f", by {by}" if by else ""))
        case Printed(text=text, logger=logger):
            ours = logger.startswith("callbridge")
            what = f"log: {text}" if logger else f"prints: {text}"
            return Told("bridge" if ours else "bot", what, bad=ours)
        case _:
            return None


def _timing(answer: AnswerSent) -> Text:
    if answer.first_token_ms is None:
        return Text()
    words = f"  [first token {answer.first_token_ms} ms, last {answer.last_token_ms} ms]"
    return Text(words, style="dim")


class JsonLines:
    """Tells a conversation to programs: one object a line."""

    def __init__(self, file: IO[str]) -> None:
        self._file = file

    def tell(self, at_s: float, event: TalkEvent, error: BaseException | None) -> None:
        fields = msgspec.to_builtins(event, enc_hook=str)  # what a bot has logged may be anything
        line = msgspec.json.encode({"at_s": at_s} | fields)
        print(line.decode(), file=self._file, flush=True)
