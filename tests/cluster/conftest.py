import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from cluster.single_node import SingleNode, why_not


@pytest.fixture(scope="session")
def slurm() -> Iterator[SingleNode]:
    """A real Slurm of one node; a test that asks for it is skipped where there can be none."""
    pytest.importorskip("snakemake_executor_plugin_slurm", reason='needs pip install ".[cluster]"')
    reason = why_not()
    if reason:
        pytest.skip(reason)
    # a socket's path is short, and nobody else may write to its folder
    folder = Path(tempfile.mkdtemp(prefix="slurm-", dir="/run"))
    node = SingleNode(folder)
    yield node
    node.stop()
    shutil.rmtree(folder, ignore_errors=True)
