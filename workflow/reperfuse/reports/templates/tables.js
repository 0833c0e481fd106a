"use strict";
// Tables that a reader can sort by a click on a head, search and filter. Without this script they are whole, in their first order.

const letters = new Intl.Collator("en", { numeric: true, sensitivity: "base" });

// the number that a cell shows, its text, or null where it has no value
function valueOf(cell) {
  const text = cell.textContent.trim();
  if (text === "" || text === "n/a") return null;
  if (!cell.classList.contains("number")) return text;
  const number = Number(text.replace("−", "-").replace("∞", "Infinity"));
  return Number.isNaN(number) ? text : number;
}

function compare(one, other) {
  return typeof one === "number" && typeof other === "number" ? one - other : letters.compare(one, other);
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

// Shows the rows that match, and of many only the first: a browser takes half a second to lay out hundreds.
function update(view) {
  const words = view.search.value.toLowerCase().split(/\s+/).filter(Boolean);
  const chosen = view.selects.filter((select) => select.value);
  const rows = [...view.table.tBodies[0].rows];
  let matching = 0;
  for (const row of rows) {
    row.searched ??= row.textContent.toLowerCase();
    const isChosen = chosen.every((select) => row.dataset[select.name].split(" ").includes(select.value));
    row.hidden = !(isChosen && words.every((word) => row.searched.includes(word)));
    if (!row.hidden) matching += 1;
    row.classList.toggle("later", matching > view.most);
  }
  view.told.textContent = `${matching} of ${rows.length}`;
  view.more.hidden = matching <= view.most;
  view.more.textContent = `Show all ${matching} rows`;
}

for (const tools of document.querySelectorAll(".tools")) {
  const [search, told] = ["input", "output"].map((name) => tools.querySelector(name));
  const selects = [...tools.querySelectorAll("select")];
  const view = { table: document.getElementById(tools.dataset.table), search, selects, told, most: 100 };
  view.more = document.createElement("button");
  view.more.addEventListener("click", () => {
    view.most = Infinity;
    update(view);
  });
  view.table.parentElement.after(view.more);
  for (const head of view.table.tHead.rows[0].cells) {
    const button = document.createElement("button");
    button.append(...head.childNodes);
    button.addEventListener("click", () => {
      sortBy(view.table, head);
      update(view);
    });
    head.append(button);
  }
  tools.addEventListener("input", () => update(view));
  tools.addEventListener("submit", (event) => event.preventDefault());
  tools.hidden = false;
  update(view);
}

for (const table of document.querySelectorAll("table.long")) {
  const button = document.createElement("button");
  const fold = (folded) => {
    table.classList.toggle("folded", folded);
    button.textContent = folded ? `Show all ${table.tBodies[0].rows.length} rows` : "Show fewer rows";
    button.setAttribute("aria-expanded", String(!folded));
  };
  button.addEventListener("click", () => fold(!table.classList.contains("folded")));
  table.parentElement.after(button);
  fold(true);
}
