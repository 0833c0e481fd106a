"""Run the Nipype interface a rule names: the one bridge between Snakemake and the package.

A rule's ``input`` and ``params`` are the interface's input traits, its ``output`` are its output
traits; ``params.interface`` names it. The interface works in a folder of its own, and what it made
is moved into place when it has finished, so no half-written file is ever taken for a whole one.
Where a file that the study gives for a step cannot be read, ``params.unreadable`` says why, and the step has no result.
"""

import errno
import os
import shutil
import signal
import sys
import tempfile
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from snakemake.script import Snakemake

    snakemake: Snakemake

#: Rule parameters that are not traits of the interface.
_FOR_SNAKEMAKE = {"interface", "fingerprint", "unreadable"}


def run(job: "Snakemake") -> None:
    """Run one job."""
    from reperfuse import interfaces

    inputs = {name: _absolute(value) for name, value in job.input.items() if value}
    parameters = {name: value for name, value in job.params.items() if name not in _FOR_SNAKEMAKE}
    interface = getattr(interfaces, job.params.interface)(**inputs, **parameters)
    first = Path(next(iter(job.output))).resolve()
    first.parent.mkdir(parents=True, exist_ok=True)
    # beside the outputs, so that moving them is one step of the file system; what a killed job left there is cleared
    unfinished = f".unfinished-{first.name}-"
    for left in first.parent.glob(f"{unfinished}*"):
        shutil.rmtree(left, ignore_errors=True)
    with tempfile.TemporaryDirectory(dir=first.parent, prefix=unfinished, ignore_cleanup_errors=True) as folder:
        outputs = _outputs(interface, job, Path(folder))
        roots = {"raw": job.config["bids_dir"], "": job.config["output_dir"]}
        sources = [_bids_uri(Path(path), roots) for path in _flatten(inputs.values())]
        for name, destination in job.output.items():
            _deliver(Path(outputs[name]), Path(destination), sources)


def _outputs(interface: Any, job: "Snakemake", folder: Path) -> dict[str, Any]:
    """Run an interface; where the program fails in a patient's job, that patient's outputs say so, and others go on."""
    from reperfuse.study import results

    if unreadable := job.params.get("unreadable"):
        print(f"{job.params.interface}: {unreadable}", file=sys.stderr)
        return dict(interface.fail(folder, unreadable))
    try:
        return dict(interface.run(cwd=folder).outputs.get())
    except (OSError, MemoryError):  # the machine's, so the same command resumes here
        raise
    except Exception as error:
        if "subject" not in job.wildcards.keys():  # noqa: SIM118 (Snakemake's own kind of list)
            raise
        traceback.print_exc()
        reason = f"internal error ({type(error).__name__}) in {job.params.interface}, see {job.log[0]}; report it"
        scan = " ".join(f"{name}-{label}" for name, label in zip(("sub", "ses"), job.wildcards, strict=False))
        results.note_crash(Path(job.config["output_dir"]), f"{scan.replace(' ', '_')}_{job.rule}", f"{scan}: {reason}")
        return dict(interface.fail(folder, reason))


def _absolute(value: Any) -> str | list[str]:
    return str(Path(value).resolve()) if isinstance(value, str) else [str(Path(item).resolve()) for item in value]


def _flatten(values: Any) -> list[str]:
    return [item for value in values for item in ([value] if isinstance(value, str) else value)]


def _bids_uri(path: Path, roots: dict[str, str]) -> str:
    # the results may lie inside the study, so the longer root is tried first
    for name, root in sorted(roots.items(), key=lambda item: -len(str(Path(item[1]).resolve()))):
        if path.is_relative_to(Path(root).resolve()):
            return f"bids:{name}:{path.relative_to(Path(root).resolve()).as_posix()}"
    return path.name


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
