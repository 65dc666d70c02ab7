"""A recogniser in a process of its own, at low priority.

In a thread of the bridge it takes the interpreter's lock and the cores that the event loop wants,
and every other call's audio is late. The process is a child with two pipes; it ends with its
parent, and one that dies is replaced for the next utterance."""

import os
import signal
import struct
import subprocess
import sys
import threading
import weakref
from typing import IO

import msgspec
import numpy as np

from callbridge.errors import CallbridgeError
from callbridge.host.child import of_module
from callbridge.speech.engines import Hints, TakesHints
from callbridge.speech.moonshine import LANGUAGES
from telecodecs import Pcm

NICE = 10
# Sample rate, octets of PCM and of the hints one way; whether it is a text, and its octets, the
# other way.
_REQUEST, _ANSWER = struct.Struct("<III"), struct.Struct("<?I")


class Apart:
    """The offline recogniser, in a child process. One utterance at a time."""

    languages = LANGUAGES

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._child: subprocess.Popen[bytes] | None = None

    def load(self) -> None:
        """Start the process and let it load its model. Raises CallbridgeError."""
        self.transcribe(np.zeros(0, np.int16), 8000)

    def transcribe(self, pcm: Pcm, sample_rate: int) -> str:
        """The text of one utterance. Raises CallbridgeError."""
        return self.transcribe_with(pcm, sample_rate, Hints())

    def transcribe_with(self, pcm: Pcm, sample_rate: int, hints: Hints) -> str:
        """The text of one utterance. Raises CallbridgeError."""
        data, known = np.ascontiguousarray(pcm, "<i2").tobytes(), msgspec.msgpack.encode(hints)
        request = _REQUEST.pack(sample_rate, len(data), len(known)) + data + known
        with self._lock:
            try:
                good, text = self._asked(request)
            except (OSError, EOFError):  # it may have died long ago, and not by this utterance
                good, text = self._asked_for_good(request)
        if not good:
            raise CallbridgeError(text)
        return text

    def _asked_for_good(self, request: bytes) -> tuple[bool, str]:
        """Of a new process. Raises CallbridgeError when that dies, too."""
        try:
            return self._asked(request)
        except (OSError, EOFError) as error:
            code = self._child.returncode if self._child is not None else None
            raise CallbridgeError(f"the recogniser's process has ended ({code})") from error

    def _asked(self, request: bytes) -> tuple[bool, str]:
        """Whether there is a text, and it or why not. Raises OSError and EOFError when the process
        dies, which is then over."""
        child = self._running()
        assert child.stdin is not None, "it was started with pipes"
        assert child.stdout is not None, "it was started with pipes"
        try:
            child.stdin.write(request)
            child.stdin.flush()
            good, size = _ANSWER.unpack(_read(child.stdout, _ANSWER.size))
            return good, _read(child.stdout, size).decode()
        except (OSError, EOFError):
            _end(child)
            raise

    def _running(self) -> subprocess.Popen[bytes]:
        if self._child is None or self._child.poll() is not None:
            self._child = subprocess.Popen(
                of_module("callbridge.speech.apart"),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                env={
                    "OPENBLAS_NUM_THREADS": "1",  # the other cores are for the event loop
                    **os.environ,
                    "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
                },
            )
            weakref.finalize(self, _end, self._child)
        return self._child


def _end(child: subprocess.Popen[bytes]) -> None:
    child.kill()
    child.communicate()


def serve(recogniser: TakesHints, requests: IO[bytes], answers: IO[bytes]) -> None:
    """Answer requests until there are no more: the parent has gone."""
    while len(head := requests.read(_REQUEST.size)) == _REQUEST.size:
        sample_rate, size, known = _REQUEST.unpack(head)
        pcm = np.frombuffer(_read(requests, size), "<i2").astype(np.int16)
        hints = msgspec.msgpack.decode(_read(requests, known), type=Hints)
        try:
            good, text = True, recogniser.transcribe_with(pcm, sample_rate, hints)
        except Exception as error:  # foreign code; the other process says what it said
            good, text = False, f"{type(error).__name__}: {error}"
        data = text.encode()
        answers.write(_ANSWER.pack(good, len(data)) + data)
        answers.flush()


def _read(stream: IO[bytes], size: int) -> bytes:
    data = stream.read(size)
    if len(data) < size:
        raise EOFError
    return data


def main() -> None:
    from callbridge.speech.moonshine import Moonshine

    os.nice(NICE)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, whose end is ours
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints is no answer
    serve(Moonshine(), sys.stdin.buffer, answers)
