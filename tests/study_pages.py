"""A study's finished tables and figures, small enough to write by hand, and its page."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from reperfuse.files.sidecars import sidecar_path, write_json
from reperfuse.reports.figures import save
from reperfuse.reports.montage import Row, montage
from reperfuse.reports.study import render_study
from reperfuse.study import options
from reperfuse.study.dictionaries import table_dictionaries
from reperfuse.study.yaml_lines import read_yaml

DICTIONARIES = table_dictionaries(options.TABLES, read_yaml(options.CRITERIA), {})
LIMITS = options.defaults("quality")
Rows = Sequence[Mapping[str, str]]


def write_table(path: Path, columns: Sequence[str], rows: Rows) -> Path:
    """Write a table; a row has ``n/a`` where it has no value."""
    lines = ["\t".join(columns), *("\t".join(row.get(column, "n/a") for column in columns) for row in rows)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def draw(path: Path, size: tuple[int, int], grain: int = 4, **sidecar: Any) -> Path:
    """Write a picture of noise with grains of so many pixels, and its sidecar."""
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(0).integers(0, 255, (-(-size[1] // grain), -(-size[0] // grain), 3), dtype=np.uint8)
    Image.fromarray(noise).resize(size, Image.Resampling.NEAREST).save(path)
    write_json(sidecar_path(path), sidecar)
    return path


def draw_maps(path: Path, values: Sequence[float], noise: float = 0.0) -> Path:
    """Draw a figure of a head in which every map has one grey, and noise."""
    brain = np.zeros((64, 80, 20), bool)
    brain[3:-3, 3:-3] = True
    grain = np.random.default_rng(0).normal(0, noise, brain.shape)
    rows = [Row("a map", "", np.where(brain, value + grain, np.nan), (0, 1)) for value in values]
    path.parent.mkdir(parents=True, exist_ok=True)
    save(montage("title", rows, np.diag([3.0, 3, 6, 1]), brain), path)
    return path


def write_paper(folder: Path, table: Rows, **more: Any) -> tuple[Path, Path]:
    """Write the table ``nihss`` of a paper with a figure of it, and return the folders of both."""
    tables, figures = folder / "tables", folder / "figures"
    tables.mkdir()
    write_table(tables / "nihss.tsv", list(table[0]), table)
    write_table(tables / "mrs.tsv", ["outcome"], [])
    (tables / "nihss.json").write_text(json.dumps({"Description": "Deficit and IMR", **more}), encoding="utf-8")
    draw(figures / "nihss_imr.png", (669, 600), Description="Points of deficit", AlternativeText="points of 33")
    return tables, figures


def render(
    folder: Path,
    patients: Rows = (),
    sessions: Rows = (),
    failures: Rows = (),
    *,
    ratings: Rows = (),
    name: str = "",
    statistics: tuple[Path, Path] | None = None,
    figures: Sequence[Path] = (),
    has_pages: bool = True,
) -> str:
    """Write a study's tables to a folder and return its page."""
    files = [
        write_table(folder / f"{table}.tsv", list(DICTIONARIES[table]), rows)
        for table, rows in (("sessions", sessions), ("patients", patients), ("failures", failures))
    ]
    rated = write_table(folder / "ratings.tsv", list(DICTIONARIES["ratings"]), ratings)
    return render_study(
        *files,
        ratings=rated,
        name=name,
        statistics=statistics or (folder / "tables", folder / "figures"),
        dictionaries=DICTIONARIES,
        limits=LIMITS,
        figures=figures,
        has_pages=has_pages,
        version="0.1.0",
    )
