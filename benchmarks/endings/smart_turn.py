"""smart-turn's network beside ours, if its wheel is installed: weights and spectrum of `pipecat-ai`
(BSD-2), on `onnxruntime`. Nothing of it is part of this repository."""

import importlib
import importlib.util
from pathlib import Path
from typing import Any

import numpy as np

from telecodecs import Pcm, resample

MODEL = "audio/turn/smart_turn/data/smart-turn-v3.2-cpu.onnx"
FEATURES = "audio/turn/smart_turn/_whisper_features.py"
RATE, LOOKED_AT_S = 16000, 8


class SmartTurn:
    def __init__(self) -> None:
        """Raises ModuleNotFoundError without the wheels."""
        onnxruntime: Any = importlib.import_module("onnxruntime")
        folder = _wheel()
        # The package itself would import what its other parts need.
        spec = importlib.util.spec_from_file_location("smart_turn_features", folder / FEATURES)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        self._features: Any = module.compute_whisper_log_mel_features
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self._session: Any = onnxruntime.InferenceSession(str(folder / MODEL), options)

    def finished(self, pcm: Pcm, sample_rate: int = 8000) -> float:
        wave = resample(pcm, sample_rate, RATE)[-LOOKED_AT_S * RATE :].astype(np.float32) / 32768
        padded = np.pad(wave, (LOOKED_AT_S * RATE - len(wave), 0))
        features = self._features(padded, do_normalize=True)[None]
        return float(self._session.run(None, {"input_features": features})[0].reshape(-1)[0])


def _wheel() -> Path:
    spec = importlib.util.find_spec("pipecat")
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError("pipecat")
    return Path(spec.origin).parent
