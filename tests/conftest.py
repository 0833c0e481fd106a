"""Fixtures that more than one test module uses."""

import dataclasses
import os
from pathlib import Path

import pytest
from reperfuse.simulation.study import DEMO_PATIENTS, TINY, simulate_study
from running import ROOT, Demo, Small, contents, snakemake, study_config

# a test's own processes run this tree too, whichever copy is installed
os.environ["PYTHONPATH"] = os.pathsep.join([str(ROOT / "workflow"), *filter(None, [os.environ.get("PYTHONPATH")])])
# at every call, Snakemake's plugin asks a Slurm how it is set up, and waits 9 s for one that is set up but does not run
os.environ["SLURM_CONF"] = os.devnull


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the tests of a group: the longest runs are theirs, and one begun last leaves the other worker idle."""
    items.sort(key=lambda item: item.get_closest_marker("xdist_group") is None)


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Demo:
    """The demo study, run by the command of the README; takes some minutes.

    Tests that use it carry ``pytest.mark.xdist_group("demo")``, so that one worker runs them all.
    """
    folder = tmp_path_factory.mktemp("demo run")
    return Demo(folder, snakemake(folder))


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study of one patient with two sessions of tiny scans, which nobody changes; some seconds.

    Tests that use it carry ``pytest.mark.xdist_group("small")``.
    """
    # spaces and letters that are not ASCII, as users' folders have them
    folder = tmp_path_factory.mktemp("kleine Stüdie")
    patient = dataclasses.replace(DEMO_PATIENTS[0], scans={"baseline": ("dsc", "dwi"), "followup": ("dwi",)})
    return simulate_study(folder / "the study", [patient], TINY)


@pytest.fixture(scope="session")
def small(tiny: Path) -> Small:
    """The tiny study, run once; half a minute.

    Tests that use it carry ``pytest.mark.xdist_group("small")``. Their own runs start in a folder beside ``whole``.
    """
    study, folder = tiny, tiny.parent
    (folder / "whole").mkdir()
    config = study_config(study)
    run = snakemake(folder / "whole", config=config, cores=1)
    assert run.status == 0, run.output[-3000:]
    return Small(study, config, contents(folder / "whole" / "out"), run.output)


@pytest.fixture(scope="session")
def external_data() -> Path:
    """Folder of the testing data that is not part of this repository."""
    folder = Path(os.environ.get("REPERFUSE_TEST_DATA", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"needs testing data that is not part of this repository ({folder}); see REPERFUSE_TEST_DATA")
    return folder
