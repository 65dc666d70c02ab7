"""What a customer knows the platform by: a signature over the time and the content."""

import time
from base64 import b64encode

from nacl.signing import SigningKey


def signed(
    key: SigningKey, content: bytes, content_type: str = "application/json"
) -> dict[str, str]:
    """Headers of a request that was signed just now."""
    timestamp = str(int(time.time()))
    signature = key.sign(timestamp.encode() + b"|" + content).signature
    return {
        "content-type": content_type,
        "user-agent": "telnyx-webhooks",
        "telnyx-signature-ed25519": b64encode(signature).decode(),
        "telnyx-timestamp": timestamp,
    }
