// The forms of a fix as tabs (ARIA Authoring Practices, tabs with automatic activation). Without this script, they are one below the other.
"use strict";
(() => {
  const STORED = "kcproxy-form";
  const groups = [];

  function remembered() {
    try {
      return localStorage.getItem(STORED);
    } catch {
      return null; // storage is switched off
    }
  }

  function remember(kind) {
    try {
      localStorage.setItem(STORED, kind);
    } catch {
      // as above
    }
  }

  function select(tabs, chosen) {
    for (const [tab, panel] of tabs) {
      const on = tab === chosen;
      tab.setAttribute("aria-selected", String(on));
      tab.tabIndex = on ? 0 : -1;
      panel.hidden = !on;
    }
  }

  function choose(kind) {
    remember(kind);
    for (const tabs of groups) {
      const found = [...tabs.keys()].find((tab) => tab.dataset.kind === kind);
      if (found) select(tabs, found);
    }
  }

  function step(tabs, tab, key) {
    const all = [...tabs.keys()];
    const places = { ArrowRight: all.indexOf(tab) + 1, ArrowLeft: all.indexOf(tab) - 1 + all.length, Home: 0, End: all.length - 1 };
    return key in places ? all[places[key] % all.length] : null;
  }

  for (const group of document.querySelectorAll(".forms")) {
    const panels = [...group.querySelectorAll(".form")];
    if (panels.length < 2) continue;
    const bar = document.createElement("div");
    bar.className = "tabs";
    bar.setAttribute("role", "tablist");
    bar.setAttribute("aria-label", group.dataset.label);
    const tabs = new Map();
    for (const panel of panels) {
      const tab = Object.assign(document.createElement("button"), { type: "button", textContent: panel.dataset.title, id: `tab-${panel.id}` });
      tab.dataset.kind = panel.dataset.form;
      tab.setAttribute("role", "tab");
      tab.setAttribute("aria-controls", panel.id);
      panel.setAttribute("role", "tabpanel");
      panel.setAttribute("aria-labelledby", tab.id);
      tab.addEventListener("click", () => choose(tab.dataset.kind));
      tab.addEventListener("keydown", (event) => {
        const next = step(tabs, tab, event.key);
        if (!next) return;
        event.preventDefault();
        choose(next.dataset.kind);
        next.focus();
      });
      tabs.set(tab, panel);
      bar.append(tab);
    }
    group.prepend(bar);
    group.classList.add("tabbed");
    groups.push(tabs);
    select(tabs, [...tabs.keys()].find((tab) => tab.dataset.kind === remembered()) ?? tabs.keys().next().value);
  }
})();
