"use strict";
{
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];
  const root = document.documentElement;

  // Light and dark: as the system has it, until the button says otherwise. What a file remembers is not
  // kept where a browser forbids it.
  const theme = document.getElementById("theme");
  const isDark = () => root.dataset.theme
    ? root.dataset.theme === "dark"
    : matchMedia("(prefers-color-scheme: dark)").matches;
  const name = () => { theme.textContent = isDark() ? "Light" : "Dark"; };
  try { root.dataset.theme = localStorage.getItem("rungs-theme") ?? ""; } catch { /* forbidden */ }
  theme.hidden = false;
  theme.onclick = () => {
    root.dataset.theme = isDark() ? "light" : "dark";
    try { localStorage.setItem("rungs-theme", root.dataset.theme); } catch { /* forbidden */ }
    name();
  };
  matchMedia("(prefers-color-scheme: dark)").onchange = name;
  name();

  // Servers that are put out.
  for (const box of all("[data-server]")) {
    const show = () => {
      const own = `figure .s${box.dataset.server}, tr.s${box.dataset.server}`;
      for (const one of all(own)) one.classList.toggle("out", !box.checked);
    };
    box.onchange = show;
    // A browser may remember a box that was put out before.
    if (!box.checked) show();
  }

  // The value at hand: the mark that is nearest to the pointer, or that the arrow keys have come to.
  const tip = document.getElementById("tip");
  for (const chart of all("figure > svg")) {
    // The words are taken out of the marks, or the browser would show them a second time: when they are
    // first asked for, since there are thousands of them.
    const take = () => {
      for (const title of all(".marks title", chart)) {
        title.parentNode.dataset.words = title.textContent;
        title.remove();
      }
    };
    chart.addEventListener("pointerenter", take, { once: true });
    chart.addEventListener("focus", take, { once: true });
    const marks = () => all(".marks:not(.out) path", chart);
    let current = null;
    const leave = () => {
      current?.classList.remove("at");
      current = null;
      chart.classList.remove("one");
      for (const one of all(".this", chart)) one.classList.remove("this");
      tip.classList.remove("shown");
    };
    const come = (mark) => {
      if (mark === current) return;
      leave();
      current = mark;
      mark.classList.add("at");
      const own = [...mark.parentNode.classList].find((name) => /^s\d/.test(name));
      for (const one of all(`.${own}`, chart)) one.classList.add("this");
      chart.classList.add("one");
      tip.textContent = mark.dataset.words;
      const at = mark.getBoundingClientRect();
      const width = tip.offsetWidth;
      const left = Math.max(4, Math.min(at.left + at.width / 2 - width / 2, innerWidth - width - 4));
      const above = at.top - tip.offsetHeight - 8;
      tip.style.left = `${left}px`;
      tip.style.top = `${above > 4 ? above : at.bottom + 8}px`;
      tip.classList.add("shown");
    };
    const middle = (mark) => {
      const box = mark.getBoundingClientRect();
      return [box.left + box.width / 2, box.top + box.height / 2];
    };
    // A finger does not hover: it comes, and stays until it comes elsewhere.
    chart.onpointermove = chart.onpointerdown = (event) => {
      let best = null;
      let least = 32;
      for (const mark of marks()) {
        const [x, y] = middle(mark);
        const distance = Math.hypot(x - event.clientX, y - event.clientY);
        if (distance < least) [best, least] = [mark, distance];
      }
      if (best) come(best); else leave();
    };
    chart.onpointerleave = (event) => { if (event.pointerType !== "touch") leave(); };
    chart.onblur = leave;
    chart.onkeydown = (event) => {
      const step = { ArrowRight: [0, 1], ArrowLeft: [0, -1], ArrowDown: [1, 0], ArrowUp: [-1, 0] }[event.key];
      if (event.key === "Escape") leave();
      if (!step) return;
      event.preventDefault();
      const lines = all(".marks:not(.out)", chart).filter((line) => line.children.length);
      if (!lines.length) return;
      let line = Math.max(0, lines.indexOf(current?.parentNode));
      let place = current ? [...lines[line].children].indexOf(current) : 0;
      if (current) {
        line = (line + step[0] + lines.length) % lines.length;
        place = Math.min(place, lines[line].children.length - 1);
        place = (place + step[1] + lines[line].children.length) % lines[line].children.length;
      }
      come(lines[line].children[place]);
    };
  }

  // Tables that sort by a column; what has no value comes last either way.
  for (const table of all("table.sortable")) {
    for (const [index, head] of all("thead th", table).entries()) {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = head.textContent;
      head.replaceChildren(button);
      button.onclick = () => {
        const up = head.getAttribute("aria-sort") !== "ascending";
        for (const other of all("thead th", table)) other.removeAttribute("aria-sort");
        head.setAttribute("aria-sort", up ? "ascending" : "descending");
        const body = table.tBodies[0];
        const key = (row) => {
          const cell = row.cells[index];
          return cell.dataset.value === undefined ? cell.textContent.trim() : Number(cell.dataset.value);
        };
        const rank = (value) => (value === "–" ? 1 : 0);
        const order = (one, next) => {
          const [a, b] = [key(one), key(next)];
          const missing = rank(a) - rank(b);
          if (missing) return missing;
          const way = typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b));
          return up ? way : -way;
        };
        body.append(...[...body.rows].sort(order));
      };
    }
  }

  // Paper does not open.
  let opened = [];
  addEventListener("beforeprint", () => {
    opened = all("details:not([open])");
    for (const one of opened) one.open = true;
  });
  addEventListener("afterprint", () => { for (const one of opened) one.open = false; });
}
