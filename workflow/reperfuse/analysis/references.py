"""What a methods text cites, from config/references.bib."""

import re
from functools import cache

from reperfuse.study.options import REFERENCES

#: The publication behind each criterion of the catalogue.
OF_CRITERION = {
    "generic": "butcher2005",
    "defuse": "albers2006",
    "epithet": "davis2008",
    "defuse2": "lansberg2012",
    "defuse3": "albers2018",
    "extend_ia": "campbell2015",
    "extend": "ma2019",
    "swift_prime": "saver2015",
    "dawn": "nogueira2018",
    "relative_flow": "kamalian2012",
    "reversal": "kidwell2000",
    "asl2023": "asl2023",
}


@cache
def entries() -> dict[str, str]:
    """Return the BibTeX of each reference by its key."""
    found = re.findall(r"^@\w+\{(\w+),\n.*?^\}\n", text := REFERENCES.read_text(encoding="utf-8"), re.M | re.S)
    blocks = re.findall(r"^@\w+\{\w+,\n.*?^\}\n", text, re.M | re.S)
    return dict(zip(found, blocks, strict=True))


def cited(text: str) -> list[str]:
    """Return the keys that a text cites as ``[@key]`` or ``[@key; @key]``, each once, in alphabetical order."""
    return sorted({key for group in re.findall(r"\[(@[^\]]+)\]", text) for key in re.findall(r"@(\w+)", group)})


def bibliography(text: str) -> str:
    """Return what a text cites as BibTeX."""
    return "\n".join(entries()[key] for key in cited(text))


def in_words(key: str) -> str:
    """Return a reference as a line of a list."""
    fields = dict(re.findall(r"^  (\w+) = \{(.*)\},$", entries()[key], re.M))
    plain = {name: re.sub(r"[{}\\]", "", text).replace("--", "–") for name, text in fields.items()}
    author = plain.get("author", "").replace(" and others", ", et al.")
    where = " ".join(filter(None, (plain.get("journal", plain.get("howpublished")), plain.get("volume"))))
    where += f":{plain['pages']}" if "pages" in plain else ""
    link = f"doi:{plain['doi']}" if "doi" in plain else plain.get("note", "")
    parts = (author, plain.get("title", ""), where, plain.get("year", ""), link)
    return ". ".join(part.rstrip(".") for part in parts if part)
