"""A call that documents lead: it is fetched, read, and carried out from the top to the bottom.

Where the platform's documents are silent this carrier does the following. The first verb that needs
an answered call answers it, which all do but Redirect, Reject and Hangup. What cannot be read ends
the call; what cannot be fetched is asked of the fallback address, each time. A Gather without an
action goes on to the next verb, with keys as without."""

from collections.abc import Iterator
from urllib.parse import urljoin, urlsplit
from xml.sax.saxutils import quoteattr

from callbridge.carrier.config import TexmlApplication
from callbridge.carrier.core.exchange import REFUSALS, Exchange
from callbridge.carrier.core.leg import CarrierLeg, LegState
from callbridge.carrier.core.part import Part
from callbridge.carrier.parts.sounds import NoSound, SpokenText, language_of
from callbridge.carrier.shapes import is_url
from callbridge.carrier.texml import forms
from callbridge.carrier.texml.document import Document, read_document
from callbridge.carrier.texml.forms import TexmlForm
from callbridge.carrier.texml.markup import BadDocument
from callbridge.carrier.texml.prompts import Prompts
from callbridge.carrier.texml.requests import OnText, TexmlAnswer, TexmlRequests
from callbridge.carrier.texml.running import Connecting, Gathering, Pausing, RunningVerb, Sounding
from callbridge.carrier.texml.services import TexmlServices
from callbridge.carrier.texml.verbs import (
    AnyVerb,
    ConnectVerb,
    FetchMethod,
    GatherVerb,
    HangupVerb,
    PauseVerb,
    PlayVerb,
    RedirectVerb,
    RejectVerb,
    SayVerb,
)
from telecodecs import Pcm

# A document that leads to itself would be fetched as fast as the network goes, for ever.
MAX_IN_A_ROW = 10  # documents without a verb that takes time
MAX_DOCUMENTS = 1000  # of one call


def connecting(stream_url: str) -> bytes:
    """The document of somebody who serves a media stream and no documents."""
    stream = f'<Stream url={quoteattr(stream_url)} bidirectionalMode="rtp"/>'
    return f"<Response><Connect>{stream}</Connect></Response>".encode()


class TexmlPart(Part):
    """One call of a TeXML application."""

    def __init__(
        self,
        leg: CarrierLeg,
        exchange: Exchange,
        application: TexmlApplication,
        requests: TexmlRequests,
        services: TexmlServices,
    ) -> None:
        self._leg, self._exchange, self._application = leg, exchange, application
        self._requests, self._services = requests, services
        self._url = application.voice_url  # of the document that is carried out
        self._verbs: Iterator[AnyVerb] = iter(())
        self._verb: AnyVerb | None = None  # that runs
        self._running: RunningVerb | None = None
        self._documents = self._in_a_row = 0
        self._told = 0  # status callbacks

    @property
    def doing(self) -> str:
        return "TeXML"

    def begin(self) -> None:
        self._tell("initiated")
        if (url := self._application.voice_url).startswith("ws"):
            self._read(TexmlAnswer(url, 200, connecting(url)))
        else:
            self._fetch(url, self._application.voice_method, {})

    def _note(self, kind: str, **detail: object) -> None:
        self._exchange.note(self._leg, kind, **detail)

    # ---- documents ----------------------------------------------------------------------------

    def _fetch(self, target: str, method: FetchMethod, more: TexmlForm) -> None:
        """Go on with another document; its address may be relative to that of the current one."""
        url = _joined(self._url, target)
        self._documents += 1
        self._in_a_row += 1
        if not is_url(url, ("http", "https")):
            self._give_up(f"{target!r} is no address of a document")
        elif self._in_a_row > MAX_IN_A_ROW:
            self._give_up(f"{MAX_IN_A_ROW} documents in a row, and no verb that takes time")
        elif self._documents > MAX_DOCUMENTS:
            self._give_up(f"more than {MAX_DOCUMENTS} documents")
        else:
            self._ask(url, method, more, is_fallback=False)

    def _ask(self, url: str, method: FetchMethod, more: TexmlForm, *, is_fallback: bool) -> None:
        account = self._exchange.config.user_id
        form = forms.instruction_fetch(self._leg, account) | more
        self._note("texml fetch", url=_shown(url), method=method)

        def arrived(answer: TexmlAnswer) -> None:
            self._arrived(answer, more, is_fallback=is_fallback)

        self._requests.ask(self._leg, url, method, form, arrived)

    def _arrived(self, answer: TexmlAnswer, more: TexmlForm, *, is_fallback: bool) -> None:
        if self._leg.state is LegState.ENDED:
            return
        fallback = self._application.fallback_url
        if not answer.fault:
            self._read(answer)
        elif is_fallback or fallback is None:
            self._give_up(answer.fault)
        else:
            self._note("texml failed", why=answer.fault)
            self._ask(fallback, self._application.voice_method, more, is_fallback=True)

    def _read(self, answer: TexmlAnswer) -> None:
        try:
            document = read_document(answer.body) if answer.body.strip() else Document()
        except BadDocument as error:
            self._give_up(str(error))
            return
        passed_over = {"not_simulated": document.not_simulated, "unknown": document.unknown}
        doubts = {name: list(names) for name, names in passed_over.items() if names}
        verbs = [type(verb).__name__.removesuffix("Verb") for verb in document.verbs]
        self._note("texml document", url=_shown(answer.url), verbs=verbs, **doubts)
        self._url, self._verbs = answer.url, iter(document.verbs)
        self._go_on()

    def _give_up(self, why: str) -> None:
        self._note("texml failed", why=why, given_up=True)
        self._exchange.customer_hangs_up(self._leg)

    # ---- verbs --------------------------------------------------------------------------------

    def _go_on(self) -> None:
        """The next verb; past the last one the call is hung up."""
        self._running = None
        match verb := next(self._verbs, None):
            case None | HangupVerb():
                self._exchange.customer_hangs_up(self._leg)
            case RejectVerb(reason=reason):
                self._reject("busy" if reason == "busy" else "reject")
            case RedirectVerb(url=url, method=method):
                self._fetch(url, method, {})
            case _:
                self._begin(verb)

    def _reject(self, refusal: str) -> None:
        if self._leg.state is LegState.PARKED:
            self._exchange.end(self._leg, REFUSALS[refusal])
        else:
            self._note("texml failed", why="Reject after the call was answered is a Hangup")
            self._exchange.customer_hangs_up(self._leg)

    def _begin(self, verb: AnyVerb) -> None:
        """A verb that takes time. It has begun by the next tick."""
        self._verb, self._in_a_row = verb, 0
        leg = self._leg
        if leg.state is LegState.PARKED:
            self._exchange.answer(leg)
        match verb:
            case SayVerb() | PlayVerb():
                self._running = Sounding(Prompts(leg, self, (verb,)))
            case GatherVerb():
                self._running = self._gathering(verb)
            case PauseVerb():
                self._running = Pausing(self._exchange.now + verb.length)
            case ConnectVerb(service=noun):
                self._running = self._services.connect(leg, noun)
            case _:
                raise AssertionError(f"{verb} takes no time")

    def _gathering(self, verb: GatherVerb) -> Gathering:
        prompts, rate = Prompts(self._leg, self, verb.prompts), self._leg.encoding.sample_rate
        listens = "speech" in verb.input
        if listens and not self._exchange.converses:
            self._note(
                "texml not heard", why="this local carrier cannot listen: callbridge[speech]"
            )
            listens = False
        return Gathering(verb, prompts, rate, self._recognise if listens else None)

    def _recognise(self, pcm: Pcm, *, then: OnText) -> None:
        self._requests.recognise(pcm, self._leg.encoding.sample_rate, then)

    def begin_tick(self) -> None:
        running = self._running
        if running is not None and running.tick(self._exchange.now):
            self._running = None
            self._ended(self._verb, running)

    def _ended(self, verb: AnyVerb | None, running: RunningVerb) -> None:
        """The action of a verb takes over; without one the next verb does."""
        more: TexmlForm | None = None  # what the action is told
        match running:
            case Gathering(digits=digits, speech=speech):
                self._note("texml gathered", digits=digits, speech=speech)
                more = _gathered(digits, speech) if running.enough else None
            case Connecting():
                more = _session(running)
            case _:
                pass
        if isinstance(verb, GatherVerb | ConnectVerb) and verb.action and more is not None:
            self._fetch(verb.action, verb.method, more)
        else:
            self._go_on()

    def end_tick(self, said: Pcm | None, heard: Pcm | None) -> None:
        if self._running is not None:
            self._running.hear(self._leg.uttered, self._exchange.now)

    def digit(self, digit: str, occurred_at: str) -> None:
        if self._running is not None:
            self._running.digit(digit, self._exchange.now)

    # ---- sounds -------------------------------------------------------------------------------

    def speak(self, verb: SayVerb, sample_rate: int) -> str | None:
        self._note("texml says", text=verb.text)
        if not self._exchange.speaks:
            self._note("texml not said", why="this local carrier has no voice: callbridge[voice]")
            return None
        language = language_of(verb.voice, verb.language)
        female = "female" in (verb.voice.lower(), verb.gender.lower())
        said = SpokenText(verb.text, language=language, female=female)
        return self._requests.speak(said, sample_rate, self._sounded)

    def fetch(self, url: str, sample_rate: int) -> str:
        return self._requests.fetch(
            _joined(self._url, url), sample_rate, self._sounded, self._grows
        )

    def _grows(self, sound_id: str, pcm: Pcm) -> bool:
        return self._running is not None and self._running.grows(sound_id, pcm)

    def _sounded(self, sound_id: str, sound: Pcm | NoSound) -> None:
        pcm = None if isinstance(sound, NoSound) else sound
        if isinstance(sound, NoSound):
            self._note("texml not heard", sound_id=sound_id, why=sound.why)
        if self._running is not None:
            self._running.sounded(sound_id, pcm)

    # ---- status callbacks ---------------------------------------------------------------------

    def leg_answered(self) -> None:
        self._tell("in-progress")

    def leg_ended(self) -> None:
        if self._running is not None:
            self._running.stop()
            self._running = None
        more = forms.completed(self._leg, self._exchange.now)
        self._tell(forms.final_status(self._leg), more)

    def _tell(self, status: str, more: TexmlForm | None = None) -> None:
        application = self._application
        if application.status_url is None:
            return
        exchange, leg = self._exchange, self._leg
        form = forms.call_status(
            leg, exchange.config.user_id, status, self._told, exchange.timestamp()
        )
        self._told += 1

        def told(answer: TexmlAnswer) -> None:
            self._note("texml status", status=status, delivered=not answer.fault, why=answer.fault)

        self._requests.ask(leg, application.status_url, "POST", form | (more or {}), told)


def _gathered(digits: str, speech: str) -> TexmlForm:
    """This carrier's recogniser does not say how sure it is: it always is."""
    return {"SpeechResult": speech, "Confidence": "1.0"} if speech else {"Digits": digits}


def _session(running: Connecting) -> TexmlForm:
    """What a Connect's action is told of its session. The platform has published neither whether it
    tells of it nor how: these names follow those of its setup frame and of its `end` frame."""
    form = {"SessionStatus": running.status}
    if running.handoff_data is not None:
        form["HandoffData"] = running.handoff_data
    return form


def _joined(base: str, target: str) -> str:
    """An address that may be relative to another; empty for what is none, as `http://[`."""
    try:
        return urljoin(base, target)
    except ValueError:
        return ""


def _shown(url: str) -> str:
    """For a tape: a query may hold a secret."""
    return urlsplit(url)._replace(query="").geturl()
