"use strict";
// A reader rates each session, by click or key, and saves the ratings as a table. Nothing leaves the page but that file.
// The browser keeps them too, where it may: a page opened again shows what was rated.

{
  const form = document.querySelector(".rating");
  const [session, told, keys] = ["select", "output", "[type=checkbox]"].map((what) => form.querySelector(what));
  const { note, rater } = form.elements;
  const buttons = [...form.querySelectorAll("[data-rating]")];
  const options = [...session.options];
  const COLUMNS = ["participant_id", "session_id", "rater", "rating", "note", "time", "version"];
  const [RATER, RATINGS] = ["reperfuse rater", `reperfuse ratings ${location.pathname}`];
  // by session: rating, note, and when and on which version's page either was last changed
  let ratings = {};

  // A browser may forbid what it keeps, or have lost it.
  function kept(name) {
    try {
      return JSON.parse(localStorage.getItem(name));
    } catch {
      return null;
    }
  }

  function keep(name, value) {
    try {
      localStorage.setItem(name, JSON.stringify(value));
    } catch {
      // the page itself holds it
    }
  }

  function cell(text) {
    return text.replace(/[\p{Cc}\p{Zl}\p{Zp}]+/gu, " ").trim() || "n/a";
  }

  const ratingOf = (label) => ratings[label]?.rating ?? "";
  const rated = () => options.filter((option) => ratingOf(option.value));

  function show(sentence) {
    for (const option of options) {
      option.textContent = [option.value, ratingOf(option.value)].filter(Boolean).join(": ");
    }
    for (const button of buttons) {
      button.setAttribute("aria-pressed", String(button.dataset.rating === ratingOf(session.value)));
    }
    if (note.value !== (ratings[session.value]?.note ?? "")) note.value = ratings[session.value]?.note ?? "";
    told.textContent = `${sentence} ${rated().length} of ${options.length} rated.`.trim();
  }

  function change(changes) {
    const before = ratings[session.value] ?? { rating: "", note: "" };
    const { version } = form.dataset;
    ratings[session.value] = { ...before, ...changes, time: new Date().toISOString(), version };
    keep(RATINGS, ratings);
  }

  function rate(rating) {
    const chosen = ratingOf(session.value) === rating ? "" : rating;
    change({ rating: chosen });
    show(`${session.value}: ${chosen || "not rated"}.`);
  }

  function goOn() {
    session.selectedIndex = (session.selectedIndex + 1) % options.length;
    show(`${session.value}: ${ratingOf(session.value) || "not rated"}.`);
  }

  function save() {
    if (!rated().length) return show("No session is rated yet.");
    if (cell(rater.value) === "n/a") {
      rater.focus();
      return show("Who rates? Write the rater's name first.");
    }
    const { participant } = form.dataset;
    const said = options.filter(({ value }) => ratingOf(value) || ratings[value]?.note.trim());
    const rows = said.map(({ value }) => {
      const { rating, note: words, time, version } = ratings[value];
      return [participant, value, rater.value, rating, words, time, version].map(cell);
    });
    const text = [COLUMNS, ...rows].map((row) => `${row.join("\t")}\n`).join("");
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([text], { type: "text/tab-separated-values" }));
    link.download = `${participant}_desc-rating.tsv`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60000);
    show(`Saved as ${link.download}.`);
  }

  // Text fields, and lists that look for what is typed, need the letters themselves.
  const takesLetters = (one) => one.isContentEditable || one.matches("textarea, select, input:not([type=checkbox], [type=range])");

  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.ctrlKey || event.altKey || event.metaKey || event.repeat) return;
    if (!keys.checked || takesLetters(event.target)) return;
    form.querySelector(`[data-key="${CSS.escape(event.key.toLowerCase())}"]`)?.click();
  });
  for (const button of buttons) button.addEventListener("click", () => rate(button.dataset.rating));
  form.querySelector("[data-key=n]").addEventListener("click", goOn);
  form.querySelector(".save").addEventListener("click", save);
  session.addEventListener("change", () => show(""));
  note.addEventListener("input", () => change({ note: note.value }));
  rater.addEventListener("input", () => keep(RATER, rater.value));
  form.addEventListener("submit", (event) => event.preventDefault());

  ratings = kept(RATINGS) ?? {};
  rater.value = kept(RATER) ?? "";
  form.hidden = options.length === 0;
  show("");
}
