"""Read YAML, and tell in which line of which file an entry is."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

#: A place in nested YAML: keys of mappings, numbers of sequences.
Keys = Sequence[str | int]


def read_yaml(path: Path) -> Any:
    """Read a YAML file."""
    import yaml

    return yaml.load(path.read_text(encoding="utf-8"), _loader())


def _loader() -> Any:
    """Return the compiled loader where PyYAML has it: every job of a cluster reads the settings."""
    import yaml

    return getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def text_at(file: Path, keys: Keys) -> Any:
    """Return what stands at a place of a YAML file, every value as the text it is written as."""
    import yaml

    def as_text(node: Any) -> Any:
        if isinstance(node, yaml.MappingNode):
            return {name.value: as_text(value) for name, value in node.value}
        return [as_text(item) for item in node.value] if isinstance(node, yaml.SequenceNode) else node.value

    found = as_text(yaml.compose(file.read_text(encoding="utf-8"), _loader()))
    for key in keys:
        found = found[key]
    return found


def find_line(files: Iterable[Path], keys: Keys) -> str:
    """Return "file, line n: " of the deepest key in the first YAML file that holds the entry, or nothing."""
    import yaml

    for file in files:
        node, marks = yaml.compose(file.read_text(encoding="utf-8"), _loader()), []
        for key in keys:
            if isinstance(node, yaml.MappingNode):
                pairs = {name.value: (name, value) for name, value in node.value}
                if str(key) not in pairs:
                    break
                name, node = pairs[str(key)]
                marks.append(name.start_mark)
            elif isinstance(node, yaml.SequenceNode) and isinstance(key, int) and key < len(node.value):
                node = node.value[key]
                marks.append(node.start_mark)
            else:
                break
        # the section alone says nothing of the entry, which may come from another file or the command line
        if len(marks) >= min(2, len(keys)):
            return f"{file.name}, line {marks[-1].line + 1}: "
    return ""


def doubles(file: Path) -> Iterator[str]:
    """Yield a sentence for each key of a YAML file that its mapping holds twice, for the first would be lost."""
    import yaml

    root = yaml.compose(file.read_text(encoding="utf-8"), _loader())
    unseen: list[tuple[tuple[str, ...], Any]] = [((), root)]
    while unseen:
        place, node = unseen.pop()
        if isinstance(node, yaml.SequenceNode):
            unseen += [((*place, str(number)), item) for number, item in enumerate(node.value)]
        elif isinstance(node, yaml.MappingNode):
            first: dict[str, int] = {}
            for name, value in node.value:
                key, line = (*place, str(name.value)), name.start_mark.line + 1
                if name.value in first:
                    where = f"{file.name}, line {line}"
                    yield f"{where}: {'.'.join(key)}: already given in line {first[name.value]}; keep one of them"
                first.setdefault(name.value, line)
                unseen.append((key, value))


def circles(file: Path) -> Iterator[str]:
    """Yield a sentence for each entry of a YAML file that holds itself, by an alias: reading it would never end."""
    import yaml

    above: set[int] = set()
    done: set[int] = set()

    def visit(node: Any) -> Iterator[str]:
        if id(node) in above:
            line = node.start_mark.line + 1
            yield f"{file.name}, line {line}: this entry contains itself by an alias (*); write it out instead"
        elif id(node) not in done:
            above.add(id(node))
            is_mapping = isinstance(node, yaml.MappingNode)
            parts = node.value if isinstance(node, yaml.CollectionNode) else []
            for part in parts:
                yield from visit(part[1] if is_mapping else part)
            above.remove(id(node))
            done.add(id(node))

    yield from visit(yaml.compose(file.read_text(encoding="utf-8"), _loader()))


def line_of_value(files: Sequence[Path], keys: Keys, config: Mapping[str, Any]) -> str:
    """Return "file, line n: " of the last YAML file that gives a key the value it has, or nothing."""

    def follow(content: Any) -> Any:
        for key in keys:
            content = content[key]
        return content

    for file in reversed(files):
        try:
            said = follow(read_yaml(file))
        except (KeyError, IndexError, TypeError):
            continue
        # the command line overrides files, and then none of them is to blame
        if str(said) == str(follow(config)):
            return find_line([file], keys)
    return ""
