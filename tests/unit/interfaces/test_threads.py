"""A job uses the threads it was given and no more, in BLAS, OpenMP and ITK."""

import subprocess
import sys
from pathlib import Path

import pytest

BRIDGE = Path(__file__).parents[3] / "workflow" / "scripts" / "run_interface.py"

#: A job of the bridge whose interface multiplies matrices, registers two images, and counts threads.
JOB = """
import os, runpy, sys, types
from pathlib import Path

class Probe:
    takes_given, sources = False, {"out": []}

    def __init__(self, **parameters): pass

    def run_by(self, run, folder): return run(self, folder)

    def run(self, cwd):
        import numpy as np
        from threadpoolctl import threadpool_info
        from reperfuse.volumes.image import Image
        from reperfuse.registration.rigid import register

        rng = np.random.default_rng(0)
        matrix = rng.random((1500, 1500))
        matrix @ matrix
        blob = np.zeros((24, 24, 24), np.float32)
        blob[6:18, 8:16, 7:15] = 1 + rng.random((12, 8, 8))
        image = Image(blob, np.diag([4.0, 4.0, 4.0, 1.0]))
        register(image, image, blob > 0, blob > 0)
        tasks = len(os.listdir("/proc/self/task"))
        pools = {pool["num_threads"] for pool in threadpool_info()}
        Path(cwd, "out.txt").write_text(f"{tasks} {pools}")
        outputs = types.SimpleNamespace(get=lambda: {"out": str(Path(cwd, "out.txt"))})
        return types.SimpleNamespace(outputs=outputs)

class Named(list):
    def items(self):
        return [("out", item) for item in self]

folder, threads = Path(sys.argv[2]), int(sys.argv[3])
sys.modules["reperfuse.interfaces"] = module = types.ModuleType("reperfuse.interfaces")
module.Probe = Probe
params = types.SimpleNamespace(interface="Probe", settings={})
job = types.SimpleNamespace(
    threads=threads, log=[str(folder / "log")], input=Named(), output=Named([str(folder / "result.txt")]),
    params=params, config={"bids_dir": str(folder), "output_dir": str(folder)}, rule="probe",
)
import reperfuse
reperfuse.interfaces = module
runpy.run_path(sys.argv[1], init_globals={"snakemake": job})
"""


@pytest.mark.parametrize("threads", [1, 2])
def test_a_job_keeps_to_its_threads(tmp_path: Path, threads: int) -> None:
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS")
    environment = {"PATH": "/usr/bin:/bin", "PYTHONPATH": str(BRIDGE.parents[1])}
    assert not set(names) & set(environment)
    command = [sys.executable, "-c", JOB, str(BRIDGE), str(tmp_path), str(threads)]
    done = subprocess.run(command, env=environment, check=False)
    assert done.returncode == 0, (tmp_path / "log").read_text()
    tasks, pools = (tmp_path / "result.txt").read_text().split(" ", 1)
    assert pools == f"{{{threads}}}"
    if threads == 1:
        assert int(tasks) <= 2  # the main thread waits while ITK's one worker works
