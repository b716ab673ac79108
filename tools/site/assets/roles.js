// Filters the rows of role tables. Without it, all rows are shown. The words are in the address (?filter=), so that a search can be sent to others.
(() => {
  const place = document.querySelector(".role-filter");
  if (!place) return;
  const tables = [...document.querySelectorAll(".md-typeset table")].filter((table) => table.tHead?.rows[0]?.cells[0]?.textContent === "Method");
  const rows = tables.flatMap((table) => [...table.tBodies[0].rows].map((row) => ({ table, row, text: row.textContent.toLowerCase() })));
  const total = rows.filter(({ table }) => table.tHead.rows[0].cells[2].textContent !== "If").length;

  place.innerHTML = '<label>Filter <input type="search" autocomplete="off" spellcheck="false" placeholder="post users, view-clients, …"></label> <output></output>';
  place.hidden = false;
  const input = place.querySelector("input");

  const apply = () => {
    const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
    const shown = new Set();
    let count = 0;
    for (const { table, row, text } of rows) {
      row.hidden = !words.every((word) => text.includes(word));
      if (!row.hidden) {
        shown.add(table);
        if (table.tHead.rows[0].cells[2].textContent !== "If") count += 1;
      }
    }
    for (const table of tables) table.hidden = !shown.has(table);
    hideEmptySections(words.length > 0, shown);
    place.querySelector("output").textContent = words.length ? `${count} of ${total} operations` : `${total} operations`;
  };

  const hideEmptySections = (filtering, shown) => {
    let heading = null;
    let used = false;
    let after = [];
    const close = () => {
      if (heading) for (const element of [heading, ...after]) element.hidden = filtering && !used;
    };
    for (const element of place.parentElement.children) {
      if (element.tagName === "H2") {
        close();
        [heading, used, after] = [element, false, []];
      } else if (heading) {
        const table = element.matches("table") ? element : element.querySelector("table");
        if (table && shown.has(table)) used = true;
        if (!table) after.push(element);
      }
    }
    close();
  };

  input.addEventListener("input", () => {
    apply();
    const address = new URL(location);
    if (input.value) address.searchParams.set("filter", input.value);
    else address.searchParams.delete("filter");
    history.replaceState(null, "", address);
  });
  input.value = new URL(location).searchParams.get("filter") ?? "";
  apply();
})();
