"""Fixtures that more than one test module uses."""

import os
from pathlib import Path

import pytest
from running import ROOT, Demo, snakemake


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Demo:
    """The demo study, run by the command of the README; takes some minutes.

    Tests that use it carry ``pytest.mark.xdist_group("demo")``, so that one worker runs them all.
    """
    folder = tmp_path_factory.mktemp("demo run")
    return Demo(folder, snakemake(folder))


@pytest.fixture(scope="session")
def external_data() -> Path:
    """Folder of the testing data that is not part of this repository."""
    folder = Path(os.environ.get("REPERFUSE_TEST_DATA", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"needs testing data that is not part of this repository ({folder}); see REPERFUSE_TEST_DATA")
    return folder
