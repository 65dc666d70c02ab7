"""Telephones in browsers: which there are, which call each of them has, and what it is told."""

import re
import unicodedata
from collections.abc import Callable, Iterable
from typing import assert_never

import msgspec

from callbridge.carrier.audio.playout import TICKS_PER_S
from callbridge.carrier.core.effects import PhoneHears, TellPhone
from callbridge.carrier.core.exchange import NO_COMMAND, Exchange
from callbridge.carrier.core.leg import CarrierLeg, CarrierPlan, LegState
from callbridge.carrier.core.part import Part
from callbridge.carrier.core.routing import Routing
from callbridge.carrier.people.browser import BrowserPerson
from callbridge.carrier.people.person import HungUp, PickedUp, Pressed, PutOnHold
from callbridge.carrier.people.phone_wire import (
    FRAME_OCTETS,
    AnswerCall,
    AnsweredElsewhere,
    DialNumber,
    HoldCall,
    HungUpBy,
    LeaveCall,
    MalformedPhoneFrame,
    PhoneAnswered,
    PhoneBook,
    PhoneCalls,
    PhoneCodec,
    PhoneEnded,
    PhoneEntry,
    PhoneFrame,
    PhoneHeld,
    PhoneHello,
    PhoneNews,
    PhoneReady,
    PhoneRefused,
    PhoneRings,
    PhoneTransfers,
    PressKey,
    TransferCall,
)
from callbridge.carrier.people.script import CallScript
from callbridge.carrier.shapes import JsonObject
from telecodecs import Pcm, codec, silence

E164 = re.compile(r"\+[1-9]\d{1,14}")
RINGS_S = 45.0  # a number that a phone calls past the customer
# A person is told that there is no application, rather than ringing it for ever: one that has taken
# the webhook, or has given a command, may let them wait.
UNTAKEN_S = 15.0
# Legs between two phones are no customer's: no application has this id, no webhook tells of them.
PRIVATE = "0"
MAX_NAME = 40

PlaceCall = Callable[[CallScript], CarrierLeg]
# A platform's command on a call, by id, action and fields; returns why it was refused.
GiveCommand = Callable[[str, str, JsonObject], str | None]


class Handset:
    """One telephone: one tab of a browser."""

    def __init__(self, phone_id: str, number: str, name: str, speaks: PhoneCodec) -> None:
        self.phone_id, self.number, self.name = phone_id, number, name
        self.codec: PhoneCodec = speaks
        self.part: PhonePart | None = None  # what rings here, or goes on


class CarrierPhones:
    """Told by the shell; `place` puts a call to the customer, `command` is the platform's API."""

    def __init__(self, exchange: Exchange, place: PlaceCall, command: GiveCommand) -> None:
        self._exchange, self._place, self._command = exchange, place, command
        self._handsets: dict[str, Handset] = {}
        exchange.home_at = self.home_at

    # ---- for the exchange ---------------------------------------------------------------------

    def home_at(self, number: str) -> "PhoneHome | None":
        at_it = [each for each in self._handsets.values() if each.number == number]
        return PhoneHome(self, at_it) if at_it else None

    def name_of(self, number: str) -> str:
        names = (each.name for each in self._handsets.values() if each.number == number)
        return next(names, "")

    def rings(self, leg: CarrierLeg, handsets: list[Handset]) -> None:
        part = PhonePart(leg, self._exchange, ringing=handsets)
        for each in handsets:
            each.part = part
            name = self.name_of(leg.identity.from_)
            rings = PhoneRings(leg.call_control_id, leg.identity.from_, name, part.codec)
            self._tell(each, rings)

    # ---- for the shell ------------------------------------------------------------------------

    def receive(self, phone_id: str, frame: PhoneFrame) -> None:
        """What cannot be done is told to the phone; nothing is raised."""
        if isinstance(frame, PhoneHello):
            refused = self._plug_in(phone_id, frame)
        elif (handset := self._handsets.get(phone_id)) is None:
            refused = "this phone has no number yet"
        else:
            refused = self._do(handset, frame)
        if refused is not None:
            self._exchange.wish(TellPhone(phone_id, PhoneRefused(refused)))

    def said(self, phone_id: str, payload: bytes) -> None:
        """A frame of the microphone; one that comes outside of a call is late, and dropped.

        Raises MalformedPhoneFrame for one that is no 20 ms of the call's codec."""
        handset = self._handsets.get(phone_id)
        if handset is not None and handset.part is not None:
            handset.part.said(handset, payload)

    def unplug(self, phone_id: str) -> None:
        """The tab is closed: whoever it talked with hears that it has hung up."""
        handset = self._handsets.pop(phone_id, None)
        if handset is None:
            return
        if handset.part is not None:
            handset.part.lost(handset)
        self._tell_book()

    # ---- what a phone asks for ----------------------------------------------------------------

    def _plug_in(self, phone_id: str, hello: PhoneHello) -> str | None:
        number = plain_number(hello.number)
        before = self._handsets.get(phone_id)
        if before is not None and before.part is not None:
            return "the number and the name can be changed when no call goes on"
        if not E164.fullmatch(number):
            return "a phone's number is written as + and digits, like +13125550142"
        if number in self._exchange.config.numbers:
            return f"somebody else lives at {number}: choose another number"
        name = plain_name(hello.name) or number
        handset = self._handsets[phone_id] = Handset(phone_id, number, name, hello.codec)
        self._tell(handset, PhoneReady(number, name, hello.codec))
        self._tell_book()
        return None

    def _do(self, handset: Handset, frame: PhoneFrame) -> str | None:
        """Returns why not."""
        if isinstance(frame, DialNumber):
            return self._dial(handset, plain_number(frame.to))
        part = handset.part
        if part is None:  # it has ended in this very moment
            return None if isinstance(frame, LeaveCall | AnswerCall) else "no call goes on"
        match frame:
            case AnswerCall():
                part.answered_by(handset)
            case LeaveCall():
                part.left_by(handset)
            case PressKey(digit):
                return part.pressed(digit)
            case HoldCall(on):
                return part.put_on_hold(on)
            case TransferCall(to):
                return self._transfer(handset, part, plain_number(to))
            case PhoneHello():
                raise AssertionError("see receive")
            case _:
                assert_never(frame)
        return None

    def _dial(self, handset: Handset, to: str) -> str | None:
        if handset.part is not None:
            return "this phone is in a call: hang up first"
        if not E164.fullmatch(to):
            return "write the number as + and digits, like +13125550100"
        script = CallScript(from_=handset.number, to=to, codec=handset.codec)
        private = to in self._exchange.config.numbers or self.home_at(to) is not None
        leg = (
            self._exchange.place_call(script, PRIVATE, Routing())
            if private
            else self._place(script)
        )
        part = handset.part = PhonePart(leg, self._exchange, holder=handset)
        self._tell(handset, PhoneCalls(leg.call_control_id, to, part.codec))
        if leg.state is LegState.ENDED:  # the customer takes no more
            part.leg_ended()
        elif private:
            self._ring_past_the_customer(leg, to)
        elif leg.plan.give_up_at > self._exchange.now + UNTAKEN_S:
            leg.intend(
                msgspec.structs.replace(
                    leg.plan, give_up_at=self._exchange.now + UNTAKEN_S, on_give_up=NO_COMMAND
                )
            )
        return None

    def _ring_past_the_customer(self, leg: CarrierLeg, to: str) -> None:
        """Phones that call each other are two subscribers of the network: no application of it
        takes the call."""
        other = self._exchange.dial(
            to,
            leg.identity.from_,
            plan=CarrierPlan(),
            timeout_s=RINGS_S,
            connection_id=PRIVATE,
            routing=Routing(),
            session_of=leg,
            bridge_to=leg,
        )
        other.add(RungPart(other, leg, self._exchange))

    def _transfer(self, handset: Handset, part: "PhonePart", to: str) -> str | None:
        """By the command that a customer has for it, on the leg of the other side."""
        if not E164.fullmatch(to):
            return "write the number as + and digits, like +13125550100"
        others = self._exchange.heard_with(part.leg)
        if len(others) != 1:
            return (
                "there is nobody to transfer: the other side of this call is the application"
                if not others
                else f"{len(others)} others are in this conference: transfer needs a single one"
            )
        refused = self._command(others[0].call_control_id, "transfer", {"to": to})
        if refused is None:
            self._tell(handset, PhoneTransfers(part.leg.call_control_id, to))
        return refused

    # ---- what phones are told -----------------------------------------------------------------

    def _tell(self, handset: Handset, news: PhoneNews) -> None:
        self._exchange.wish(TellPhone(handset.phone_id, news))

    def _tell_book(self) -> None:
        """Each of all others; two tabs of one number are one entry."""
        everybody = list(self._handsets.values())
        for handset in everybody:
            entries = {
                PhoneEntry(each.number, each.name) for each in everybody if each is not handset
            }
            in_order = sorted(entries, key=lambda each: (each.name, each.number))
            self._tell(handset, PhoneBook(tuple(in_order)))


class PhoneHome:
    """Who lives at one number: see `Home`."""

    def __init__(self, phones: CarrierPhones, handsets: list[Handset]) -> None:
        self._phones = phones
        self._free = [each for each in handsets if each.part is None]

    @property
    def codec(self) -> PhoneCodec:
        """L16 only where every phone that rings has it."""
        return "L16" if all(each.codec == "L16" for each in self._free) else "PCMU"

    @property
    def is_busy(self) -> bool:
        return not self._free

    def ring(self, leg: CarrierLeg) -> None:
        self._phones.rings(leg, self._free)


class PhonePart(Part):
    """A call of a phone, from the first ring to the end.

    `ringing` are phones that may answer it, `holder` is the one that has it."""

    def __init__(
        self,
        leg: CarrierLeg,
        exchange: Exchange,
        *,
        ringing: Iterable[Handset] = (),
        holder: Handset | None = None,
    ) -> None:
        self.leg, self._exchange = leg, exchange
        self._ringing, self._holder = list(ringing), holder
        self._left = False  # by whoever holds the phone
        self._person = BrowserPerson(leg.encoding.sample_rate)
        self.codec: PhoneCodec = "L16" if leg.encoding.sample_rate > 8000 else "PCMU"
        self._coder = codec(self.codec, leg.encoding.sample_rate)
        rest = silence(leg.encoding.sample_rate // TICKS_PER_S)
        self._silence = self._coder.encode(rest)
        leg.caller = self._person
        leg.add(self)

    @property
    def doing(self) -> str:
        return f"is {self._holder.name}" if self._holder is not None else "rings in a browser"

    # ---- what a phone does --------------------------------------------------------------------

    def answered_by(self, handset: Handset) -> None:
        """The first one has it."""
        if self._holder is not None or handset not in self._ringing:
            return
        self._holder = handset
        for other in self._ringing:
            if other is not handset:
                other.part = None
                self._tell(other, AnsweredElsewhere(self.leg.call_control_id))
        self._ringing = []
        self._person.does(PickedUp())

    def left_by(self, handset: Handset) -> None:
        """Hung up, or declined. The call is declined when the last phone that rings declines it."""
        if handset is self._holder:
            self._left = True
            self._person.does(HungUp())
        elif handset in self._ringing:
            self._ringing.remove(handset)
            handset.part = None
            self._tell(handset, PhoneEnded(self.leg.call_control_id, "call_rejected", "you"))
            if not self._ringing:
                self._person.does(HungUp())

    def lost(self, handset: Handset) -> None:
        """Its tab is gone. A call that only rang there rings on, as in an empty house."""
        if handset is self._holder:
            self._holder = None
            self._person.does(HungUp())
        elif handset in self._ringing:
            self._ringing.remove(handset)

    def pressed(self, digit: str) -> str | None:
        if self.leg.state is not LegState.ANSWERED:
            return "keys are heard when the call is answered"
        self._person.does(Pressed(digit))
        return None

    def put_on_hold(self, on: bool) -> str | None:
        if self.leg.state is not LegState.ANSWERED:
            return "a call can be put on hold when it is answered"
        if on != self.leg.away:
            self._person.does(PutOnHold(on))
        if self._holder is not None:
            self._tell(self._holder, PhoneHeld(self.leg.call_control_id, on))
        return None

    def said(self, handset: Handset, payload: bytes) -> None:
        """Raises MalformedPhoneFrame."""
        octets = FRAME_OCTETS[self.codec]
        if len(payload) != octets:
            raise MalformedPhoneFrame(
                f"20 ms of {self.codec} are {octets} octets, not {len(payload)}"
            )
        if handset is self._holder and self.leg.state is LegState.ANSWERED:
            self._person.said(self._coder.decode(payload))

    # ---- what happens to the leg --------------------------------------------------------------

    def leg_answered(self) -> None:
        if self._holder is not None:
            self._tell(self._holder, PhoneAnswered(self.leg.call_control_id))

    def end_tick(self, said: Pcm | None, heard: Pcm | None) -> None:
        if self._holder is not None:
            payload = self._silence if heard is None else self._coder.encode(heard)
            self._exchange.wish(PhoneHears(self._holder.phone_id, payload))

    def leg_ended(self) -> None:
        ending = self.leg.ending
        assert ending is not None
        by: HungUpBy = "carrier" if ending.source == "unknown" else "other"
        ended = PhoneEnded(self.leg.call_control_id, ending.cause, "you" if self._left else by)
        for handset in (*self._ringing, *([self._holder] if self._holder is not None else [])):
            handset.part = None
            self._tell(handset, ended)
        self._ringing, self._holder = [], None

    def _tell(self, handset: Handset, news: PhoneNews) -> None:
        self._exchange.wish(TellPhone(handset.phone_id, news))


class RungPart(Part):
    """Of a leg that rings for another one, past the customer: when it is not answered, the other
    one ends as it did."""

    def __init__(self, leg: CarrierLeg, caller: CarrierLeg, exchange: Exchange) -> None:
        self._leg, self._caller, self._exchange = leg, caller, exchange

    def leg_ended(self) -> None:
        if self._leg.answered_at is None and self._leg.ending is not None:
            self._leg.bridge_to = None  # else the end of the other one would end this one again
            self._exchange.end(self._caller, self._leg.ending)


def plain_number(text: str) -> str:
    """Without what people put between digits."""
    return re.sub(r"[\s().\-/]", "", text)


def plain_name(text: str) -> str:
    """A name to be shown: nothing that turns the direction of writing, or that cannot be seen."""
    seen = "".join(
        each for each in text if unicodedata.category(each)[0] not in "CZ" or each == " "
    )
    return " ".join(seen.split())[:MAX_NAME]
