"""A run is told by patient, session and step; a failure by its log, a stop as a stop."""

import os
import re
import signal
import subprocess
from pathlib import Path

import pytest
from running import Small, checkout, command, snakemake

pytestmark = pytest.mark.xdist_group("small")
LINE = re.compile(r" *(\d+) of (\d+)  (sub-01 ses-baseline|sub-01 ses-followup|sub-01|study) +([a-zA-Z].*)")


def test_each_step_has_a_line_and_the_end_says_how_it_went(small: Small) -> None:
    said = small.said.splitlines()
    start = next(number for number, line in enumerate(said) if line.startswith("Steps to do: "))
    assert any(line.startswith("can be computed, of 1 patient") for line in said[:start])
    head, *steps = said[start:]
    total = len([line for line in steps if LINE.fullmatch(line)])
    assert head.startswith(f"Steps to do: {total}.")
    found = [LINE.fullmatch(line) for line in steps[:total]]
    assert [(match[1], match[2]) for match in found if match] == [(str(n + 1), str(total)) for n in range(total)]
    assert not [match[4] for match in found if match and "_" in match[4]]  # a rule without words
    assert {match[3] for match in found if match} == {"sub-01", "sub-01 ses-baseline", "sub-01 ses-followup", "study"}
    end = "\n".join(steps[total:])
    assert end.startswith("Sessions: 1 ok, 1 with a warning, 0 failed.")
    assert re.search(r"^  1 x  motion: framewise displacement reaches … mm \(limit … mm\)$", end, re.MULTILINE)
    assert re.search(r"^Finished in \d+ (s|min)\. The results are in .*out$", end, re.MULTILINE)
    assert steps[-1].endswith("out/sub-<label>.html")


def test_ctrl_c_reads_as_a_stop(small: Small, tmp_path: Path) -> None:
    """In a terminal it reaches the run and its steps."""
    run = subprocess.Popen(
        command("--until", "prepare_diffusion", "prepare_perfusion", config=small.config),
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    assert run.stdout is not None
    said = ""
    while "1 of" not in said and run.poll() is None:
        said += run.stdout.readline()
    os.killpg(run.pid, signal.SIGINT)
    said += run.communicate()[0]
    assert run.returncode == 1, said
    assert said.splitlines()[-1:] == [
        "Stopped. What was finished is kept: the same command resumes where it stopped."
    ], said
    assert not re.search("Traceback|Error|FAILED", said), said


def test_a_failed_step_is_named_with_its_log(small: Small, tmp_path: Path) -> None:
    clone = checkout(tmp_path / "clone")
    module = clone / "workflow" / "reperfuse" / "interfaces" / "diffusion.py"
    text = module.read_text()
    fails = "def _compute(self) -> None:\n        raise OSError('no disk')\n\n    def _other(self) -> None:\n"
    module.write_text(text.replace("def _compute(self) -> None:\n", fails, 1))
    run = snakemake(tmp_path, "--until", "prepare_diffusion", config=small.config, root=clone)
    assert run.status == 1
    log = tmp_path / "out" / "logs" / "prepare_diffusion" / "sub-01_ses-followup.log"
    assert (
        f"FAILED  sub-01 ses-followup  computing ADC and trace image, and extracting the brain; see {log}" in run.output
    )
    assert "no disk" in log.read_text()
    assert "Traceback" not in run.output
    first, last = run.output.splitlines()[-2:]
    assert first == f"Some steps failed; a line above names each. Their logs are in {tmp_path / 'out' / 'logs'}."
    assert last == "What was finished is kept: the same command resumes where it stopped."


@pytest.mark.parametrize(("option", "begins"), [("--dag", "digraph"), ("--summary", "output_file\tdate\trule")])
def test_what_a_program_reads_is_not_touched(small: Small, tmp_path: Path, option: str, begins: str) -> None:
    words = command(option, config=small.config)
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.startswith(begins)
