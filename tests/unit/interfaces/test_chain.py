"""Steps that run as one: what a chain takes and gives, what each step makes in it, and whose a fault is."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from nipype.interfaces.base import File, TraitedSpec, traits
from reperfuse.faults import DataFault
from reperfuse.files.sidecars import read_sidecar, reasons
from reperfuse.interfaces.base import Step, StepInputSpec, document
from reperfuse.interfaces.chain import Chain, Link


class AddInputSpec(StepInputSpec):
    first = File(exists=True, mandatory=True, desc="a number")
    second = File(exists=True, desc="another")
    more = traits.Float(0.0, usedefault=True, desc="what is added")


class AddOutputSpec(TraitedSpec):
    total = document("a number")


class Add(Step):
    input_spec = AddInputSpec
    output_spec = AddOutputSpec

    def _compute(self) -> None:
        given = [read_sidecar(paths[0])["Number"] for paths in self._input_files().values()]
        total = sum(given) + self.inputs.more
        if total > 100:
            raise DataFault("the number is too large")
        self.save_document("total", {"Number": total})


class Both(Chain):
    """Add, and add what was made to itself; and to a third number where there is one."""

    links = (
        Link(Add, takes={"second": None}),
        Link(Add, takes={"first": "total", "second": "first", "more": "much_more"}, gives={"total": "sum"}),
        Link(Add, takes={"second": "third", "more": None}, gives={"total": "beside"}, wants="third"),
    )


@pytest.fixture
def number(tmp_path: Path) -> Any:
    def write(name: str, value: float, **more: Any) -> str:
        path = tmp_path / f"{name}.json"
        path.write_text(json.dumps({"Number": value} | more))
        return str(path)

    return write


def value(path: str) -> float:
    return float(read_sidecar(path)["Number"])


def test_a_chain_takes_what_its_steps_do_not_make_and_gives_all_they_make() -> None:
    taken, given = Both.input_spec(), Both.output_spec()
    assert set(taken.copyable_trait_names()) == {"first", "more", "much_more", "third"}
    assert taken.trait("first").mandatory
    assert not taken.trait("third").mandatory
    assert taken.trait("more").desc == "what is added"
    assert set(given.copyable_trait_names()) == {"total", "sum", "beside"}


def test_each_step_takes_the_files_of_those_before_it(number: Any, tmp_path: Path) -> None:
    chain = Both(first=number("one", 1.0), third=number("three", 3.0), more=10.0, much_more=20.0)
    done = chain.run(cwd=tmp_path / "out").outputs
    assert [value(done.total), value(done.sum), value(done.beside)] == [11.0, 32.0, 4.0]
    assert read_sidecar(done.sum)["Parameters"] == {"more": 20.0}
    assert read_sidecar(done.sum)["GeneratedBy"][0]["Step"] == "Add"
    assert {name: [Path(path).name for path in paths] for name, paths in chain.sources.items()} == {
        "total": ["one.json"],
        "sum": [Path(done.total).name, "one.json"],
        "beside": ["one.json", "three.json"],
    }


def test_a_step_without_what_it_wants_does_not_run(number: Any, tmp_path: Path) -> None:
    done = Both(first=number("one", 1.0)).run(cwd=tmp_path / "out").outputs
    assert value(done.sum) == 2.0
    assert "beside" not in {name for name, path in done.get().items() if Path(str(path)).is_file()}


def test_a_fault_is_that_of_its_step_and_of_those_that_hang_on_it(number: Any, tmp_path: Path) -> None:
    given = {"first": number("one", 1.0), "third": number("three", 3.0)}
    done = Both(**given, more=200.0).run(cwd=tmp_path / "out").outputs
    assert reasons(done.total) == reasons(done.sum) == ["the number is too large"]
    assert value(done.beside) == 4.0


def test_each_step_is_run_as_it_is_told(number: Any, tmp_path: Path) -> None:
    """The workflow runs each by itself, so that a crash of one is no crash of all."""
    called = []

    def run(step: Step, folder: Path) -> dict[str, Any]:
        called.append(type(step).__name__)
        return step.fail(folder, "it crashed") if len(called) == 1 else step.run(cwd=folder).outputs.get()

    made = Both(first=number("one", 1.0), third=number("three", np.pi)).run_by(run, tmp_path / "out")
    assert called == ["Add"] * 3
    assert [reasons(made[name]) for name in ("total", "sum", "beside")] == [["it crashed"], ["it crashed"], []]
