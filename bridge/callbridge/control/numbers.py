"""When two ways of writing a telephone number or SIP address are the same one.

Nothing here knows the numbering plan of a country: a number is its digits, so it is to be written
with its country code (ITU-T E.164). `011` stays, as it begins British numbers too (0114 is
Sheffield)."""

import re
from unicodedata import category, decimal

from callbridge.errors import SettingsError

LONGEST = 15  # digits: ITU-T E.164, section 6.2.1

_SIP = re.compile(r"\s*(sips?):([^;?]*)", re.IGNORECASE)
_SEPARATORS = frozenset("()./\N{MINUS SIGN}")


def key(text: str) -> str:
    """What a number or address is compared by; what is neither is compared as it is."""
    if sip := _SIP.match(text):
        return _sip_key(sip[1], sip[2].strip())
    digits, rest = _digits(text)
    return text if rest else digits


def registered_key(text: str) -> str:
    """`key` of a number that somebody registers. Raises SettingsError if nobody can dial it."""
    if sip := _SIP.match(text):
        return _sip_key(sip[1], sip[2].strip())
    digits, rest = _digits(text)
    if rest:
        raise SettingsError(
            f"{text!r} is no telephone number: it holds {rest[0]!r}. Write the digits with the "
            'country code ("+13125550100"), or an address ("sip:bot@example.com").'
        )
    if not digits:
        raise SettingsError(f'{text!r} is no telephone number: it has no digits ("+13125550100")')
    if len(digits) > LONGEST:
        raise SettingsError(
            f"{text!r} has {len(digits)} digits: a telephone number has at most {LONGEST}"
        )
    return digits


def _sip_key(scheme: str, address: str) -> str:
    user, at, host = address.rpartition("@")
    return f"{scheme.lower()}:{user}{at}{host.lower()}"


def _digits(text: str) -> tuple[str, str]:
    """The digits of a number without its international prefix, and what belongs in no number."""
    visible = "".join(mark for mark in text if category(mark) not in ("Cf", "Cc")).strip()
    if visible[:4].lower() == "tel:":
        visible = visible[4:].partition(";")[0].strip()
    international = visible.startswith(("+", "\N{FULLWIDTH PLUS SIGN}"))
    if international:
        # "+44 (0)20": that 0 is dialled at home only, and never after the country code.
        visible = visible[1:].replace("(0)", "", 1)
    digits = "".join(str(decimal(mark)) for mark in visible if mark.isdecimal())
    rest = "".join(mark for mark in visible if not (mark.isdecimal() or _separates(mark)))
    return (digits if international else digits.removeprefix("00")), rest


def _separates(mark: str) -> bool:
    return mark in _SEPARATORS or category(mark) in ("Zs", "Pd")
