"""SIP headers that a command gives to a leg: its webhooks repeat them."""

import re
from dataclasses import dataclass

import msgspec

from callbridge.carrier.api.problems import refused
from callbridge.carrier.core.leg import CallHeaders, Headers

NAME = re.compile(r"[A-Za-z0-9!%*_+`'~.-]{1,128}")  # a token of RFC 3261
VALUE = re.compile(r"[^\x00-\x08\x0a-\x1f\x7f]{0,4096}")
SIP_NAMES = ("User-to-User",)


class GivenHeader(msgspec.Struct, frozen=True):
    name: str
    value: str


@dataclass(frozen=True, kw_only=True)
class WithHeaders:
    custom_headers: list[GivenHeader] | None = None
    sip_headers: list[GivenHeader] | None = None

    def headers(self) -> CallHeaders:
        """Raises Refused for what is no header."""
        for name, given in (("custom", self.custom_headers), ("sip", self.sip_headers)):
            for number, header in enumerate(given or ()):
                pointer = f"/{name}_headers/{number}"
                if not NAME.fullmatch(header.name) or not VALUE.fullmatch(header.value):
                    raise refused("10027", "that is no name or value of a SIP header", pointer)
                if name == "sip" and header.name not in SIP_NAMES:
                    raise refused("10032", f"name must be one of {', '.join(SIP_NAMES)}", pointer)
        return CallHeaders(_pairs(self.custom_headers), _pairs(self.sip_headers))


def _pairs(headers: list[GivenHeader] | None) -> Headers:
    return tuple((header.name, header.value) for header in headers or ())
