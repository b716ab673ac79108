// Copy buttons copy exactly the displayed text. They are hidden if scripts are off.
"use strict";
(() => {
  const news = document.getElementById("news");
  function select(text) {
    // If the page is not a secure origin, browsers offer only this clipboard.
    const area = document.createElement("textarea");
    area.value = text;
    document.body.append(area);
    area.select();
    const done = document.execCommand("copy");
    area.remove();
    return done;
  }
  async function copy(text) {
    if (!navigator.clipboard) return select(text);
    try {
      await navigator.clipboard.writeText(text);
      return true;
    } catch {
      return select(text);
    }
  }
  for (const button of document.querySelectorAll("button.copy")) {
    button.hidden = false;
    const label = button.firstChild.textContent;
    button.addEventListener("click", async () => {
      const text = button.dataset.text;
      const done = await copy(text);
      button.firstChild.textContent = done ? "Copied" : "Press Ctrl+C";
      news.textContent = done ? "Copied." : "The browser does not allow copying. Select the text.";
      button.focus();
      setTimeout(() => { button.firstChild.textContent = label; }, 2000);
    });
  }
})();
