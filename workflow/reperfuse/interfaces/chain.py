"""Steps that always run together, as one: a job starts once, and each step takes the files of those before it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nipype.interfaces.base import TraitedSpec, Undefined, isdefined

from reperfuse.interfaces.base import Step, StepInputSpec


@dataclass(frozen=True)
class Link:
    """A step of a chain.

    Attributes
    ----------
    step : type of Step
    takes : mapping
        What an input of the step is called in the chain, where that is another name; None for one that is never given.
    gives : mapping
        What an output of the step is called in the chain, where that is another name.
    wants : str
        The input of the chain without which the step does not run; empty if it always does.
    """

    step: type[Step]
    takes: Mapping[str, str | None] = field(default_factory=dict)
    gives: Mapping[str, str] = field(default_factory=dict)
    wants: str = ""

    def inputs(self) -> dict[str, str]:
        """Return what the chain calls each input of the step."""
        names = {name: self.takes.get(name, name) for name in self.step.input_spec().copyable_trait_names()}
        return {name: called for name, called in names.items() if called is not None}


class Chain(Step):
    """Steps one after another: an input that an earlier step makes is taken from it, every other is the chain's own.

    Each step writes its files as it does alone, and its fault is its own: those after it go on as far as they can.
    """

    links: tuple[Link, ...] = ()

    def __init_subclass__(cls) -> None:
        """Give the chain the inputs and outputs of its steps."""
        inputs: dict[str, Any] = {"__doc__": f"Inputs of `{cls.__name__}`."}
        outputs: dict[str, Any] = {"__doc__": f"Outputs of `{cls.__name__}`."}
        for link in cls.links:
            given, results = link.step.input_spec(), link.step.output_spec()
            for name, called in link.inputs().items():
                if called not in outputs:
                    is_needed = bool(given.trait(name).mandatory and not link.wants)
                    is_needed |= called in inputs and bool(inputs[called]._metadata.get("mandatory"))
                    inputs[called] = given.trait(name).handler.clone(mandatory=is_needed or None)
            for name in results.copyable_trait_names():
                outputs[link.gives.get(name, name)] = results.trait(name).handler.clone()
        cls.input_spec = type(f"{cls.__name__}InputSpec", (StepInputSpec,), inputs)
        cls.output_spec = type(f"{cls.__name__}OutputSpec", (TraitedSpec,), outputs)

    def run_by(self, run: Callable[[Step, Path], Mapping[str, Any]], folder: Path) -> dict[str, str]:
        """Run each step in a folder of its own the way a function does, and return all they made."""
        made: dict[str, str] = {}
        for number, link in enumerate(self.links):
            if link.wants and not self._has(link.wants):
                continue
            given = {
                name: made.get(called, getattr(self.inputs, called, Undefined))
                for name, called in link.inputs().items()
            }
            step = link.step(**{name: value for name, value in given.items() if isdefined(value)})
            own = folder / str(number)
            own.mkdir(parents=True)
            outputs = {link.gives.get(name, name): path for name, path in run(step, own).items() if isdefined(path)}
            self.sources |= dict.fromkeys(outputs, step.used())
            made |= outputs
        return made

    def _has(self, name: str) -> bool:
        return isdefined(value := getattr(self.inputs, name)) and bool(value)

    def _run_interface(self, runtime: Any) -> Any:
        made = self.run_by(lambda step, folder: step.run(cwd=folder).outputs.get(), Path(runtime.cwd))
        self._results.update(made)
        return runtime
