"""Passwords, kept as scrypt hashes (RFC 7914) of the standard library.

A hash is `scrypt:N:r:p:salt:key`, the last two in base64 that needs no quotes in a shell."""

import binascii
import hashlib
import hmac
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import NamedTuple

SHORTEST = 10  # characters
LONGEST = 256  # of what is hashed at all
N, R, P = 2**15, 8, 3  # 32 MiB, and a quarter of a second of one core
MOST_N, MOST_R, MOST_P = 2**18, 16, 8  # of a hash that somebody else has made
SALT_BYTES, KEY_BYTES = 16, 32


class ScryptHash(NamedTuple):
    """What a password is checked against."""

    n: int
    r: int
    p: int
    salt: bytes
    key: bytes

    def __str__(self) -> str:
        texts = (urlsafe_b64encode(each).decode().rstrip("=") for each in (self.salt, self.key))
        return ":".join(("scrypt", str(self.n), str(self.r), str(self.p), *texts))

    def __repr__(self) -> str:
        return "ScryptHash(***)"

    def fits(self, password: str) -> bool:
        """Takes a quarter of a second whatever the answer: for a thread."""
        return hmac.compare_digest(self.key, _key(password, self.n, self.r, self.p, self.salt))


def hashed(password: str, n: int = N, r: int = R, p: int = P) -> ScryptHash:
    salt = secrets.token_bytes(SALT_BYTES)
    return ScryptHash(n, r, p, salt, _key(password, n, r, p, salt))


def parse(text: str) -> ScryptHash:
    """Raises ValueError."""
    try:
        kind, n, r, p, salt, key = text.split(":")
        made = ScryptHash(int(n), int(r), int(p), _bytes(salt), _bytes(key))
    except (ValueError, binascii.Error):
        raise ValueError("is no hash of `callbridge desk password`") from None
    costs = (made.n, made.r, made.p)
    sound = 2**14 <= made.n <= MOST_N and made.n & (made.n - 1) == 0
    sound = sound and 1 <= made.r <= MOST_R and 1 <= made.p <= MOST_P
    if kind != "scrypt" or not sound or len(made.salt) < 8 or len(made.key) != KEY_BYTES:
        raise ValueError(f"is no hash of ours, or of a strange cost: {costs}")
    return made


def fault(password: str) -> str | None:
    """What is wrong with a new password, if anything is."""
    if len(password) < SHORTEST:
        return (
            f"a password has {SHORTEST} characters or more; a few words in a row are easy to keep"
        )
    if len(password) > LONGEST:
        return f"a password has {LONGEST} characters at most"
    return None


# Who is not known costs the same time as who is.
NOBODY = ScryptHash(N, R, P, secrets.token_bytes(SALT_BYTES), secrets.token_bytes(KEY_BYTES))


def _key(password: str, n: int, r: int, p: int, salt: bytes) -> bytes:
    text = password[: LONGEST + 1].encode("utf-8", "surrogatepass")
    return hashlib.scrypt(text, salt=salt, n=n, r=r, p=p, maxmem=256 * n * r, dklen=KEY_BYTES)


def _bytes(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))
