"""The small picture of each patient."""

from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image
from reperfuse.reports.thumbnails import choose_figure, thumbnail
from study_pages import draw, draw_maps


def read(content: bytes) -> np.ndarray:
    return np.asarray(Image.open(BytesIO(content)).convert("RGB")).astype(int)


def test_it_shows_the_first_two_maps_and_nothing_around_them(tmp_path: Path) -> None:
    pixels = read(thumbnail(draw_maps(tmp_path / "a.png", [0.4, 0.8, 1.0])))
    tall, wide = pixels.shape[:2]
    assert wide == 300
    for row, grey in ((tall // 4, 0.4), (3 * tall // 4, 0.8)):
        for slice_number in range(4):
            centre = pixels[row, wide * (2 * slice_number + 1) // 8]
            assert np.abs(centre - 255 * grey).max() < 8
    assert pixels.max() < 255 * 0.9, "nothing of the third map, and no words"


def test_a_figure_of_one_map_is_enough(tmp_path: Path) -> None:
    pixels = read(thumbnail(draw_maps(tmp_path / "a.png", [0.6])))
    assert abs(pixels[pixels.shape[0] // 2, 300 // 8].mean() - 255 * 0.6) < 8


def test_it_is_never_larger_than_15_kb(tmp_path: Path) -> None:
    assert len(thumbnail(draw(tmp_path / "noise.png", (1408, 1040), grain=1))) <= 15_000


def test_the_best_figure_of_the_first_session_is_chosen(tmp_path: Path) -> None:
    def add(session: str, what: str, **sidecar) -> None:
        draw(tmp_path / f"sub-1_{session}_desc-{what}_figure.png", (8, 8), **sidecar)

    def chosen() -> str | None:
        path = choose_figure(tmp_path, "sub-1", ["ses-b", "ses-a"])
        return path.name if path else None

    assert chosen() is None
    add("ses-b", "quality")
    add("ses-b", "perfusion", Reasons=["no bolus"])
    assert chosen() is None, "what could not be drawn shows nothing"
    add("ses-a", "perfusion")
    assert chosen() == "sub-1_ses-a_desc-perfusion_figure.png"
    add("ses-b", "diffusion")
    assert chosen() == "sub-1_ses-b_desc-diffusion_figure.png"
