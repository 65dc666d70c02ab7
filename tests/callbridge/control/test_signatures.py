"""Only the platform's own, fresh webhooks pass, and each of them once."""

from base64 import b64encode
from math import nan

import pytest
from nacl.bindings import crypto_core_ed25519_add
from nacl.exceptions import BadSignatureError
from nacl.signing import SigningKey, VerifyKey

from callbridge.control.signatures import SeenEvents, load_public_key, verify
from callbridge.errors import BadSignature, SettingsError
from tests.callbridge.control.vectors import RECORDED

# RFC 8032, section 7.1, tests 1 to 3: secret key, public key, message, signature.
RFC_8032 = [
    (
        "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155"
        "5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
    ),
    (
        "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
        "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
    ),
    (
        "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "af82",
        "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac"
        "18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
    ),
]

# The encodings of the points of order 1, 2, 4 and 8 with the sign bit clear, those that are not
# canonical (y = p, p + 1) included. Forged signatures verify under such a "key".
P = 2**255 - 19
LOW_ORDER = [
    bytes(32),
    (1).to_bytes(32, "little"),
    (P - 1).to_bytes(32, "little"),
    P.to_bytes(32, "little"),
    (P + 1).to_bytes(32, "little"),
    bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"),
    bytes.fromhex("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a"),
]

SIGNER = SigningKey(bytes.fromhex(RFC_8032[0][0]))
KEY = SIGNER.verify_key
NOW = 1_753_722_000
BODY = RECORDED["pstn-inbound.1-initiated"]


def sign(body: bytes, timestamp: str, signer: SigningKey = SIGNER) -> str:
    """As documented: Ed25519 over the timestamp, a vertical bar and the raw body; base64."""
    return b64encode(signer.sign(timestamp.encode() + b"|" + body).signature).decode()


def encoded(octets: bytes) -> str:
    return b64encode(octets).decode()


# ---- verify -----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", RECORDED)
def test_the_platforms_signature_is_good(name: str) -> None:
    body = RECORDED[name]
    verify(body, sign(body, str(NOW)), str(NOW), key=KEY, now=NOW)


@pytest.mark.parametrize("body", [b"", b"CallSid=a&CallStatus=ringing", b"\x00\xff|"])
def test_the_body_can_be_any_octets(body: bytes) -> None:
    verify(body, sign(body, str(NOW)), str(NOW), key=KEY, now=NOW)


@pytest.mark.parametrize("age", [-300, -299.5, 0, 299.5, 300])
def test_five_minutes_either_way_are_fresh(age: float) -> None:
    verify(BODY, sign(BODY, str(NOW)), str(NOW), key=KEY, now=NOW + age)


@pytest.mark.parametrize("age", [-1e9, -300.1, 300.1, 1e9, nan])
def test_old_and_future_signatures_are_refused(age: float) -> None:
    with pytest.raises(BadSignature, match="the timestamp is"):
        verify(BODY, sign(BODY, str(NOW)), str(NOW), key=KEY, now=NOW + age)


def test_one_changed_bit_is_refused() -> None:
    """Would fail if the check always said yes."""
    signature = sign(BODY, str(NOW))
    for at in range(0, len(BODY), 7):
        changed = BODY[:at] + bytes([BODY[at] ^ 1]) + BODY[at + 1 :]
        with pytest.raises(BadSignature, match="does not match"):
            verify(changed, signature, str(NOW), key=KEY, now=NOW)


def test_the_signature_covers_the_timestamp() -> None:
    with pytest.raises(BadSignature, match="does not match"):
        verify(BODY, sign(BODY, str(NOW)), str(NOW + 1), key=KEY, now=NOW)


def test_another_key_is_refused() -> None:
    other = SigningKey(bytes.fromhex(RFC_8032[1][0]))
    with pytest.raises(BadSignature, match="does not match"):
        verify(BODY, sign(BODY, str(NOW), other), str(NOW), key=KEY, now=NOW)


def test_reserialised_json_is_not_the_body() -> None:
    spaced = BODY.replace(b":", b": ", 1)
    with pytest.raises(BadSignature, match="does not match"):
        verify(spaced, sign(BODY, str(NOW)), str(NOW), key=KEY, now=NOW)


@pytest.mark.parametrize(
    ("signature", "timestamp", "reason"),
    [
        (None, str(NOW), "no telnyx-signature-ed25519 header"),
        ("", str(NOW), "no telnyx-signature-ed25519 header"),
        (sign(BODY, str(NOW)), None, "no telnyx-timestamp header"),
        (sign(BODY, str(NOW)), "", "no telnyx-timestamp header"),
        (None, None, "no telnyx-signature-ed25519 header"),
        ("?" * 88, str(NOW), "not base64"),
        ("ü" * 88, str(NOW), "not base64"),
        (sign(BODY, str(NOW)) + "\n", str(NOW), "not base64"),
        (encoded(bytes(63)), str(NOW), "63 octets instead of 64"),
        (encoded(bytes(64)), str(NOW), "does not match"),
    ],
)
def test_missing_and_malformed_headers_are_refused(
    signature: str | None, timestamp: str | None, reason: str
) -> None:
    with pytest.raises(BadSignature, match=reason):
        verify(BODY, signature, timestamp, key=KEY, now=NOW)


@pytest.mark.parametrize(
    "timestamp", [f"+{NOW}", f" {NOW}", f"{NOW}\n", f"{NOW}.0", "1_753_722_000", "١٧٥٣", "9" * 5000]
)
def test_a_timestamp_is_plain_digits_however_well_signed(timestamp: str) -> None:
    with pytest.raises(BadSignature, match="not a number of seconds"):
        verify(BODY, sign(BODY, timestamp), timestamp, key=KEY, now=NOW)


# ---- keys -------------------------------------------------------------------------------------


@pytest.mark.parametrize(("secret", "public", "message", "signature"), RFC_8032)
def test_the_vectors_of_rfc_8032(secret: str, public: str, message: str, signature: str) -> None:
    key = load_public_key(encoded(bytes.fromhex(public)))
    assert key.verify(bytes.fromhex(message), bytes.fromhex(signature)) == bytes.fromhex(message)
    assert SigningKey(bytes.fromhex(secret)).verify_key == key
    with pytest.raises(BadSignatureError):
        key.verify(bytes.fromhex(message) + b"!", bytes.fromhex(signature))


SPKI = bytes.fromhex("302a300506032b6570032100") + bytes(KEY)


@pytest.mark.parametrize(
    "text",
    [
        encoded(bytes(KEY)),
        encoded(bytes(KEY)).rstrip("="),
        f"  {encoded(bytes(KEY))}\n",
        encoded(SPKI),
        f"-----BEGIN PUBLIC KEY-----\n{encoded(SPKI)}\n-----END PUBLIC KEY-----\n",
        f"-----BEGIN PUBLIC KEY-----\r\n{encoded(SPKI)}\r\n-----END PUBLIC KEY-----\r\n",
    ],
)
def test_every_usual_form_of_a_key_is_taken(text: str) -> None:
    assert load_public_key(text) == KEY


@pytest.mark.parametrize("sign_bit", [0, 0x80])
@pytest.mark.parametrize("point", LOW_ORDER, ids=bytes.hex)
def test_weak_keys_are_refused(point: bytes, sign_bit: int) -> None:
    weak = point[:31] + bytes([point[31] | sign_bit])
    with pytest.raises(SettingsError, match="could be forged"):
        load_public_key(encoded(weak))


def test_a_key_with_a_part_of_small_order_is_refused() -> None:
    mixed = crypto_core_ed25519_add(bytes(KEY), LOW_ORDER[5])
    with pytest.raises(SettingsError, match="could be forged"):
        load_public_key(encoded(mixed))


@pytest.mark.parametrize(
    "text",
    ["", "your-public-key", encoded(bytes(KEY))[:-4], encoded(bytes(KEY) * 2), "ключ", "=", "a"],
)
def test_garbage_is_refused_and_says_where_the_key_is(text: str) -> None:
    with pytest.raises(SettingsError, match=r"TELNYX_PUBLIC_KEY .*Keys & Credentials > Public Key"):
        load_public_key(text)


def test_a_key_compares_by_value() -> None:
    assert load_public_key(encoded(bytes(KEY))) == VerifyKey(bytes(KEY))


# ---- seen events ------------------------------------------------------------------------------


def test_an_event_is_new_once() -> None:
    seen = SeenEvents()
    assert seen.first_time("a", now=0.0)
    assert not seen.first_time("a", now=0.0)
    assert not seen.first_time("a", now=660.0)
    assert seen.first_time("b", now=1.0)


def test_ids_are_forgotten_with_age() -> None:
    seen = SeenEvents(max_age=60.0)
    for second in range(1000):
        assert seen.first_time(str(second), now=float(second))
    assert len(seen) == 61
    assert seen.first_time("0", now=1000.0)


def test_being_asked_again_does_not_renew_an_id() -> None:
    seen = SeenEvents(max_age=60.0)
    seen.first_time("a", now=0.0)
    seen.first_time("a", now=50.0)
    assert seen.first_time("a", now=61.0)


def test_when_full_the_oldest_id_goes() -> None:
    seen = SeenEvents(max_count=100)
    for number in range(1000):
        assert seen.first_time(str(number), now=0.0)
        assert len(seen) <= 100
    assert not seen.first_time("900", now=0.0)
    assert seen.first_time("899", now=0.0)


def test_a_replay_is_known_for_as_long_as_its_signature_is_good() -> None:
    timestamp = str(NOW)
    seen = SeenEvents()
    first, last = NOW - 300.0, NOW + 300.0
    verify(BODY, sign(BODY, timestamp), timestamp, key=KEY, now=first)
    assert seen.first_time("a", now=first)
    verify(BODY, sign(BODY, timestamp), timestamp, key=KEY, now=last)
    assert not seen.first_time("a", now=last)


def test_an_event_that_was_not_taken_comes_again_as_new() -> None:
    seen = SeenEvents()
    seen.first_time("a", now=0.0)
    seen.forget("a")
    seen.forget("never seen")
    assert seen.first_time("a", now=0.0)
