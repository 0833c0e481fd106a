"""Prose can be read: no long lines in Markdown, no long sentences anywhere."""

from pathlib import Path

import prose
import pytest

FILES = {path.relative_to(prose.ROOT).as_posix(): kind for path, kind in prose.prose().items()}
LONG = "one two three four five six seven eight nine ten " * 3 + "and a few more than thirty-five"  # 36 words


@pytest.mark.parametrize("name", FILES)
def test_it_can_be_read(name: str) -> None:
    found = prose.faults((prose.ROOT / name).read_text(encoding="utf-8"), FILES[name])
    assert not found, "\n".join(f"{name}:{line}: {what}" for line, what in found)


def test_each_kind_of_file_is_there() -> None:
    assert set(FILES.values()) == set(prose.KINDS)
    assert {Path(name).suffix for name in FILES} == {".md", ".yaml", ".rst", ".html", ".py"}


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        (f"{LONG}.", "markdown"),
        (f"Short. {LONG}", "markdown"),
        (f"- short\n- {LONG.replace(' six', chr(10) + '  six')}", "markdown"),
        (f"| short | {LONG} |", "markdown"),
        (f"[{LONG}](https://example.org)", "markdown"),
        (f"```{{note}}\n{LONG}\n```", "markdown"),
        (f"$$\nx\n$$\n\n{LONG}", "markdown"),
        (f"```\ncode\n```\n{LONG}", "markdown"),
        (f"# {LONG[:90]}\n# {LONG[90:]}\nkey: 1\n", "yaml"),
        (f"key: 'a # b'  # {LONG}\n", "yaml"),
        (f"key: normal tissue's  # {LONG}\n", "yaml"),
        (f"key: {{Description: {LONG}}}\n", "yaml"),
        (f"a {{{{ value }}}} of {LONG}", "template"),
        (f"<p>{LONG[:90]}<em>{LONG[90:]}</em></p>", "html"),
        (f'<p><img alt="{LONG}"></p>', "html"),
        (f'raise DataFault(f"{{name}}: {LONG[:90]}"\n    "{LONG[90:]}")', "python"),
    ],
)
def test_a_long_sentence_is_seen(text: str, kind: str) -> None:
    assert [fault for fault in prose.faults(text, kind) if "words" in fault.what]


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        (LONG.replace("one ", "", 1) + ".", "markdown"),
        (LONG.replace(" six", ". Six"), "markdown"),
        (f"```\n{LONG}\n```", "markdown"),
        (f"```{{math}}\n{LONG}\n```", "markdown"),
        (f"$$\n{LONG}\n$$", "markdown"),
        (f"Run `{LONG}` now.", "markdown"),
        ("| one two three four five six seven |" * 6, "markdown"),
        ("- one two three four five six seven\n" * 6, "markdown"),
        ("# of × the – same = thing + once\n" * 2, "yaml"),
        (f"<style>{LONG}</style><p>a</p>", "html"),
        (f"{{% block style %}}{LONG}{{% endblock %}}", "html"),
        (f'def f():\n    """{LONG}"""\n    return 1', "python"),
    ],
)
def test_what_can_be_read_passes(text: str, kind: str) -> None:
    assert not [fault for fault in prose.faults(text, kind) if "words" in fault.what]


def test_a_long_line_is_seen_but_for_code_and_addresses() -> None:
    assert [fault.what for fault in prose.faults("an end. " * 15 + "x", "markdown")] == ["121 characters in a line"]
    assert not prose.faults("an end. " * 15, "markdown")
    assert not prose.faults(f"```bash\n{'run ' * 40}\n```\n[a](https://example.org/{'a' * 120})", "markdown")


def test_abbreviations_and_decimals_end_no_sentence() -> None:
    assert [block.text for block in prose.markdown("It is 0.5. - And 1. not an item")] == [
        "It is 0.5. - And 1. not an item"
    ]
    assert prose.sentences("Wells et al. (1996) found 0.5 mL, e.g. here. And there.") == [
        "Wells et al (1996) found 0.5 mL, eg here",
        "And there",
    ]


def test_the_command_names_what_it_finds(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch) -> None:
    (tmp_path / "README.md").write_text(f"{LONG}.\n", encoding="utf-8")
    monkeypatch.setattr(prose, "ROOT", tmp_path)
    assert prose.main([]) == 1
    assert "README.md:1: 36 words" in capsys.readouterr().out
    (tmp_path / "README.md").write_text("Short.\n", encoding="utf-8")
    assert prose.main([]) == 0
