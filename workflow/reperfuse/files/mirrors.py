"""The file of a head's mirror plane."""

from pathlib import Path

import numpy as np

from reperfuse.files.sidecars import read_sidecar
from reperfuse.head.mirror import Mirror, reflection_matrix


def load_mirror(path: str | Path) -> Mirror:
    """Read the plane that `ExtractBrain` wrote."""
    content = read_sidecar(path)
    normal = np.array(content["Normal"])
    matrix = reflection_matrix(normal, content["OffsetMm"])
    return Mirror(normal, content["OffsetMm"], matrix, content["Quality"], content.get("Doubt", ""))
