"""Held-out logits -> temperatures and thresholds."""

from __future__ import annotations

import numpy as np
from scipy.optimize import minimize_scalar


def temperature(logits: np.ndarray, targets: np.ndarray) -> float:
    """The divisor that makes the logits most likely (Guo et al. 2017, "On Calibration of Modern Neural Networks")."""

    def loss(log_temperature: float) -> float:
        scaled = logits / np.exp(log_temperature)
        return float(np.mean(np.logaddexp(0, scaled) - targets * scaled))

    return float(np.exp(minimize_scalar(loss, bounds=(-3, 3), method="bounded").x))


def threshold(probabilities: np.ndarray, targets: np.ndarray, false_alarms: float) -> float:
    """The probability that the share false_alarms of the pictures without the label reaches; 0.1 to 0.9."""
    return float(np.clip(np.quantile(probabilities[targets == 0], 1 - false_alarms), 0.1, 0.9))
