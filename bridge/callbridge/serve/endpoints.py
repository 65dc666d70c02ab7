"""What a service has WebSockets for."""

from callbridge.media import wire
from callbridge.relay import wire as relay
from callbridge.sockets.endpoint import Endpoint

MEDIA = Endpoint(
    path="/media",
    token_header=wire.TOKEN_HEADER,
    token_setting="CALLBRIDGE_MEDIA_TOKEN",
    max_chars=wire.MAX_FRAME_CHARS,
    opens_with="start",
    read_opening=wire.read_start,
)

# No header is documented for its handshake: the token in its address is all there is.
RELAY = Endpoint(
    path="/relay",
    token_header="x-callbridge-relay-token",
    token_setting="CALLBRIDGE_MEDIA_TOKEN",
    max_chars=relay.MAX_FRAME_CHARS,
    opens_with="setup",
    read_opening=relay.read_setup,
)
