"use strict";
const table = document.querySelector("#cases"), body = table.tBodies[0];
const buttons = [...table.tHead.querySelectorAll("button")];
buttons.forEach((button, column) => button.addEventListener("click", () => {
  const way = button.getAttribute("aria-sort") === "ascending" ? -1 : 1;
  for (const other of buttons) other.removeAttribute("aria-sort");
  button.setAttribute("aria-sort", way > 0 ? "ascending" : "descending");
  const of = (row) => row.cells[column].dataset.value || row.cells[column].textContent;
  body.append(...[...body.rows].sort((a, b) => way * of(a).localeCompare(of(b), undefined, { numeric: true })));
}));
