"""How well ends are told from pauses, by language and line."""

from itertools import pairwise

import numpy as np
from benchmarks.endings.examples import Table
from benchmarks.endings.fit import auc, balance
from benchmarks.endings.material import FOLDERS, Kind
from numpy.typing import NDArray

from callbridge.speech.prosody import FloatArray

Row = dict[str, str | int]
Mask = NDArray[np.bool_]

OWN: tuple[Kind, ...] = ("pause", "fragment")
BINS = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)


def rows(known: Table, odds: FloatArray) -> list[Row]:
    """Of each language and line; the readings are too few for a row."""
    languages = np.array([each.place.language for each in known.examples])
    noisy = np.array([each.noisy for each in known.examples])
    everything = np.ones(len(languages), np.bool_)
    found: list[Row] = []
    for noise in (False, True):
        for language in (*FOLDERS, "all"):
            of_language = everything if language == "all" else languages == language
            row = _row(known, odds, of_language & (noisy == noise))
            found.append({"language": language, "line": "noise" if noise else "quiet", **row})
    return found


def _row(known: Table, odds: FloatArray, chosen: Mask) -> Row:
    kinds = np.array([each.place.kind for each in known.examples])
    ends = known.finished > 0
    cuts, own = kinds == "cut", np.isin(kinds, OWN)
    return {
        "ends": int((chosen & ends).sum()),
        "cuts": int((chosen & cuts).sum()),
        "AUC, cuts": _auc(ends, odds, chosen & (ends | cuts)),
        "log-loss, cuts": log_loss(known, odds, chosen & (ends | cuts)),
        "own pauses": int((chosen & own).sum()),
        "AUC, own pauses": _auc(ends, odds, chosen & (ends | own)),
        "log-loss, own pauses": log_loss(known, odds, chosen & (ends | own)),
    }


def _auc(ends: Mask, odds: FloatArray, chosen: Mask) -> str:
    return f"{auc(ends[chosen], odds[chosen]):.3f}"


def log_loss(known: Table, odds: FloatArray, chosen: Mask) -> str:
    """In nats, as if ends were as frequent as the rest: 0.693 is knowing nothing."""
    if not chosen.any():
        return "nan"
    loss = np.logaddexp(0, np.where(known.finished > 0, -odds, odds))[chosen]
    ends = known.finished[chosen] > 0
    means = [float(loss[side].mean()) for side in (ends, ~ends) if side.any()]
    return f"{sum(means) / len(means):.3f}"


def number_rows(known: Table, odds: FloatArray) -> list[Row]:
    """What is said of groups of digits, and of whole numbers."""
    said = 1 / (1 + np.exp(-odds))
    ends = known.finished > 0
    noisy = np.array([each.noisy for each in known.examples])
    return [
        {
            "line": "noise" if noise else "quiet",
            "numbers": int((ends & (noisy == noise)).sum()),
            "mean said": f"{float(said[ends & (noisy == noise)].mean()):.2f}",
            "groups": int((~ends & (noisy == noise)).sum()),
            "mean said of them": f"{float(said[~ends & (noisy == noise)].mean()):.2f}",
            "AUC": _auc(ends, odds, noisy == noise),
        }
        for noise in (False, True)
    ]


def calibration(known: Table, odds: FloatArray) -> list[Row]:
    """Of what was said to be so probable, how much was finished; weighed as in learning."""
    said = 1 / (1 + np.exp(-odds))
    counts = balance(known)
    found: list[Row] = []
    for low, high in pairwise(BINS):
        inside = (said >= low) & (said < high if high < 1 else said <= 1)
        if inside.any():
            weight = counts[inside]
            mean = float((said[inside] * weight).sum() / weight.sum())
            true = float((known.finished[inside] * weight).sum() / weight.sum())
            found.append(
                {"said": f"{low:.1f} to {high:.1f}", "examples": int(inside.sum()),
                 "mean said": f"{mean:.2f}", "were so": f"{true:.2f}"}
            )  # fmt: skip
    return found
