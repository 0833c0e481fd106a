"""Write the parts of the documentation that are made from the code."""

from pages import DOCS, MADE, page

for name in MADE:
    (DOCS / name).write_text(page(name), encoding="utf-8")
