"""Is this webhook the platform's, fresh, and new to us? Pure: bytes and `now` in, verdict out.

The platform signs `timestamp|raw body` with Ed25519 (RFC 8032) and sends the signature, standard
base64, and the timestamp, Unix seconds, in two headers. TeXML callbacks are signed the same way."""

from base64 import b64decode

from nacl.bindings import crypto_core_ed25519_is_valid_point
from nacl.exceptions import BadSignatureError
from nacl.signing import VerifyKey

from callbridge.errors import BadSignature, SettingsError

SIGNATURE_HEADER = "telnyx-signature-ed25519"
TIMESTAMP_HEADER = "telnyx-timestamp"

TOLERANCE_S = 300.0

# DER of SubjectPublicKeyInfo { id-Ed25519 } up to the 32 octets of the key: RFC 8410, section 4.
_SPKI_HEADER = bytes.fromhex("302a300506032b6570032100")
_KEY_SIZE = 32
_SIGNATURE_SIZE = 64


def load_public_key(text: str) -> VerifyKey:
    """`parse_public_key` of the setting. Raises SettingsError that says where to get the key."""
    try:
        return parse_public_key(text)
    except ValueError as error:
        raise SettingsError(
            f"TELNYX_PUBLIC_KEY {error}. Copy it from the portal: Keys & Credentials > Public Key."
        ) from None


def parse_public_key(text: str) -> VerifyKey:
    """The platform's public key, from base64 of 32 raw octets, or of SPKI (DER), or from PEM.

    Raises ValueError, also for the points whose signatures anybody can forge."""
    lines = (line for line in text.splitlines() if not line.startswith("-----"))
    encoded = "".join("".join(lines).split())
    try:
        # A double click on the portal's page selects the key without its final "=".
        octets = b64decode(encoded + "=" * (-len(encoded) % 4), validate=True)
    except ValueError:
        raise ValueError("is not base64") from None
    octets = octets.removeprefix(_SPKI_HEADER)
    if len(octets) != _KEY_SIZE:
        raise ValueError(f"holds {len(octets)} octets, an Ed25519 key has {_KEY_SIZE}")
    # False for what is no point, for small orders (zero and the identity among them), for
    # encodings that are not canonical, and outside the prime-order group, where no real key lies.
    if not crypto_core_ed25519_is_valid_point(octets):
        raise ValueError("is not a sound Ed25519 key: signatures under it could be forged")
    return VerifyKey(octets)


def verify(
    body: bytes,
    signature: str | None,
    timestamp: str | None,
    *,
    key: VerifyKey,
    now: float,
    tolerance: float = TOLERANCE_S,
) -> None:
    """Return if the platform signed exactly these bytes lately, else raise BadSignature.

    `now` in Unix seconds; `tolerance` in seconds, for the past and the future alike."""
    if not signature or not timestamp:
        missing = TIMESTAMP_HEADER if signature else SIGNATURE_HEADER
        raise BadSignature(f"no {missing} header")
    # Python's int() also takes "+1", "1_0" and " 1", which the platform never signs.
    if not (timestamp.isascii() and timestamp.isdecimal() and len(timestamp) <= 12):
        raise BadSignature("the timestamp is not a number of seconds")
    age = now - int(timestamp)
    if not abs(age) <= tolerance:
        raise BadSignature(
            f"the timestamp is {age:.0f} s old; at most {tolerance:.0f} s either way"
        )
    try:
        octets = b64decode(signature, validate=True)
    except ValueError:
        raise BadSignature("the signature is not base64") from None
    if len(octets) != _SIGNATURE_SIZE:
        raise BadSignature(f"the signature has {len(octets)} octets instead of {_SIGNATURE_SIZE}")
    try:
        key.verify(timestamp.encode() + b"|" + body, octets)
    except BadSignatureError:
        raise BadSignature("the signature does not match: other key or changed body") from None


class SeenEvents:
    """The ids of events already taken, so that a repetition is answered and ignored.

    Bounded twice. `max_age` (s): a delivery verifies from 300 s before to 300 s after its
    timestamp, so it can be replayed for 600 s; the platform's own repetitions come within 60 s.
    `max_count`: when full the oldest id is forgotten; ids get here only with a good signature."""

    def __init__(self, *, max_count: int = 50_000, max_age: float = 2 * TOLERANCE_S + 60) -> None:
        self._max_count = max_count
        self._max_age = max_age
        self._seen: dict[str, float] = {}  # id → when first seen, oldest first

    def __len__(self) -> int:
        return len(self._seen)

    def first_time(self, event_id: str, now: float) -> bool:
        """Whether this id is new, and remember it. `now` in seconds of any one clock."""
        self._drop_before(now - self._max_age)
        if event_id in self._seen:
            return False
        if len(self._seen) >= self._max_count:
            del self._seen[next(iter(self._seen))]
        self._seen[event_id] = now
        return True

    def forget(self, event_id: str) -> None:
        """The event was not taken after all (answered 503): its repetition counts as the first."""
        self._seen.pop(event_id, None)

    def _drop_before(self, limit: float) -> None:
        while self._seen:
            oldest = next(iter(self._seen))
            if self._seen[oldest] >= limit:
                return
            del self._seen[oldest]
