"""Learning the weights: numpy alone, all of the examples at each step, the same each time."""

import numpy as np
from benchmarks.endings.examples import Table
from numpy.typing import NDArray

from callbridge.speech.prosody import FloatArray, Weights

Doubles = NDArray[np.float64]

HIDDEN = 8
STEPS, RATE_OF_LEARNING = 600, 0.02
DECAY = 0.02  # of all weights
NATURAL = 4.0  # how much a pause of the speaker's own counts against a cut


def balance(table: Table) -> Doubles:
    """What each example counts: ends and the rest alike in every language, natural pauses more."""
    counts = np.array([1.0 if each.place.kind == "cut" else NATURAL for each in table.examples])
    languages = np.array([each.place.language for each in table.examples])
    for language in set(languages.tolist()):
        for finished in (0, 1):
            group = (languages == language) & (table.finished == finished)
            if group.any():
                counts[group] /= counts[group].sum()
        counts[languages == language] *= (languages == language).sum()
    mean = float(counts.mean())
    return np.asarray(counts / mean, np.float64)


def fit(
    table: Table, *, hidden: int = HIDDEN, seed: int = 0, steps: int = STEPS, decay: float = DECAY
) -> Weights:
    """Adam on the log-loss."""
    counts = balance(table)
    mean, deviation = table.traits.mean(axis=0), table.traits.std(axis=0) + 1e-3
    z = np.clip((table.traits - mean) / deviation, -4, 4).astype(np.float64)
    chance = np.random.default_rng(seed)
    width = z.shape[1]
    w = {
        "direct": np.zeros(width),
        "hidden": chance.normal(0, 0.3 / np.sqrt(width), (width, hidden)),
        "shift": np.zeros(hidden),
        "out": chance.normal(0, 0.3, hidden),
        "bias": np.zeros(1),
    }
    first = {name: np.zeros_like(value) for name, value in w.items()}
    second = {name: np.zeros_like(value) for name, value in w.items()}
    for step in range(1, steps + 1):
        for name, slope in _slopes(w, z, table.finished, counts, decay).items():
            first[name] = 0.9 * first[name] + 0.1 * slope
            second[name] = 0.999 * second[name] + 0.001 * slope**2
            at = first[name] / (1 - 0.9**step), second[name] / (1 - 0.999**step)
            w[name] -= RATE_OF_LEARNING * (1 - step / steps) * at[0] / (np.sqrt(at[1]) + 1e-8)
    bias = float(w.pop("bias")[0])
    arrays = {name: np.asarray(value, np.float32) for name, value in w.items()}
    return Weights(mean, deviation, **arrays, bias=bias)


def _slopes(
    w: dict[str, Doubles], z: Doubles, finished: FloatArray, counts: Doubles, decay: float
) -> dict[str, Doubles]:
    inner = np.tanh(z @ w["hidden"] + w["shift"])
    odds = z @ w["direct"] + inner @ w["out"] + w["bias"]
    wrong = (1 / (1 + np.exp(-odds)) - finished) * counts / len(z)
    back = np.outer(wrong, w["out"]) * (1 - inner**2)
    return {
        "direct": z.T @ wrong + decay * w["direct"],
        "hidden": z.T @ back + decay * w["hidden"],
        "shift": back.sum(axis=0),
        "out": inner.T @ wrong + decay * w["out"],
        "bias": wrong.sum(keepdims=True),
    }


def auc(finished: NDArray[np.bool_], scores: FloatArray) -> float:
    """How often an end has a higher score than something else has."""
    order = scores.argsort(kind="stable")
    _, inverse, counts = np.unique(scores[order], return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    ranks = (ends - (counts - 1) / 2)[inverse]
    positive = finished[order]
    n, m = int(positive.sum()), int((~positive).sum())
    if not n or not m:
        return float("nan")
    return float((ranks[positive].sum() - n * (n + 1) / 2) / (n * m))
