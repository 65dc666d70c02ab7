"""What a service has WebSockets for."""

from callbridge.media import wire
from callbridge.sockets.endpoint import Endpoint

MEDIA = Endpoint(
    path="/media",
    token_header=wire.TOKEN_HEADER,
    token_setting="CALLBRIDGE_MEDIA_TOKEN",
    max_chars=wire.MAX_FRAME_CHARS,
    opens_with="start",
    read_opening=wire.read_start,
)
