"""The profile on a real Slurm: the same results, whatever happens to jobs and nodes on the way."""

import re
import subprocess
import time

import pytest
from cluster.single_node import SingleNode
from running import ROOT, Small, command, contents, differences, snakemake

pytestmark = pytest.mark.xdist_group("small")

PROFILE = (
    f"--profile={ROOT / 'profiles' / 'slurm'}",
    # a cluster without accounting; and no need to wait as long as on a busy one
    "--slurm-status-command=squeue",
    "--slurm-init-seconds-before-status-checks=2",
    "--seconds-between-status-checks=2",
    "--latency-wait=5",
)


def test_results_are_those_of_a_local_run_though_a_job_is_killed_and_the_node_drained(
    small: Small, slurm: SingleNode
) -> None:
    """One run for all three, since it takes a minute.

    The study's tables are first given less memory than Python needs, so that Slurm kills the job. The node is drained
    while the first jobs run and resumed when they have ended and the next one waits.
    """
    folder = small.study.parent / "on slurm"
    folder.mkdir()
    # a chain asks for the most that one of its steps does
    too_little = [f"{rule}:mem_mb=60+(attempt-1)*1500" for rule in ("tabulate_study", "analyze_study", "report_study")]
    log = folder / "said.txt"
    with log.open("w") as said:
        run = subprocess.Popen(
            command(*PROFILE, "--set-resources", *too_little, config=small.config, cores=1),
            cwd=folder,
            env=slurm.environment,
            stdout=said,
            stderr=subprocess.STDOUT,
        )
        try:
            _wait(lambda: "R" in slurm.ask("squeue", "--noheader", "--format=%t").split() or run.poll() is not None)
            assert run.poll() is None, log.read_text()[-3000:]
            slurm.drain()
            # what was running ends, what follows it has to wait
            _wait(lambda: set(slurm.ask("squeue", "--noheader", "--format=%t").split()) == {"PD"})
            slurm.resume()
            assert run.wait(timeout=400) == 0, log.read_text()[-3000:]
        finally:
            run.kill()
    # two sessions, one patient, and the study twice: a chain is one job
    (own,) = folder.glob(".snakemake/log/*.log")
    numbers = re.findall(r"SLURM jobid (\d+)", own.read_text())
    jobs = [slurm.ask("scontrol", "--oneliner", "show", "job", number) for number in numbers]
    assert len(jobs) == 5, jobs
    assert f"StepId={numbers[3]}.batch exceeded memory limit" in (slurm.folder / "slurmd.log").read_text()
    assert ["JobState=COMPLETED" in job for job in jobs] == [True, True, True, False, True]
    asked = [int(found[1]) for job in jobs if "tabulate_study" in job and (found := re.search(r"mem=(\d+)M", job))]
    assert asked[0] < asked[1]
    assert differences(small.results, contents(folder / "out")) == []
    said = log.read_text().splitlines()
    submitted = [line.split("  ")[1] for line in said if line.startswith("submitted")]
    assert sorted(submitted[:2]) == ["sub-01 ses-baseline", "sub-01 ses-followup"]
    (failed,) = [line for line in said if line.startswith("FAILED")]
    assert re.match(r"FAILED  study  \d steps as one job of the cluster; see .*\.log$", failed)
    assert failed.replace("FAILED", "trying again").partition(";")[0] in said
    (total,) = [line.split()[3].rstrip(".") for line in said if line.startswith("Steps to do: ")]
    assert f"{total} of {total}  study                checking that all results are there" in said


def test_the_generic_profile_submits_through_a_command(small: Small, slurm: SingleNode) -> None:
    folder = small.study.parent / "by command"
    folder.mkdir()
    submit = "sbatch --parsable --cpus-per-task={threads} --mem={resources.mem_mb} --time={resources.runtime}"
    run = snakemake(
        folder,
        PROFILE[0],
        f"--workflow-profile={ROOT / 'profiles' / 'cluster-generic'}",
        f"--cluster-generic-submit-cmd={submit} --output=/dev/null",
        "--cluster-generic-cancel-cmd=scancel",
        "--until=prepare_diffusion",
        config=small.config,
        cores=1,
        environment=slurm.environment,
    )
    assert run.status == 0, run.output[-3000:]
    found = contents(folder / "out")
    assert any(name.endswith("_ADC.nii.gz") for name in found)
    assert differences(found, {name: small.results[name] for name in found}) == []


def _wait(condition, timeout_s: float = 300.0) -> None:  # type: ignore[no-untyped-def]
    end = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < end, "nothing happened"
        time.sleep(0.2)
