"""What TLS of a server of ours needs, looked at before anything listens."""

import ssl
from dataclasses import dataclass
from pathlib import Path

from callbridge.errors import SettingsError


@dataclass(frozen=True, slots=True)
class Certificate:
    """What TLS needs, in PEM; without `key` the key is in the same file."""

    cert: Path
    key: Path | None = None

    def check(self) -> None:
        """Raises SettingsError if nothing can be served with it."""
        key = self.key or self.cert
        for path in (self.cert, key):
            try:
                path.open("rb").close()
            except OSError as error:
                raise SettingsError(f"cannot read {path}: {error.strerror}") from None
        try:
            # A password that is wrong, where OpenSSL would ask for one on the terminal.
            ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(self.cert, key, password="")
        except ssl.SSLError as error:
            why = (error.reason or "").lower().replace("_", " ") or "no PEM, or a password"
            raise SettingsError(f"{self.cert} and {key} are of no use for TLS: {why}") from None
