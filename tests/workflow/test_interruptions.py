"""A run may be killed, doubled, or run out of disk: what is there is whole, and the same command finishes the rest."""

import os
import random
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from reperfuse.study.results import claim
from running import Small, command, contents, differences, snakemake

pytestmark = pytest.mark.xdist_group("small")


#: Other than those of the run that the results are compared with.
SURROUNDINGS = {"LC_ALL": "C", "LANG": "C", "TZ": "Pacific/Kiritimati", "PYTHONHASHSEED": "7"}


def test_killed_five_times_and_moved_it_finishes_with_the_same_results(small: Small, tmp_path: Path) -> None:
    """Nor does a byte depend on cores, locale, time zone, hash seed and the folder that the command is given in.

    Snakemake alone is killed, so that its job goes on for a while, or all at once, as in a power cut. After the third
    time the results, of which some are there, are moved.
    """
    environment = dict(os.environ) | SURROUNDINGS
    place, moments = small.study.parent / "killed", random.Random(8)
    for number in range(5):
        process = subprocess.Popen(
            command(config=(*small.config[:2], f"output_dir={place}"), cores=1),
            cwd=tmp_path,
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        time.sleep(moments.uniform(2.5, 9.0))
        while number == 2 and process.poll() is None and not list(place.rglob("sub-01/*/*/*.nii.gz")):
            time.sleep(0.2)
        if number % 2:
            process.kill()
        else:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        if number == 2:
            place = place.rename(place.with_name("killed and moved"))
    config = (*small.config[:2], f"output_dir={place}")
    run = snakemake(tmp_path, config=config, cores=2, environment=environment)
    assert run.status == 0, run.output[-3000:]
    assert not place.with_name("killed").exists()
    # the way from the results to the study differs, nothing else
    assert differences(small.results, contents(place)) == ["dataset_description.json"]
    assert "Nothing to be done" in snakemake(tmp_path, "-n", config=config).output


def test_a_second_run_on_the_same_results_is_told_so(small: Small, tmp_path: Path) -> None:
    """Even one started elsewhere, where Snakemake itself does not see the first."""
    claim(tmp_path / "out")
    run = snakemake(tmp_path, "group", config=small.config)
    assert run.status != 0
    assert f"another run is at work in {tmp_path / 'out'}" in run.output
    assert not (tmp_path / "out" / "group").exists()


def test_a_dry_run_writes_nothing(small: Small, tmp_path: Path) -> None:
    run = snakemake(tmp_path, "-n", config=small.config)
    assert "prepare_perfusion" in run.jobs
    assert not (tmp_path / "out").exists()


def test_tables_over_what_is_complete_list_the_rest(small: Small, tmp_path: Path) -> None:
    run = snakemake(tmp_path, "group", config=(*small.config, "group_over=complete"), cores=1)
    assert run.status == 0, run.output[-3000:]
    failures = (tmp_path / "out" / "group" / "failures.tsv").read_text().splitlines()
    assert "sub-01\tn/a\tpatient\tnot finished; start the run again to finish it" in failures
    assert len((tmp_path / "out" / "group" / "sessions.tsv").read_text().splitlines()) == 1


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own, of 100 kB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=100k", "tmpfs", str(disk)]
    if subprocess.run(mount, check=False, capture_output=True).returncode != 0:
        pytest.skip("a file system of its own needs root")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


def test_a_full_disk_is_named_and_the_next_run_recovers(small: Small, small_disk: Path, tmp_path: Path) -> None:
    config = (*small.config[:2], f"output_dir={small_disk}/out")
    full = snakemake(tmp_path, "--until", "prepare_diffusion", config=config)
    assert full.status != 0
    assert "prepare_diffusion: No space left on device. Free some and run the same command again" in full.output
    subprocess.run(["mount", "-o", "remount,size=100m", str(small_disk)], check=True)
    run = snakemake(tmp_path, "--until", "prepare_diffusion", config=config)
    assert run.status == 0, run.output[-3000:]
    found = contents(small_disk / "out")
    # the way from the results to the study differs, nothing else
    assert set(differences(found, {name: small.results[name] for name in found})) == {"dataset_description.json"}
    assert any(name.endswith("_ADC.nii.gz") for name in found)
