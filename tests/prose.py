"""What is hard to read in the repository's prose: lines of Markdown over 120 characters, sentences over 35 words.

To list all of it: ``python tests/prose.py``; ``python tests/prose.py FILE …`` reads these files only.
"""

import ast
import re
import sys
from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import NamedTuple

import yaml

ROOT = Path(__file__).parents[1]
LONGEST_LINE = 120  # characters
LONGEST_SENTENCE = 35  # words; a hyphenated word is one, and so is a piece of code or a link

#: Where prose is, by the kind of file.
SOURCES = {
    "README.md": "markdown",
    "CONTRIBUTING.md": "markdown",
    "CHANGELOG.md": "markdown",
    "config/README.md": "markdown",
    "docs/**/*.md": "markdown",
    "config/**/*.yaml": "yaml",
    "workflow/schemas/*.yaml": "yaml",
    "workflow/report/*.rst": "template",
    "workflow/reperfuse/reports/templates/*.html": "html",
    "workflow/reperfuse/**/*.py": "python",
}


class Fault(NamedTuple):
    """A line or sentence that is too long."""

    line: int
    what: str


class Block(NamedTuple):
    """A piece of prose that ends where it ends: a paragraph, an item, a heading, a cell, a literal."""

    line: int
    text: str


# Sentences

_ABBREVIATIONS = re.compile(r"\b(et al|e\.g|i\.e|vs|cf|approx|Fig|Eq|No|Dr)\.")
_END = re.compile(r"[.!?][\"'”’)\]*_]*(?:\s+|$)")
_CODE = re.compile(r"(`+)(?!`).+?(?<!`)\1(?!`)|\$[^$]+\$")
_LINK = re.compile(r"\]\([^()\s]*(?:\([^()]*\)[^()\s]*)*(?: \"[^\"]*\")?\)")
_FOOTNOTE = re.compile(r"\[\^[^\]]+\]:?")
_ADDRESS = re.compile(r"<?https?://[^\s>)]+>?")


def sentences(text: str) -> list[str]:
    """Return the sentences of a piece of prose; code, formulas and addresses are one word each."""
    text = _CODE.sub("X", _LINK.sub("]", _FOOTNOTE.sub("", text)))
    text = _ABBREVIATIONS.sub(lambda found: found[1].replace(".", ""), _ADDRESS.sub("X", text))
    return [sentence for sentence in _END.split(text) if sentence.strip()]


def words(sentence: str) -> int:
    """Return the number of words; signs alone are none."""
    return sum(bool(re.search(r"\w", word)) for word in sentence.split())


# Kinds of files

_ITEM = re.compile(r"^\s*(?:>\s*)*(?:[-*+]|\d+[.)])\s+")
_CELLS = re.compile(r"(?<!\\)\|")
_OPENS = re.compile(r"\s*(?:[-*+]\s+|\d+[.)]\s+)?(`{3,}|~{3,}|:{3,}|\$\$|<!--)\s*(?:\{([\w-]+)\})?(.*?)\s*$")
#: An option or the end of a directive, a label, a comment, or where a link leads.
_MARKUP = re.compile(r"\s*:[\w-]+:(\s|$)|\([\w-]+\)=$|%\s|\[[^\]^]+\]:\s")
#: Directives of MyST that hold prose; what others hold is code.
_ADMONITIONS = {"note", "tip", "warning", "important", "seealso", "admonition", "dropdown", "caution", "hint"}


def _written(text: str) -> Iterator[tuple[int, str]]:
    """Yield the lines of Markdown; those of code, formulas and comments are empty."""
    ends: Callable[[str], bool] | None = None
    for number, line in enumerate(text.splitlines(), 1):
        stripped = line.strip()
        if ends:
            ends = None if ends(stripped) else ends
            yield number, ""
            continue
        opened = _OPENS.match(line)
        if opened:
            mark, directive, rest = opened.groups()
            if mark == "$$":
                ends = None if rest.endswith("$$") else lambda line: line.endswith("$$")
            elif mark == "<!--":
                ends = None if rest.endswith("-->") else lambda line: line.endswith("-->")
            elif directive not in _ADMONITIONS and (directive or mark[0] != ":"):
                ends = lambda line, mark=mark: line.startswith(mark)  # noqa: E731
        yield number, "" if opened or _MARKUP.match(line) else line


def markdown(text: str) -> Iterator[Block]:
    """Yield the paragraphs, headings, items and cells of Markdown."""
    paragraph: list[str] = []
    start = 1
    for number, line in [*_written(text), (0, "")]:
        is_row = line.lstrip().startswith("|")
        begins = is_row or line.startswith(("#", "[^")) or _ITEM.match(line)
        if paragraph and (begins or not line.strip()):
            yield Block(start, " ".join(paragraph))
            paragraph = []
        if is_row:
            yield from (Block(number, cell) for cell in _CELLS.split(line) if re.search(r"\w", cell))
        elif line.startswith("#"):
            yield Block(number, line)
        elif line.strip():
            start = start if paragraph else number
            paragraph.append(_ITEM.sub("", line).strip(" >"))


_COMMENT = re.compile(r"((?:[^'\"#]|'[^']*'|\"[^\"]*\"|(?<=\S)#|(?<=\w)['\"])*)#+\s*(.*?)\s*$")
_ALIGNED = re.compile(r"\S {2,}\S")  # a comment that is a row of a table


def _strings(node: yaml.Node) -> Iterator[Block]:
    if isinstance(node, yaml.ScalarNode):
        yield Block(node.start_mark.line + 1, node.value)
    elif isinstance(node, yaml.SequenceNode):
        for item in node.value:
            yield from _strings(item)
    elif isinstance(node, yaml.MappingNode):
        for _, value in node.value:
            yield from _strings(value)


def yaml_text(text: str) -> Iterator[Block]:
    """Yield the comments of YAML, those below each other as one, and its values."""
    comment: list[str] = []
    start = place = 0
    for number, line in enumerate([*text.splitlines(), ""], 1):
        found = _COMMENT.match(line)
        before, said = found.groups() if found else ("", "")
        goes_on = bool(said) and not before.strip() and len(before) == place and not _ALIGNED.search(said)
        if comment and not goes_on:
            yield Block(start, " ".join(comment))
            comment = []
        if said:
            start, place = (start if comment else number), len(before)
            comment.append(said)
    for document in yaml.compose_all(text, yaml.SafeLoader):
        yield from _strings(document)


_NO_PROSE = re.compile(r"\{% block style %\}.*?\{% endblock %\}|\{%.*?%\}|\{#.*?#\}", re.S)


def _filled(text: str) -> str:
    """Return the text of a Jinja template, a word for each value, its lines kept, without style sheets."""
    text = _NO_PROSE.sub(lambda found: "\n" * found[0].count("\n"), text)
    return re.sub(r"\{\{.*?\}\}", lambda found: "X" + "\n" * found[0].count("\n"), text, flags=re.S)


def template(text: str) -> Iterator[Block]:
    """Yield the paragraphs of a template of reStructuredText."""
    yield from markdown(_filled(text))


class _Page(HTMLParser):
    inline = ("a", "abbr", "b", "br", "code", "em", "i", "kbd", "small", "span", "strong", "sub", "sup", "var")

    def __init__(self) -> None:
        super().__init__()
        self.blocks: list[Block] = []
        self.parts: list[str] = []
        self.skipped = ""

    def end_block(self) -> None:
        if "".join(self.parts).strip():
            self.blocks.append(Block(self.getpos()[0], "".join(self.parts)))
        self.parts = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in self.inline:
            self.end_block()
        if tag in ("script", "style"):
            self.skipped = tag
        for name, value in attrs:
            if name in ("alt", "title", "aria-label", "placeholder", "content") and value:
                self.blocks.append(Block(self.getpos()[0], value))

    def handle_endtag(self, tag: str) -> None:
        if tag not in self.inline:
            self.end_block()
        if tag == self.skipped:
            self.skipped = ""

    def handle_data(self, data: str) -> None:
        if not self.skipped:
            self.parts.append(data)


def html(text: str) -> Iterator[Block]:
    """Yield the texts of a page's template."""
    page = _Page()
    page.feed(_filled(text))
    page.close()
    page.end_block()
    yield from page.blocks


def _literals(node: ast.AST) -> Iterator[tuple[int, str]]:
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        return  # a docstring
    if isinstance(node, ast.JoinedStr):
        parts = (part.value if isinstance(part, ast.Constant) else "X" for part in node.values)
        yield node.lineno, "".join(map(str, parts))
    elif isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.lineno, node.value
    for child in ast.iter_child_nodes(node):
        if not (isinstance(node, ast.JoinedStr) and isinstance(child, ast.Constant)):
            yield from _literals(child)


def python(text: str) -> Iterator[Block]:
    """Yield the string literals that are not docstrings: messages, captions, words of pages."""
    for number, literal in _literals(ast.parse(text)):
        yield from (Block(number, block.text) for block in markdown(literal))


KINDS: dict[str, Callable[[str], Iterator[Block]]] = {
    "markdown": markdown,
    "yaml": yaml_text,
    "template": template,
    "html": html,
    "python": python,
}


def long_lines(text: str) -> Iterator[Fault]:
    """Yield the lines of Markdown that are too long, without code and the addresses of links."""
    for number, line in _written(text):
        length = len(_ADDRESS.sub("", _LINK.sub("]", line)))
        if length > LONGEST_LINE:
            yield Fault(number, f"{length} characters in a line")


def faults(text: str, kind: str) -> list[Fault]:
    """Return what is too long in a file's text, a kind of `KINDS`."""
    found = list(long_lines(text)) if kind == "markdown" else []
    for block in KINDS[kind](text):
        for sentence in sentences(block.text):
            if words(sentence) > LONGEST_SENTENCE:
                found.append(Fault(block.line, f"{words(sentence)} words: {' '.join(sentence.split())}"))
    return sorted(set(found))


def prose() -> dict[Path, str]:
    """Return the kind of each file of the repository that holds prose."""
    files = {path: kind for pattern, kind in SOURCES.items() for path in sorted(ROOT.glob(pattern))}
    return {path: kind for path, kind in files.items() if "_build" not in path.parts}


def main(arguments: list[str]) -> int:
    """Print what is too long, and return 1 if anything is."""
    chosen = {Path(name).resolve() for name in arguments}
    status = 0
    for path, kind in prose().items():
        if chosen and path not in chosen:
            continue
        for line, what in faults(path.read_text(encoding="utf-8"), kind):
            print(f"{path.relative_to(ROOT)}:{line}: {what}")
            status = 1
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
