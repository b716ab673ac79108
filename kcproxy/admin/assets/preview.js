// The keyboard (j, k, Enter, /, n, p) and the sentence of the selected row.
"use strict";
window.kcproxyPreview = (() => {
  const table = document.getElementById("table");
  const preview = document.getElementById("preview");
  const keys = document.getElementById("keys");
  const search = document.getElementById("q");
  let described = null;
  let find = () => null;

  function clock(iso) {
    const date = new Date(iso);
    const isToday = date.toDateString() === new Date().toDateString();
    return isToday ? date.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" }) : date.toLocaleString([], { dateStyle: "medium", timeStyle: "short" });
  }

  function change({ at, to }) {
    if (to === "role-revoked") return `worked until ${clock(at)}, when the role was revoked`;
    return to === "fixed" ? `fixed ${clock(at)}` : `${to} since ${clock(at)}`;
  }

  function show(row) {
    const group = row && find(row.dataset.group);
    preview.hidden = !group;
    document.body.classList.toggle("previewed", Boolean(group));
    for (const other of table.querySelectorAll("tr.selected")) other.classList.remove("selected");
    described = group ? row.dataset.group : null;
    if (!group) return;
    row.classList.add("selected");
    const { visible } = window.kcproxyRows;
    const times = group.count === 1 ? "once" : `${group.count} times since ${clock(group.firstAt)}`;
    preview.querySelector('[data-preview="summary"]').textContent = visible(group.summary);
    preview.querySelector('[data-preview="course"]').textContent = visible([`${group.status} ${group.why} (${group.confidence})`, times, ...(group.instances ? [`instances: ${group.instances.join(", ")}`] : []), ...group.changes.map(change)].join(" · "));
  }

  function move(step) {
    const links = [...table.querySelectorAll('[data-field="link"]')];
    const row = document.activeElement.closest?.("tr.kind") ?? table.querySelector("tr.selected");
    const place = row ? links.findIndex((link) => row.contains(link)) + step : 0;
    const link = links[Math.min(Math.max(place, 0), links.length - 1)];
    if (!link) return;
    link.focus();
    document.body.style.setProperty("--preview-height", `${preview.offsetHeight}px`); // the row must not end behind the sentence
    link.closest("tr").scrollIntoView({ block: "nearest" });
  }

  const ACTIONS = {
    j: () => move(1),
    k: () => move(-1),
    "/": () => search.focus(),
    n: () => document.getElementById("fresh").click(),
    p: () => document.getElementById("pause").click(),
  };

  function isTyping(element) {
    return element.matches("input:not([type=checkbox]), select, textarea");
  }

  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && isTyping(document.activeElement)) return document.activeElement.blur();
    if (event.key === "Escape") return show(null);
    const action = ACTIONS[event.key];
    if (!keys.checked || !action || event.ctrlKey || event.metaKey || event.altKey || isTyping(document.activeElement)) return;
    event.preventDefault();
    action();
  });
  table.addEventListener("focusin", (event) => show(event.target.closest("tr.kind")));
  table.addEventListener("click", (event) => {
    if (!event.target.closest("a")) show(event.target.closest("tr.kind"));
  });

  return {
    // `lookup` finds the group of a row.
    follow(lookup) {
      find = lookup;
    },
    refresh() {
      if (described) show([...table.querySelectorAll("tr.kind")].find((row) => row.dataset.group === described) ?? null);
    },
  };
})();
