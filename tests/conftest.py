"""Fixtures shared by all tests."""

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def external_data() -> Path:
    """Folder of testing data that is not part of the repository."""
    default = Path(__file__).resolve().parents[2] / "shared" / "data"
    folder = Path(os.environ.get("REPERFUSE_TEST_DATA", default))
    if not folder.is_dir():
        pytest.skip(f"no testing data at {folder} (set REPERFUSE_TEST_DATA)")
    return folder
