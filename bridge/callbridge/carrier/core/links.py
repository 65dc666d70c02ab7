"""Addresses where a recording is downloaded: whoever has one may, for ten minutes."""

import hashlib
import hmac
from urllib.parse import quote, urlencode

import msgspec

VALID_S = 600
PATH = "/carrier/recordings"


class RecordingServer(msgspec.Struct, frozen=True):
    """Where files of this carrier are served, and whether its shell can write mp3."""

    address: str = "http://127.0.0.1:8080"
    mp3: bool = False


class DownloadLinks:
    """Signed with what follows from the API key, so that a link outlives a restart."""

    def __init__(self, server: RecordingServer, api_key: str) -> None:
        self._base = server.address + PATH
        self._key = hashlib.sha256(b"callbridge recordings " + api_key.encode()).digest()

    def link(self, recording_id: str, file_name: str, unix_now: int) -> str:
        expires = str(unix_now + VALID_S)
        signature = self._signature(recording_id, file_name, expires)
        query = urlencode({"expires": expires, "signature": signature})
        return f"{self._base}/{recording_id}/{quote(file_name, safe='')}?{query}"

    def is_good(
        self, recording_id: str, file_name: str, expires: str, signature: str, unix_now: int
    ) -> bool:
        """Of a link that somebody came with."""
        expected = self._signature(recording_id, file_name, expires)
        given = signature.encode("utf-8", "surrogateescape")
        return hmac.compare_digest(given, expected.encode()) and unix_now <= int(expires)

    def _signature(self, *signed: str) -> str:
        message = "\n".join(signed).encode("utf-8", "surrogateescape")
        return hmac.new(self._key, message, hashlib.sha256).hexdigest()
