"""Moonshine's tiny English network: its weights from a wheel, its arithmetic in numpy.

The wheel's library only turns sound into text, token by token. Here one can also ask what the
network thinks of a text that is given: of the text so far, whose tokens are then looked at all at
once, or of the few answers that a question has. It also takes less: 50 ms of CPU time for a second
of sound where the library takes 90, one core instead of two, and 130 MB.

The encoder hears an utterance as a whole: every second of it costs 12 ms again when more has come.
The decoder says what it heard, token by token: 6 ms each one at a time, and about 1 ms each when
many are given at once. Weights that are stored as octets are expanded when they are read.

Source: "Moonshine: Speech Recognition for Live Transcription and Voice Commands" (Jeffries et al.,
2024, arXiv 2410.15608); moonshine-ai/moonshine (MIT), the model tiny-en."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from callbridge.speech import ort_file
from callbridge.speech.ort_file import OrtGraph
from callbridge.speech.silero import Floats

BEGIN, END = 1, 2  # tokens around every text
SHORTEST = 1600  # samples at 16 kHz; less makes no frame

_WIDTH = 288
_LAYERS = 6
_HEADS, _HEAD = 8, 36
_ROTATED = 32  # of each head: the part that knows about positions
_HIDDEN = 1152  # of a layer's two products
_GIVEN = "else_branch"  # of the decoder's file: the one that has all weights
_EPSILON = np.float32(1e-5)
_ONE, _HALF = np.float32(1), np.float32(0.5)
_MASKED = np.float32(-1e9)
_SCALE = np.float32(_HEAD**-0.5)
_MATRICES = ("DynamicQuantizeMatMul", "MatMulIntegerToFloat")


@dataclass(frozen=True, slots=True)
class EncodedSound:
    """An utterance as the decoder looks at it: keys and values for each of its layers."""

    layers: list[tuple[Floats, Floats]]


@dataclass(frozen=True, slots=True)
class TokensSoFar:
    """The tokens that the decoder was given so far: keys and values for each of its layers."""

    layers: list[tuple[Floats, Floats]]

    def __len__(self) -> int:
        keys, _ = self.layers[0]
        return int(keys.shape[2])

    def until(self, length: int) -> "TokensSoFar":
        """Without the tokens from there on."""
        return TokensSoFar(
            [(keys[:, :, :length], values[:, :length]) for keys, values in self.layers]
        )


NOTHING = TokensSoFar(
    [(np.zeros((_HEADS, _HEAD, 0), np.float32), np.zeros((_HEADS, 0, _HEAD), np.float32))] * _LAYERS
)


class Encoder:
    """Sound → what is in it, 42 rows a second."""

    def __init__(self, graph: OrtGraph) -> None:
        """Raises KeyError or ValueError when it is not the model's."""
        tensors, nodes = graph.tensors, graph.nodes

        def kernel(name: str) -> Floats:
            """(outputs, inputs, width) → (width x inputs, outputs)"""
            weights: Floats = tensors[f"{name}.weight_add_tensor"]
            rows: Floats = weights.transpose(2, 1, 0).reshape(-1, len(weights))
            contiguous: Floats = np.ascontiguousarray(rows)
            return contiguous

        self._kernels = [kernel(name) for name in ("conv1", "conv2", "conv3")]
        self._biases = [tensors[f"{name}.bias"] for name in ("conv2", "conv3")]
        self._group_weight = tensors[nodes["/groupnorm/Mul_output_0"].inputs[1]].reshape(-1)
        self._group_bias = tensors[nodes["/groupnorm/Add_output_0"].inputs[1]].reshape(-1)
        self._layers = [
            _EncoderLayer(
                tensors[f"layers.{n}.input_layernorm.weight"],
                _attention_weights(graph, f"/layers.{n}/self_attn"),
                _weights(graph, f"/layers.{n}/self_attn/o_proj/MatMul_output_0"),
                tensors[f"layers.{n}.post_attention_layernorm.weight"],
                _weights(graph, f"/layers.{n}/mlp/fc1/Add_output_0"),
                tensors[f"layers.{n}.mlp.fc1.bias"],
                _weights(graph, f"/layers.{n}/mlp/fc2/Add_output_0"),
                tensors[f"layers.{n}.mlp.fc2.bias"],
            )
            for n in range(_LAYERS)
        ]
        self._norm = tensors["layer_norm.weight"]

    def encode(self, samples: Floats) -> Floats:
        """(n,) in ±1 at 16 kHz, SHORTEST or more → (frames, 288)."""
        rows = self._front(samples)
        turns = _rotations(np.arange(len(rows)))
        for layer in self._layers:
            layer.apply(rows, turns)
        return _normed(rows, self._norm)

    def _front(self, samples: Floats) -> Floats:
        rows: Floats = np.tanh(_windows(samples[:, None], 127, 64) @ self._kernels[0])
        rows -= rows.mean()
        deviation = np.sqrt(np.square(rows).mean() + _EPSILON)
        rows *= self._group_weight / deviation
        rows += self._group_bias
        for kernel, bias, (width, step) in zip(
            self._kernels[1:], self._biases, ((7, 3), (3, 2)), strict=True
        ):
            rows = _windows(rows, width, step) @ kernel
            rows += bias
            _gelu(rows)
        return rows


@dataclass(frozen=True, slots=True)
class _EncoderLayer:
    norm: Floats
    attention: Floats  # queries, keys and values
    attended: Floats
    norm_after: Floats
    wider: Floats
    wider_bias: Floats
    narrower: Floats
    narrower_bias: Floats

    def apply(self, rows: Floats, turns: tuple[Floats, Floats]) -> None:
        """Changes (frames, 288)."""
        queries, keys, values = _heads(_normed(rows, self.norm) @ self.attention, turns)
        rows += _attended(queries, keys, values) @ self.attended
        wide = _normed(rows, self.norm_after) @ self.wider
        wide += self.wider_bias
        _gelu(wide)
        rows += wide @ self.narrower
        rows += self.narrower_bias


class Decoder:
    """What was heard, and the tokens so far → how likely each token is next."""

    def __init__(self, graph: OrtGraph) -> None:
        """Raises KeyError or ValueError when it is not the model's."""
        given = graph.branches[_GIVEN]
        tensors = given.tensors
        name = "model.decoder.embed_tokens.weight_merged_0"
        self._embedding = tensors[f"{name}_quantized"]
        self._embedding_scale = np.float32(tensors[f"{name}_scale"])
        self._embedding_zero = np.float32(tensors[f"{name}_zero_point"])
        self._layers = [_decoder_layer(given, n) for n in range(_LAYERS)]
        self._norm = tensors["model.decoder.norm.weight_merged_0"]
        # A row per token: numpy's product of few rows with many columns would copy all columns.
        self._tokens = np.ascontiguousarray(_weights(given, "logits").T)
        heard = [
            _weights(given, f"/model/decoder/layers.{n}/encoder_attn/{part}_proj/MatMul_output_0")
            for n in range(_LAYERS)
            for part in "kv"
        ]
        self._hearing = np.ascontiguousarray(np.concatenate(heard, axis=1))

    def hear(self, encoded: Floats) -> EncodedSound:
        """Of the encoder's (frames, 288)."""
        parts = (encoded @ self._hearing).reshape(len(encoded), _LAYERS, 2, _HEADS, _HEAD)
        return EncodedSound(
            [
                (
                    np.ascontiguousarray(parts[:, n, 0].transpose(1, 2, 0)),
                    np.ascontiguousarray(parts[:, n, 1].transpose(1, 0, 2)),
                )
                for n in range(_LAYERS)
            ]
        )

    def read(
        self,
        heard: EncodedSound,
        past: TokensSoFar,
        tokens: list[int],
        *,
        positions: list[int] | None = None,
        visible: NDArray[np.bool_] | None = None,
    ) -> tuple[Floats, TokensSoFar]:
        """(tokens, 32768) scores of what follows each of the tokens, and the past with them.

        They follow the past in a row, unless `positions` says where each stands, and `visible`
        (tokens, past and tokens) which it may look at: texts side by side."""
        count, before = len(tokens), len(past)
        at = np.arange(before, before + count) if positions is None else np.array(positions)
        if visible is None:
            visible = np.arange(before + count)[None] <= at[:, None]
        hidden = np.where(visible, np.float32(0), _MASKED)
        turns = _rotations(at)
        rows = (self._embedding[tokens] - self._embedding_zero) * self._embedding_scale
        layers = [
            layer.apply(rows, turns, hidden, kept, sound)
            for layer, kept, sound in zip(self._layers, past.layers, heard.layers, strict=True)
        ]
        return (self._tokens @ _normed(rows, self._norm).T).T, TokensSoFar(layers)


def _decoder_layer(graph: OrtGraph, n: int) -> "_DecoderLayer":
    def norm(name: str) -> Floats:
        return graph.tensors[f"model.decoder.layers.{n}.{name}.weight_merged_0"]

    def bias(name: str) -> Floats:
        return graph.tensors[f"model.decoder.layers.{n}.mlp.{name}.bias_merged_0"]

    path = f"/model/decoder/layers.{n}"
    return _DecoderLayer(
        norm("input_layernorm"),
        _attention_weights(graph, f"{path}/self_attn"),
        _weights(graph, f"{path}/self_attn/o_proj/MatMul_output_0"),
        norm("post_attention_layernorm"),
        _weights(graph, f"{path}/encoder_attn/q_proj/MatMul_output_0") * _SCALE,
        _weights(graph, f"{path}/encoder_attn/o_proj/MatMul_output_0"),
        norm("final_layernorm"),
        _weights(graph, f"{path}/mlp/fc1/Add_output_0"),
        bias("fc1"),
        _weights(graph, f"{path}/mlp/fc2/Add_output_0"),
        bias("fc2"),
    )


@dataclass(frozen=True, slots=True)
class _DecoderLayer:
    norm: Floats
    attention: Floats  # queries, keys and values
    attended: Floats
    norm_heard: Floats
    asking: Floats
    answered: Floats
    norm_after: Floats
    wider: Floats
    wider_bias: Floats
    narrower: Floats
    narrower_bias: Floats

    def apply(
        self,
        rows: Floats,
        turns: tuple[Floats, Floats],
        hidden: Floats,
        past: tuple[Floats, Floats],
        sound: tuple[Floats, Floats],
    ) -> tuple[Floats, Floats]:
        """Changes (tokens, 288); returns the past with them."""
        queries, keys, values = _heads(_normed(rows, self.norm) @ self.attention, turns)
        keys = np.concatenate((past[0], keys), axis=2)
        values = np.concatenate((past[1], values), axis=1)
        rows += _attended(queries, keys, values, hidden) @ self.attended
        asked = (_normed(rows, self.norm_heard) @ self.asking).reshape(-1, _HEADS, _HEAD)
        rows += _attended(asked.transpose(1, 0, 2), *sound) @ self.answered
        wide = _normed(rows, self.norm_after) @ self.wider
        wide += self.wider_bias
        gate = wide[:, _HIDDEN:]
        gate = gate / (_ONE + np.exp(-gate))
        gate *= wide[:, :_HIDDEN]
        rows += gate @ self.narrower
        rows += self.narrower_bias
        return keys, values


# ---- weights -------------------------------------------------------------------------------------


def _weights(graph: OrtGraph, output: str) -> Floats:
    """The matrix by which this output is made, (inputs, outputs)."""
    node = graph.nodes[output]
    if node.operator not in _MATRICES:
        raise ValueError(f"{output} is made by {node.operator}")
    name = node.inputs[1].removesuffix("_quantized")
    scale, zero = graph.tensors[f"{name}_scale"], graph.tensors[f"{name}_zero_point"]
    octets = graph.tensors[f"{name}_quantized"]
    expanded: Floats = (octets - np.float32(zero)) * np.float32(scale)
    return expanded


def _attention_weights(graph: OrtGraph, path: str) -> Floats:
    """Of queries, which are scaled with them, keys and values."""
    parts = [_weights(graph, f"{path}/{part}_proj/MatMul_output_0") for part in "qkv"]
    parts[0] *= _SCALE
    return np.ascontiguousarray(np.concatenate(parts, axis=1))


# ---- arithmetic ----------------------------------------------------------------------------------


def _windows(rows: Floats, width: int, step: int) -> Floats:
    """Each `step` rows the next `width` of them, in a row."""
    times, channels = rows.shape
    count = (times - width) // step + 1
    size = rows.itemsize
    overlapping = np.ndarray(
        (count, width * channels), np.float32, np.ascontiguousarray(rows),
        strides=(step * channels * size, size),
    )  # fmt: skip
    return np.ascontiguousarray(overlapping)


def _normed(rows: Floats, weight: Floats) -> Floats:
    """Each row with mean 0 and deviation 1, then weighted."""
    normed: Floats = rows - rows.mean(axis=1, keepdims=True)
    variance = np.square(normed).mean(axis=1, keepdims=True)
    normed /= np.sqrt(variance + _EPSILON)
    normed *= weight
    return normed


def _gelu(rows: Floats) -> None:
    """In place, by the tanh that is within 0.001 of it."""
    bent = rows * rows
    bent *= np.float32(0.044715)
    bent += _ONE
    bent *= rows
    bent *= np.float32(np.sqrt(2 / np.pi))
    np.tanh(bent, out=bent)
    bent += _ONE
    bent *= _HALF
    rows *= bent


def _rotations(positions: NDArray[np.int_]) -> tuple[Floats, Floats]:
    """Cosine and sine for each position and pair of a head's values."""
    pairs = np.arange(0, _ROTATED, 2, dtype=np.float32) / np.float32(_ROTATED)
    angles = positions[:, None, None].astype(np.float32) * np.float32(10_000) ** -pairs
    return np.cos(angles), np.sin(angles)


def _heads(rows: Floats, turns: tuple[Floats, Floats]) -> tuple[Floats, Floats, Floats]:
    """Queries (heads, rows, 36), keys (heads, 36, rows), values (heads, rows, 36)."""
    queries, keys, values = rows.reshape(len(rows), 3, _HEADS, _HEAD).transpose(1, 0, 2, 3)
    _rotate(queries, turns)
    _rotate(keys, turns)
    return queries.transpose(1, 0, 2), keys.transpose(1, 2, 0), values.transpose(1, 0, 2)


def _rotate(heads: Floats, turns: tuple[Floats, Floats]) -> None:
    cosine, sine = turns
    even, odd = heads[..., 0:_ROTATED:2], heads[..., 1:_ROTATED:2]
    rotated = even * cosine - odd * sine
    odd *= cosine
    odd += even * sine
    even[...] = rotated


def _attended(
    queries: Floats, keys: Floats, values: Floats, hidden: Floats | None = None
) -> Floats:
    """(rows, 288): of the values, those whose keys the queries ask for."""
    weights: Floats = queries @ keys
    if hidden is not None:
        weights += hidden
    weights -= weights.max(axis=-1, keepdims=True)
    np.exp(weights, out=weights)
    weights /= weights.sum(axis=-1, keepdims=True)
    found: Floats = (weights @ values).transpose(1, 0, 2).reshape(-1, _WIDTH)
    return found


def read(folder: Path) -> tuple[Encoder, Decoder]:
    """Raises OSError, and KeyError or ValueError for what is not the model. Takes 0.3 s."""
    encoder = Encoder(ort_file.read((folder / "encoder_model.ort").read_bytes()))
    return encoder, Decoder(ort_file.read((folder / "decoder_model_merged.ort").read_bytes()))
