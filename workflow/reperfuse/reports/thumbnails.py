"""A small picture of each patient, taken from the figures there are."""

from collections.abc import Sequence
from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from reperfuse.files import sidecars
from reperfuse.reports.montage import DARK, HEAD, LABEL, PANEL, WIDTH
from reperfuse.reports.slices import N_SLICES

#: A picture's figure, the best first.
_SHOWN = ("perfusion", "diffusion", "flair")
#: The middle slices and the first maps of a figure.
_SLICES, _ROWS = 4, 2
#: A picture is as wide as it may be within this size (pixels, bytes).
_WIDTHS, _MOST_BYTES = (300, 240, 180, 120, 60), 15_000
_COLOURS = 64
#: How far a palette's dark may be from the ground of a figure, of 255.
_SAME = 6


def choose_figure(figures: Path, participant: str, sessions: Sequence[str]) -> Path | None:
    """Return the figure that shows a patient best, of the sessions in their order; None if none could be drawn."""
    for session in sessions:
        for what in _SHOWN:
            path = figures / f"{participant}_{session}_desc-{what}_figure.png"
            if path.is_file() and not sidecars.reasons(path):
                return path
    return None


def thumbnail(figure: Path) -> bytes:
    """Return the middle slices of a figure's first maps as a small PNG.

    Parameters
    ----------
    figure : path
        A PNG that `reperfuse.reports.montage.montage` drew.

    Returns
    -------
    bytes
        At most 15 kB.
    """
    from PIL import Image

    with Image.open(figure) as drawn:
        whole = drawn.convert("RGB")
    scale = whole.width / WIDTH
    left = LABEL + PANEL * (N_SLICES - _SLICES) / 2
    first, last, top = (round(scale * edge) for edge in (left, left + _SLICES * PANEL, HEAD))
    part = whole.crop((first, top, last, whole.height))
    part = part.crop((0, 0, part.width, _end_of_rows(np.asarray(part))))
    for width in _WIDTHS:
        height = max(1, round(part.height * width / part.width))
        small = part.resize((width, height), Image.Resampling.BOX).quantize(_COLOURS, dither=Image.Dither.NONE)
        content = BytesIO()
        small.save(content, "PNG", optimize=True)
        if content.tell() <= _MOST_BYTES:
            break
    return content.getvalue()


def _end_of_rows(pixels: NDArray[np.uint8]) -> int:
    """Return where the second row of maps ends: at the second gap that shows nothing but the figure's ground."""
    ground = np.array([int(DARK[place : place + 2], 16) for place in (1, 3, 5)])
    is_gap = (np.abs(pixels.astype(int) - ground) <= _SAME).all(axis=(1, 2))
    ends = np.flatnonzero(~is_gap[:-1] & is_gap[1:]) + 1
    return int(ends[min(_ROWS, len(ends)) - 1]) if len(ends) else len(pixels)
