// Filters the role table while you type. Without this script, the form asks the server.
"use strict";
(() => {
  const form = document.querySelector("form.filter");
  const shown = document.getElementById("shown");
  const q = form.elements.q;
  if (q.value) return; // the server has filtered the table already; a new search asks it again
  const rows = [...document.querySelectorAll("#roles tbody tr")].map((row) => [row, row.textContent.toLowerCase()]);
  form.querySelector("button").hidden = true;
  form.addEventListener("submit", (event) => event.preventDefault());
  q.addEventListener("input", () => {
    const words = q.value.toLowerCase().split(/\s+/).filter(Boolean);
    let visible = 0;
    for (const [row, text] of rows) {
      row.hidden = !words.every((word) => text.includes(word));
      visible += !row.hidden;
    }
    shown.textContent = `${visible} of ${rows.length} operations`;
    history.replaceState(null, "", q.value ? `/roles?${new URLSearchParams({ q: q.value })}` : "/roles");
  });
})();
