"""Run the Nipype interface a rule names: the one bridge between Snakemake and the package.

A rule's ``input`` and ``params.settings`` are the interface's input traits, its ``output`` are its output traits;
``params.interface`` names it. Each step of a chain is run for itself. The interface works in a folder of its own, and
what it made is moved into place when it has finished, so no half-written file is ever taken for a whole one.
Where a file that the study gives for a step cannot be read, the setting ``unreadable`` says why, and the step has no
result.
"""

import contextlib
import ctypes
import errno
import os
import shutil
import signal
import sys
import tempfile
import traceback
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from snakemake.script import Snakemake

    snakemake: Snakemake


def run(job: "Snakemake") -> None:
    """Run one job."""
    from reperfuse import interfaces

    inputs = {name: _absolute(value) for name, value in job.input.items() if value}
    settings = {name: value for name, value in job.params.settings.items() if name != "unreadable"}
    interface = getattr(interfaces, job.params.interface)(**inputs, **settings)
    first = Path(next(iter(job.output))).resolve()
    first.parent.mkdir(parents=True, exist_ok=True)
    # beside the outputs, so that moving them is one step of the file system; what a killed job left there is cleared
    unfinished = f".unfinished-{first.name}-"
    for left in first.parent.glob(f"{unfinished}*"):
        shutil.rmtree(left, ignore_errors=True)
    with tempfile.TemporaryDirectory(dir=first.parent, prefix=unfinished, ignore_cleanup_errors=True) as folder:
        outputs = interface.run_by(partial(_outputs, job), Path(folder))
        sources = _Sources(job, inputs, {outputs[name]: str(path) for name, path in job.output.items()})
        for name, destination in job.output.items():
            _deliver(Path(outputs[name]), Path(destination), sources.of(interface.sources[name]))


def _outputs(job: "Snakemake", step: Any, folder: Path) -> dict[str, Any]:
    """Run a step; where the program fails in a patient's job, that patient's outputs say so, and others go on."""
    from reperfuse.study import results

    called = type(step).__name__
    if step.takes_given and (unreadable := job.params.settings.get("unreadable")):
        print(f"{called}: {unreadable}", file=sys.stderr)
        return dict(step.fail(folder, unreadable))
    try:
        return dict(step.run(cwd=folder).outputs.get())
    except (OSError, MemoryError):  # the machine's, so the same command resumes here
        raise
    except Exception as error:
        if "subject" not in job.wildcards.keys():  # noqa: SIM118 (Snakemake's own kind of list)
            raise
        traceback.print_exc()
        reason = f"internal error ({type(error).__name__}) in {called}, see {job.log[0]}; report it"
        scan = " ".join(f"{name}-{label}" for name, label in zip(("sub", "ses"), job.wildcards, strict=False))
        name = f"{scan.replace(' ', '_')}_{job.rule}_{called}"
        results.note_crash(Path(job.config["output_dir"]), name, f"{scan}: {reason}")
        return dict(step.fail(folder, reason))


class _Sources:
    """What the sidecars of a job's outputs call the files that they were made of."""

    def __init__(self, job: "Snakemake", inputs: dict[str, str | list[str]], made: dict[str, str]) -> None:
        roots = {"raw": job.config["bids_dir"], "": job.config["output_dir"]}
        # the results may lie inside the study, so the longer root is tried first
        resolved = {name: str(Path(root).resolve()) for name, root in roots.items()}
        self._roots = sorted(resolved.items(), key=lambda item: -len(item[1]))
        # in the order of the rule: its inputs, and what is made on the way
        self._called = {path: self._bids_uri(Path(path)) for path in _flatten(inputs.values())}
        self._called |= {path: self._bids_uri(Path(place).resolve()) for path, place in made.items()}

    def of(self, used: list[str]) -> list[str]:
        return [uri for path, uri in self._called.items() if path in used]

    def _bids_uri(self, path: Path) -> str:
        for name, root in self._roots:
            if path.is_relative_to(root):
                return f"bids:{name}:{path.relative_to(root).as_posix()}"
        return path.name


def _absolute(value: Any) -> str | list[str]:
    return str(Path(value).resolve()) if isinstance(value, str) else [str(Path(item).resolve()) for item in value]


def _flatten(values: Any) -> list[str]:
    return [item for value in values for item in ([value] if isinstance(value, str) else value)]


def _deliver(made: Path, destination: Path, sources: list[str]) -> None:
    """Move a file and its sidecar into place, the sidecar first; or a folder, whole."""
    from reperfuse.files import sidecars

    destination.parent.mkdir(parents=True, exist_ok=True)
    if made.is_dir():
        for sidecar in made.glob("*.json"):
            session = sidecar.name.partition("_desc-")[0]
            of_session = [source for source in sources if f"/{session}_" in source]
            sidecars.write_json(sidecar, sidecars.read_sidecar(sidecar) | {"Sources": of_session})
        made.replace(destination)
        return
    sidecar = sidecars.sidecar_path(made)
    if sidecar.is_file():
        content = sidecars.read_sidecar(made)
        spatial = (
            {"SpatialReference": f"bids::{_reference(destination)}"} if "_space-dscref" in destination.name else {}
        )
        sidecars.write_json(sidecar, content | {"Sources": sources} | spatial)
        sidecar.replace(sidecars.sidecar_path(destination))
    if made.exists():
        made.replace(destination)


def _reference(destination: Path) -> str:
    """Return the perfusion reference that defines ``space-dscref`` for a file, below the dataset's root."""
    subject, session = destination.name.split("_")[:2]
    return f"{subject}/{session}/perf/{subject}_{session}_dscref.nii.gz"


def _keep_memory() -> None:
    """Let the C library keep what is freed for the next array: new pages cost as much as the arithmetic on them."""
    with contextlib.suppress(AttributeError, OSError):  # another library than glibc
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(-3, 64 * 2**20)  # M_MMAP_THRESHOLD: larger arrays are given back
        mallopt(-1, 256 * 2**20)  # M_TRIM_THRESHOLD


def main(job: "Snakemake") -> None:
    """Pin the threads, send what is printed to the log, and run."""
    for name in (
        "OMP_NUM_THREADS",
        "OPENBLAS_NUM_THREADS",
        "MKL_NUM_THREADS",
        "ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS",
    ):
        os.environ[name] = str(job.threads)
    os.environ["NO_ET"] = os.environ["NIPYPE_NO_ET"] = "1"
    _keep_memory()
    with Path(job.log[0]).open("w", encoding="utf-8") as log:
        # the compiled libraries print too, so the descriptors are redirected, not just sys.stdout
        sys.stdout.flush()
        sys.stderr.flush()
        terminal = os.dup(2)
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        try:
            run(job)
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):  # the log may have no room either
                message = f"{job.rule}: {error.strerror}. Free some and run the same command again: it resumes.\n"
                os.write(terminal, message.encode())
            raise


main(snakemake)  # noqa: F821 (Snakemake defines it)
