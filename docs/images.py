"""The pictures of the documentation, from a finished demo study: ``python docs/images.py demo/derivatives/reperfuse``.

Figures are those of the patients' pages. The pages themselves are shown by Chromium, without a network.
"""

import shutil
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

IMAGES = Path(__file__).with_name("images")

#: A figure of the results, by the name of its picture.
FIGURES = {
    "mismatch": "sub-02/figures/sub-02_ses-baseline_desc-perfusion_figure.png",
    "quality": "sub-02/figures/sub-02_ses-baseline_desc-quality_figure.png",
    "growth": "sub-02/figures/sub-02_ses-baseline_desc-growth_figure.png",
    "reflow": "sub-02/figures/sub-02_ses-post_desc-reflow_figure.png",
}
#: A page of the results and the height of it that is shown, px.
PAGES = {"page": ("sub-02.html", 1480), "study": ("group.html", 1190)}
WIDTH = 1400


def draw(results: Path) -> None:
    """Write all pictures."""
    for name, figure in FIGURES.items():
        shutil.copy(results / figure, IMAGES / f"{name}.png")
    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))))
    for name, (page, height) in PAGES.items():
        with TemporaryDirectory() as profile:
            words = [chromium, "--headless=new", "--no-sandbox", "--hide-scrollbars", f"--user-data-dir={profile}"]
            words += [f"--window-size={WIDTH},{height}", f"--screenshot={IMAGES / name}.png"]
            subprocess.run([*words, (results / page).resolve().as_uri()], check=True, capture_output=True)


if __name__ == "__main__":
    draw(Path(sys.argv[1]))
