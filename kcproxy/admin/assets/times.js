// Relative times ("12 s ago"). The exact time is in the title. Without this script, the ISO time is shown.
"use strict";
(() => {
  const steps = [[60, 1, "s"], [3600, 60, "min"], [86400, 3600, "h"], [Infinity, 86400, "d"]];
  function ago(iso) {
    const seconds = Math.max(0, Math.round((Date.now() - Date.parse(iso)) / 1000));
    const [, size, unit] = steps.find(([limit]) => seconds < limit);
    return seconds < 2 ? "just now" : `${Math.floor(seconds / size)} ${unit} ago`;
  }
  function refresh() {
    if (document.documentElement.hasAttribute("data-paused")) return;
    for (const element of document.querySelectorAll("time[datetime]")) {
      const text = ago(element.dateTime);
      if (element.textContent !== text) element.textContent = text;
      element.title = element.dateTime;
    }
  }
  window.kcproxyTimes = refresh;
  refresh();
  setInterval(refresh, 5000);
})();
