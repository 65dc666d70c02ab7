"""Settings of one carrier, and how the numbers it can reach behave."""

from collections.abc import Mapping
from typing import Literal, get_args

import msgspec

from callbridge.carrier.people import checks
from callbridge.carrier.people.script import CallScript
from callbridge.carrier.shapes import is_url
from callbridge.errors import SettingsError

Unreachable = Literal["busy", "no_answer", "reject", "not_found"]
Behaviour = CallScript | Unreachable


class TexmlApplication(msgspec.Struct, frozen=True, kw_only=True):
    """Whose calls are led by documents: those to `numbers`, or all calls where none are named.

    `voice_url` may be a media stream itself (ws://), to which the calls are connected at once.
    `fallback_url` is asked when the first address of a document, or any later one, fails.
    `status_url` is told of the beginning, the answer and the end of each call."""

    voice_url: str
    voice_method: Literal["GET", "POST"] = "POST"
    fallback_url: str | None = None
    status_url: str | None = None
    numbers: frozenset[str] = frozenset()
    id: str = "1684641123236054245"

    def __post_init__(self) -> None:
        """Raises SettingsError for an address that cannot be asked."""
        streams = is_url(self.voice_url, ("ws", "wss"))
        for url in (None if streams else self.voice_url, self.fallback_url, self.status_url):
            if url is not None and not is_url(url, ("http", "https")):
                raise SettingsError(
                    f"{url!r} is no address of TeXML: it is like http://127.0.0.1:8000/texml"
                )

    def takes(self, number: str) -> bool:
        return not self.numbers or number in self.numbers


class CarrierConfig(msgspec.Struct, frozen=True, kw_only=True):
    """`numbers` says who lives at an E.164 number: a script answers, a word is a refusal, and a
    number that is not listed rings until the caller gives up."""

    api_key: str = "local-key"
    connection_id: str = "1684641123236054244"
    user_id: str = "8d5d7b7e-3c4a-4a49-9f3c-0c1d5e5f6a7b"
    webhook_url: str | None = None
    webhook_failover_url: str | None = None
    texml: TexmlApplication | None = None
    numbers: Mapping[str, Behaviour] = {}
    ring_s: float = 0.5  # a number rings so long before it answers or refuses
    l16_order: Literal["little", "big"] = "little"  # the contract does not say which
    record: bool = True
    keep_finished_s: float = 600.0  # GET /v2/calls/{id} answers for ended calls that long
    keep_finished: int = 1000
    keep_recordings: int = 20
    dedup_s: float = 60.0
    # The SDK reads conference.floor.changed without the `data` that is around all other events.
    floor_changed_flat: bool = True
    # The webhook_url of an answer: for the rest of the call, as the SDK has it, and not only for
    # what the answer causes, as the platform's guides have it.
    answer_moves_leg: bool = False
    # detect_beep without a beep: greeting.ended with not_sure after 30 s, as one table of the
    # platform's guide has it, and not no event, as the other one and the SDK have it.
    beep_timer_tells: bool = False
    requests_per_s: int | None = None  # more than that are answered with 429
    is_l1: bool = False  # an account that is not verified: 10 calls an hour, 100 a day
    announces: bool = False  # before speech and files, as the calls of such an account have it
    queue_idle_s: float = 300.0  # an empty queue is forgotten then; the platform's time is unknown
    relay_bad_frames: int = 10  # in a row; then the platform closes a Conversation Relay

    def __post_init__(self) -> None:
        """Raises SettingsError for an address that no webhook can go to, and ScriptError for a
        number where nobody can live so."""
        for url in (self.webhook_url, self.webhook_failover_url):
            if url is not None and not is_url(url, ("http", "https")):
                raise SettingsError(
                    f"{url!r} is no address for webhooks: it is like http://127.0.0.1:8000/webhooks"
                )
        for number, behaviour in self.numbers.items():
            if not isinstance(behaviour, CallScript):
                checks.one_of(f"of {number}, the behaviour", behaviour, get_args(Unreachable))
