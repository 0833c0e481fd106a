"use strict";
// Tables that a reader can sort by a click on a head, search and filter. Without this script they are whole, in their first order.

const languages = new Intl.Collator("en", { numeric: true, sensitivity: "base" });

// the number that a cell shows, its text, or null where it has no value
function valueOf(cell) {
  const text = cell.textContent.trim();
  if (text === "" || text === "n/a") return null;
  if (!cell.classList.contains("number")) return text;
  const number = Number(text.replace("−", "-").replace("∞", "Infinity"));
  return Number.isNaN(number) ? text : number;
}

function compare(one, other) {
  return typeof one === "number" && typeof other === "number" ? one - other : languages.compare(one, other);
}

function sortBy(table, head) {
  const sign = head.getAttribute("aria-sort") === "ascending" ? -1 : 1;
  const body = table.tBodies[0];
  const rows = [...body.rows].map((row) => [valueOf(row.cells[head.cellIndex]), row]);
  const having = rows.filter(([value]) => value !== null).sort(([one], [other]) => sign * compare(one, other));
  // what has no value comes last either way
  const lacking = rows.filter(([value]) => value === null);
  body.replaceChildren(...[...having, ...lacking].map(([, row]) => row));
  for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
  head.setAttribute("aria-sort", sign > 0 ? "ascending" : "descending");
}

function filter(table, words, status, told) {
  const wanted = words.toLowerCase().split(/\s+/).filter(Boolean);
  const rows = [...table.tBodies[0].rows];
  let shown = 0;
  for (const row of rows) {
    row.searched ??= row.textContent.toLowerCase();
    row.hidden = !(wanted.every((word) => row.searched.includes(word)) && (!status || row.dataset.status === status));
    if (!row.hidden) shown += 1;
  }
  told.textContent = `${shown} of ${rows.length}`;
}

for (const table of document.querySelectorAll("table.sortable")) {
  for (const head of table.tHead.rows[0].cells) {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    button.addEventListener("click", () => sortBy(table, head));
    head.append(button);
  }
}

for (const tools of document.querySelectorAll(".tools")) {
  const table = document.getElementById(tools.dataset.table);
  const [search, status, told] = ["input", "select", "output"].map((name) => tools.querySelector(name));
  const apply = () => filter(table, search.value, status ? status.value : "", told);
  tools.addEventListener("input", apply);
  tools.hidden = false;
  apply();
}

for (const table of document.querySelectorAll("table.long")) {
  const button = document.createElement("button");
  const fold = (folded) => {
    table.classList.toggle("folded", folded);
    button.textContent = folded ? `Show all ${table.tBodies[0].rows.length} rows` : "Show fewer rows";
    button.setAttribute("aria-expanded", String(!folded));
  };
  button.type = "button";
  button.addEventListener("click", () => fold(!table.classList.contains("folded")));
  table.parentElement.after(button);
  fold(true);
}
