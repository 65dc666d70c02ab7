"""What is written to a bot, line by line: words, keys, interruptions, waits."""

import re

import msgspec

from callbridge.errors import CallbridgeError
from telecodecs.dtmf import DIGITS

CUT_S = 1.0  # how much of the bot an interruption lets pass when it does not say
INTERRUPTION = re.compile(r"!(\d+(?:\.\d*)?(?=\s|$))?\s*(.*)")
WAIT = re.compile(r"\.\.\.\s+(\d+(?:\.\d*)?)")
KEYS = re.compile(rf"#([{re.escape(DIGITS)}]+)")

HELP = """\
words      said to the bot; over what it says, they interrupt it
!          interrupts without words
#5  #12#   keys
/quit      hangs up; so do Ctrl-D, and Ctrl-C while the bot is silent
?          this help

In a script a line is sent when the bot has finished what it says;
! words    when it has spoken for 1 s, !2.5 words for 2.5 s
... 3      waits 3 s
; note     is for people"""


class Words(msgspec.Struct, frozen=True):
    """`after_s`: over the bot, when it has spoken for so long; None when it has finished. No words
    only interrupt."""

    text: str
    after_s: float | None = None


class Keys(msgspec.Struct, frozen=True):
    digits: str


class Pause(msgspec.Struct, frozen=True):
    seconds: float


class Quit(msgspec.Struct, frozen=True):
    """Hang up."""


class AskHelp(msgspec.Struct, frozen=True):
    """What can be written here?"""


WrittenLine = Words | Keys | Pause | Quit | AskHelp


class UnclearLine(CallbridgeError):
    """A line that is nearly something; says what may be meant."""


def read(line: str) -> WrittenLine | None:
    """None for a line of nothing, or of a note. Raises UnclearLine."""
    line = line.strip()
    if not line or line.startswith(";"):
        return None
    if line == "?":
        return AskHelp()
    if line.startswith("/"):
        if line in ("/quit", "/q"):
            return Quit()
        raise UnclearLine(f"{line.split()[0]} is no command: there is /quit; ? is help")
    if line.startswith("#"):
        if keys := KEYS.fullmatch(line):
            return Keys(keys[1])
        raise UnclearLine(f"{line}: keys are written as #5 or #12#, out of {DIGITS}")
    if line.startswith("...") and (wait := WAIT.fullmatch(line)):
        return Pause(float(wait[1]))
    if cut := INTERRUPTION.fullmatch(line):
        return Words(cut[2], CUT_S if cut[1] is None else float(cut[1]))
    return Words(line)
