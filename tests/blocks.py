"""The blocks of code in the documentation: each is run, checked, or named with the reason why it is not."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "config" / "README.md"]
PAGES += sorted(path for path in (ROOT / "docs").rglob("*.md") if "_build" not in path.parts)

#: What is done with a block, by its language; a block of another language is a fault of the page.
DONE = {
    "bash": "run",
    "python": "run",
    "yaml": "checked",
    "json": "checked",
    "console": "named",
    "text": "no command",
}

#: Blocks that are not run, by page and first line, with the reason.
NOT_RUN = {
    ("docs/how-to/cluster.md", '$ pip install -c envs/constraints.txt -e ".[cluster]"'): "needs a cluster",
    (
        "docs/how-to/cluster.md",
        "$ snakemake --profile profiles/slurm --workflow-profile profiles/cluster-generic --configfile study.yaml",
    ): "needs a cluster",
    ("docs/how-to/dicom.md", "$ mkdir -p converted"): "needs DICOM files and dcm2niix",
    ("docs/how-to/dicom.md", "$ mkdir -p /data/study/sub-01/ses-baseline/perf"): "needs what dcm2niix wrote",
    ("docs/how-to/isles24.md", "$ cd isles24/train"): "needs ISLES'24, 99 GB",
    ("docs/how-to/exclude.md", "$ mkdir -p /data/study/sourcedata/left_out"): "changes the study",
}

_FENCE = re.compile(r"^```([^\n`]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Block:
    """A block of code.

    Attributes
    ----------
    page : str
        Path of the page, below the root of the repository.
    line : int
        Number of the line it begins after.
    language : str
    text : str
    """

    page: str
    line: int
    language: str
    text: str

    @property
    def name(self) -> str:
        """Where it is, for a test's name."""
        return f"{self.page}:{self.line}"

    @property
    def key(self) -> tuple[str, str]:
        """Page and first line."""
        return self.page, self.text.partition("\n")[0]


def blocks(*languages: str) -> list[Block]:
    """Return the blocks of some languages, or all, in the order of the pages; directives are none."""
    return [block for page in PAGES for block in _of(page) if not languages or block.language in languages]


def _of(page: Path) -> Iterator[Block]:
    text = page.read_text(encoding="utf-8")
    for found in _FENCE.finditer(text):
        if not found[1].startswith("{"):
            yield Block(
                page.relative_to(ROOT).as_posix(), text.count("\n", 0, found.start()) + 1, found[1].strip(), found[2]
            )
