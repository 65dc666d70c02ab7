"""Whom a call of ours rings, and how."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import starmap

from callbridge.control import commands as control

RINGS_S = (5, 600)  # the platform takes no less and no more


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialling:
    """It rings for `timeout` seconds; None is as the application does. `amd` finds out who picks
    up. `digits` are pressed at the answer, `headers` are SIP's."""

    to: str
    from_: str
    timeout: float | None = None
    amd: control.MachineDetection | None = None
    digits: str = ""
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    display_name: str = ""

    def command(
        self,
        connection_id: str,
        ring: float,
        client_state: str,
        opening: control.Stream | control.Relay,
    ) -> control.Dial:
        least, most = RINGS_S
        return control.Dial(
            connection_id=connection_id,
            to=self.to,
            from_=self.from_,
            from_display_name=self.display_name or None,
            timeout_secs=min(max(least, round(ring)), most),
            answering_machine_detection=self.amd,
            send_digits_on_answer=self.digits or None,
            custom_headers=tuple(starmap(control.Header, self.headers.items())) or None,
            client_state=client_state,
            stream=opening if isinstance(opening, control.Stream) else None,
            conversation_relay_config=opening if isinstance(opening, control.Relay) else None,
        )
