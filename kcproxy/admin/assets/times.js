// Relative times ("12 s ago", "in 4 min"). The exact time is in the title. Without this script, the ISO time is shown.
"use strict";
(() => {
  const steps = [[60, 1, "s"], [3600, 60, "min"], [86400, 3600, "h"], [Infinity, 86400, "d"]];
  function ago(iso) {
    const past = Math.round((Date.now() - Date.parse(iso)) / 1000);
    const seconds = Math.abs(past);
    const [, size, unit] = steps.find(([limit]) => seconds < limit);
    const amount = `${Math.floor(seconds / size)} ${unit}`;
    if (past < 2) return past < -5 ? `in ${amount}` : "just now"; // two clocks differ by some seconds
    return `${amount} ago`;
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
