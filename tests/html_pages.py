"""A page as a program reads it."""

from html.parser import HTMLParser

#: Text that would run if a page did not escape it.
NASTY = '"><script>alert(\'x\')</script> & "more"'


class Reader(HTMLParser):
    """Checks that elements close in order, and gathers text, images, inputs, scripts and addresses."""

    VOID = frozenset({"meta", "img", "br", "input", "wbr"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.images: list[dict] = []
        self.inputs: list[dict] = []
        self.labels: list[str] = []
        self.scripts: list[str] = []
        self.addresses: list[str] = []
        self.tags: set[str] = set()
        self.text = ""
        self.feed(text)
        assert not self.open

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        values = dict(attrs)
        self.addresses += [values[key] for key in ("href", "src") if key in values]
        if tag == "input":
            self.inputs.append(values)
        if tag == "label" and "for" in values:
            self.labels.append(values["for"])
        if tag == "img":
            self.images.append(values)
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if not self.open:
            return
        if self.open[-1] == "script":
            self.scripts.append(data)
        if self.open[-1] not in ("style", "script"):
            self.text = f"{self.text} {' '.join(data.split())}".strip()
