"""What calls are made of: the bot that was registered, how many and how long, and the way out."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from callbridge.calls.call import Call
from callbridge.calls.incoming import Decision
from callbridge.calls.leg import Direction, LegMeans, VoiceKind
from callbridge.control.client import CallControl
from callbridge.host.download import Download
from callbridge.timing.jobs import Jobs
from callbridge.voice.relay_voice import RelaySettings
from telecodecs import Pcm

Bot = Callable[[Call], Awaitable[None]]

OUT_OF_TIME = "I am sorry, this call has reached its longest duration. Goodbye."


@dataclass(frozen=True, slots=True)
class Registration:
    """A bot as it was registered: with the longest call that it may have, in seconds, and how its
    calls hear and speak: None is as the application does.

    `greeting` is said before it talks. `on_voicemail` talks in its place if a machine has picked up
    a call that was dialled; without one the machine is hung up."""

    bot: Bot
    max_s: float = float("inf")
    voice: VoiceKind | None = None
    relay: RelaySettings | None = None
    incoming: Decision | None = None  # who decides about a call before it is answered
    speaks: bool = False  # it surely needs speech engines, unless the platform has them
    greeting: str = ""
    on_voicemail: Bot | None = None


@dataclass(frozen=True, slots=True)
class Limits:
    """How many calls at once, and seconds."""

    calls: int = 1000
    ring: float = 30.0  # how long a dialled number may ring; a minted token lives 60 s longer
    stream: float = 10.0  # from asking for a stream to its start frame
    drain: float = 10.0  # for what a crashed bot still has to say, apology included
    grace: float = 5.0  # for a bot to end after it was cancelled; twice
    hangup: float = 5.0  # from our hang-up to the platform's word that the call has ended
    call: float = 14400.0  # the longest call of any bot; then it is told so and ended


@dataclass(frozen=True, slots=True)
class CallMeans:
    """What every call of a process needs: the way to the platform, and time."""

    command: CallControl
    leg: LegMeans
    jobs: Jobs
    download: Download  # of sound files on the web
    secret: bytes = field(repr=False)  # of the minted tokens
    limits: Limits = field(default_factory=Limits)
    apology: Pcm | None = None
    out_of_time: str = OUT_OF_TIME
    connection_id: str = ""  # of the application that calls go out through
    texml_url: str = ""  # where the platform asks how a call goes on
    webhook_url: str = ""


@dataclass(slots=True)
class CallCounts:
    """Counts over the life of the process."""

    begun: Counter[Direction] = field(default_factory=Counter[Direction])
    ended: Counter[str] = field(default_factory=Counter[str])  # by hangup cause
    refused: int = 0
    bots_crashed: int = 0
    bots_stuck: int = 0
    streams_restored: int = 0
    streams_given_up: int = 0
    streams_refused: int = 0
    stray_events: int = 0  # webhooks of calls that are not ours
    media: Counter[str] = field(default_factory=Counter[str])  # of the legs that have ended


def waits_at(bot: "asyncio.Task[None]") -> str:
    """The line at which the bot's own function waits: what `_run_bot` awaits."""
    frame = getattr(getattr(bot.get_coro(), "cr_await", None), "cr_frame", None)
    return f"{frame.f_code.co_filename}:{frame.f_lineno}" if frame is not None else "?"
