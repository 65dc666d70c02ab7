"""When a recogniser worked: written by the bot's process, read by `benchmarks/conversation.py`.

A recognition belongs to no call's tape, so it has a file of its own, a JSON line each."""

import os
from pathlib import Path

import msgspec

FILE = "CONVERSATION_DECODINGS"  # the environment variable that names it


class Decoding(msgspec.Struct, frozen=True):
    """From when to when, by the machine's monotonic clock, and seconds of audio."""

    began: float
    ended: float
    audio_s: float


class DecodingFile:
    """Where the bot's process writes; without the variable nothing is kept."""

    def __init__(self) -> None:
        self._file = open(os.environ.get(FILE, os.devnull), "ab", buffering=0)  # noqa: SIM115

    def write(self, decoding: Decoding) -> None:
        self._file.write(msgspec.json.encode(decoding) + b"\n")


def decodings(file: Path, since: float) -> list[Decoding]:
    """Those that began at `since` or later."""
    written = msgspec.json.Decoder(Decoding).decode_lines(file.read_bytes())
    return [decoding for decoding in written if decoding.began >= since]
