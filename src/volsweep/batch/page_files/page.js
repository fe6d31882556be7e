"use strict";
const find = (selector, within = document) => within.querySelector(selector);
const main = find("#cards"), viewer = find("#viewer"), filters = find("#filters");
const cards = [...main.children];
filters.append(find("#buttons").content);

// Verdicts live in this browser until they are saved as a file.
const shelf = "volsweep-review " + location.pathname;
let verdicts = {};
try { verdicts = JSON.parse(localStorage.getItem(shelf)) || {}; } catch { /* private windows have no storage */ }
let wanted = "", shown = cards;

function judge(card, verdict) {
  if (verdict) verdicts[card.dataset.name] = verdict; else delete verdicts[card.dataset.name];
  try { localStorage.setItem(shelf, JSON.stringify(verdicts)); } catch { /* as above */ }
  mark();
}

function mark() {
  for (const card of cards) {
    const verdict = verdicts[card.dataset.name];
    if (verdict) card.dataset.verdict = verdict; else delete card.dataset.verdict;
  }
  const seen = cards.filter((card) => card.dataset.verdict).length;
  find("#progress").textContent = `${shown.length} shown · ${seen} reviewed`;
  find("[data-filter=unseen] b").textContent = cards.length - seen;
}

function arrange() {
  const [field, way] = find("#sort").value.split(":");
  const words = find("#search").value.toLowerCase().split(/\s+/).filter(Boolean);
  const order = (a, b) => (a.dataset[field] - b.dataset[field]) * way || a.dataset.line - b.dataset.line;
  cards.sort(order);
  shown = cards.filter((card) => {
    const fits = wanted === "unseen" ? !card.dataset.verdict : !wanted || card.dataset.state === wanted;
    const text = words.length ? card.textContent.toLowerCase() : "";
    card.hidden = !(fits && words.every((word) => text.includes(word)));
    return !card.hidden;
  });
  main.append(...cards);
  find("#nothing").hidden = shown.length > 0;
  mark();
}

// What readers of a worklist made of the series; words of theirs are text, never HTML.
const readings = JSON.parse(find("#readings").dataset.readings || "{}");
for (const card of cards) {
  const read = readings[card.dataset.name] || [];
  if (!read.length) continue;
  const line = document.createElement("p");
  line.className = "readers small";
  read.forEach(({ reader, outcome, reason }, n) => {
    const one = document.createElement("span");
    one.className = outcome;
    one.textContent = `${n ? " · " : ""}${reader}: ${outcome}${reason ? `, ${reason}` : ""}`;
    line.append(one);
  });
  find(".small", card).before(line);
}

async function copy(button) {
  const { copy: text } = button.dataset;
  try {
    await navigator.clipboard.writeText(text);
    button.textContent = "Copied";
  } catch { // not allowed here: it is marked, to be copied by hand
    getSelection().selectAllChildren(button.nextElementSibling);
    button.textContent = document.execCommand("copy") ? "Copied" : "Marked: Ctrl+C";
  }
  setTimeout(() => { button.textContent = "Copy command"; }, 2000);
}

let current = null;
function show(card) {
  if (!card) return;
  current = card;
  const picture = find("img", card);
  const image = find("img", viewer);
  image.hidden = !picture;
  if (picture) { image.src = picture.src; image.alt = picture.alt; }
  find("h2", viewer).textContent = card.dataset.name;
  find("span", viewer).textContent = card.dataset.verdict || find(".badge", card).textContent;
  for (const button of viewer.querySelectorAll("[data-verdict]"))
    button.setAttribute("aria-pressed", button.dataset.verdict === card.dataset.verdict);
  if (!viewer.open) viewer.showModal();
}

function step(by) {
  const at = shown.indexOf(current) + by;
  if (at >= 0 && at < shown.length) show(shown[at]);
}

function decide(verdict) {
  judge(current, verdict);
  if (verdict && shown.indexOf(current) < shown.length - 1) step(1); else show(current);
}

filters.addEventListener("click", ({ target }) => {
  const button = target.closest("button");
  if (!button) return;
  wanted = button.dataset.filter;
  for (const other of filters.children) other.setAttribute("aria-pressed", other === button);
  arrange();
});
find("#sort").addEventListener("change", arrange);
find("#search").addEventListener("input", arrange);
main.addEventListener("click", (event) => {
  const button = event.target.closest(".copy");
  if (button) { copy(button); return; }
  const picture = event.target.closest(".picture");
  if (!picture || event.ctrlKey || event.metaKey) return;
  event.preventDefault();
  show(picture.closest("article"));
});
viewer.addEventListener("click", ({ target }) => {
  if (target === viewer) viewer.close();
  if (target.dataset.verdict) decide(target.dataset.verdict);
});
viewer.addEventListener("close", () => current && current.scrollIntoView({ block: "nearest" }));
document.addEventListener("keydown", (event) => {
  if (!viewer.open || event.ctrlKey || event.metaKey || event.altKey) return;
  const action = {
    ArrowLeft: () => step(-1), ArrowRight: () => step(1),
    a: () => decide("accepted"), r: () => decide("rejected"), u: () => decide(null),
  }[event.key];
  if (action) { event.preventDefault(); action(); }
});
find("#save").addEventListener("click", () => {
  const cell = (text) => `"${(/^[=+\-@]/.test(text) ? "'" : "") + text.replaceAll('"', '""')}"`;
  const rows = cards.filter((card) => card.dataset.verdict)
    .map((card) => [card.dataset.line, cell(card.dataset.name), card.dataset.verdict].join(","));
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([["line,name,verdict", ...rows, ""].join("\n")], { type: "text/csv" }));
  link.download = "review.csv";
  link.click();
  URL.revokeObjectURL(link.href);
});
arrange();
