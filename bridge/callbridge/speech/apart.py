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

import numpy as np

from callbridge.errors import CallbridgeError
from callbridge.host.child import of_module
from callbridge.speech.engines import Recogniser
from telecodecs import Pcm

NICE = 10
# Sample rate and octets of PCM one way; whether it is a text, and its octets, the other way.
_REQUEST, _ANSWER = struct.Struct("<II"), struct.Struct("<?I")


class Apart:
    """The offline recogniser, in a child process. One utterance at a time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._child: subprocess.Popen[bytes] | None = None

    def load(self) -> None:
        """Start the process and let it load its model. Raises CallbridgeError."""
        self.transcribe(np.zeros(0, np.int16), 8000)

    def transcribe(self, pcm: Pcm, sample_rate: int) -> str:
        """The text of one utterance. Raises CallbridgeError."""
        with self._lock:
            child = self._running()
            assert child.stdin is not None, "it was started with pipes"
            assert child.stdout is not None, "it was started with pipes"
            data = np.ascontiguousarray(pcm, "<i2").tobytes()
            try:
                child.stdin.write(_REQUEST.pack(sample_rate, len(data)) + data)
                child.stdin.flush()
                good, size = _ANSWER.unpack(_read(child.stdout, _ANSWER.size))
                text = _read(child.stdout, size).decode()
            except (OSError, EOFError) as error:
                _end(child)
                raise CallbridgeError(
                    f"the recogniser's process has ended ({child.returncode})"
                ) from error
        if not good:
            raise CallbridgeError(text)
        return text

    def _running(self) -> subprocess.Popen[bytes]:
        if self._child is None or self._child.poll() is not None:
            self._child = subprocess.Popen(
                of_module("callbridge.speech.apart"),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                env={
                    **os.environ,
                    "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
                },
            )
            weakref.finalize(self, _end, self._child)
        return self._child


def _end(child: subprocess.Popen[bytes]) -> None:
    child.kill()
    child.communicate()


def serve(recogniser: Recogniser, requests: IO[bytes], answers: IO[bytes]) -> None:
    """Answer requests until there are no more: the parent has gone."""
    while len(head := requests.read(_REQUEST.size)) == _REQUEST.size:
        sample_rate, size = _REQUEST.unpack(head)
        pcm = np.frombuffer(_read(requests, size), "<i2").astype(np.int16)
        try:
            good, text = True, recogniser.transcribe(pcm, sample_rate)
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
