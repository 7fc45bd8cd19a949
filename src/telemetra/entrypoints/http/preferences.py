"""What a client prefers: the weights in its lists of codings and of media types (RFC 9110, section 12.4.2)."""

from __future__ import annotations

import math
from collections.abc import Iterable


def weight_among(parameters: Iterable[bytes]) -> float:
    """Return the `q` among these, from 0 to 1; what is no number counts as 1, as if it were not there."""
    for parameter in parameters:
        if parameter.startswith(b"q="):
            try:
                weight = float(parameter[2:])
            except ValueError:
                return 1.0
            # `nan` compares with nothing, and would hide the weights of others.
            return 1.0 if math.isnan(weight) else min(max(weight, 0.0), 1.0)
    return 1.0
