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

  // The value at hand: the mark that is nearest to the pointer, or that the arrow keys have come to. There
  // is one, in whichever chart.
  const tip = document.getElementById("tip");
  let current = null;
  const leave = () => {
    if (!current) return;
    const chart = current.ownerSVGElement;
    current.classList.remove("at");
    current = null;
    chart.classList.remove("one");
    for (const one of all(".this", chart)) one.classList.remove("this");
    tip.classList.remove("shown");
    // Or it would be read at the end of the page, and not again for the same mark.
    tip.textContent = "";
  };
  const place = () => {
    const at = current.getBoundingClientRect();
    // At the right edge it would be narrower than its words.
    tip.style.left = "0";
    const [width, height] = [tip.offsetWidth, tip.offsetHeight];
    const left = Math.max(4, Math.min(at.left + at.width / 2 - width / 2, innerWidth - width - 4));
    const above = at.top - height - 8;
    tip.style.left = `${left}px`;
    tip.style.top = `${Math.min(above > 4 ? above : at.bottom + 8, innerHeight - height - 4)}px`;
  };
  const come = (mark) => {
    if (mark === current) return;
    leave();
    current = mark;
    const chart = mark.ownerSVGElement;
    mark.classList.add("at");
    const own = [...mark.parentNode.classList].find((name) => /^s\d/.test(name));
    for (const one of all(`.${own}`, chart)) one.classList.add("this");
    chart.classList.add("one");
    tip.textContent = mark.dataset.words;
    place();
    tip.classList.add("shown");
  };
  addEventListener("scroll", () => { if (current) place(); }, { passive: true });
  addEventListener("keydown", (event) => { if (event.key === "Escape") leave(); });
  addEventListener("pointerdown", (event) => { if (!event.target.closest("figure > svg")) leave(); });
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
    const own = () => (current?.ownerSVGElement === chart ? current : null);
    const middle = (mark) => {
      const box = mark.getBoundingClientRect();
      return [box.left + box.width / 2, box.top + box.height / 2];
    };
    // A finger does not hover: it comes, and stays until it comes elsewhere, or was about to scroll.
    chart.onpointermove = chart.onpointerdown = (event) => {
      let best = null;
      let least = 32;
      for (const mark of all(".marks:not(.out) path", chart)) {
        const [x, y] = middle(mark);
        const distance = Math.hypot(x - event.clientX, y - event.clientY);
        if (distance < least) [best, least] = [mark, distance];
      }
      if (best) come(best); else leave();
    };
    chart.onpointercancel = leave;
    chart.onpointerleave = (event) => { if (event.pointerType !== "touch" && own()) leave(); };
    // The next chart may have a value at hand by then.
    chart.onblur = () => { if (own()) leave(); };
    chart.onkeydown = (event) => {
      const steps = { ArrowRight: [0, 1], ArrowLeft: [0, -1], ArrowDown: [1, 0], ArrowUp: [-1, 0] };
      let step = steps[event.key];
      if (!step || event.altKey || event.ctrlKey || event.metaKey) return;
      event.preventDefault();
      const lines = all(".marks:not(.out)", chart).filter((line) => line.children.length);
      if (!lines.length) return;
      // One mark each: all keys go from server to server.
      if (lines.every((line) => line.children.length === 1)) step = [step[0] + step[1], 0];
      let line = Math.max(0, lines.indexOf(own()?.parentNode));
      let index = own() ? [...lines[line].children].indexOf(own()) : 0;
      if (own()) {
        line = (line + step[0] + lines.length) % lines.length;
        const count = lines[line].children.length;
        index = (Math.min(index, count - 1) + step[1] + count) % count;
      }
      const mark = lines[line].children[index];
      mark.scrollIntoView({ block: "nearest", inline: "nearest", behavior: "instant" });
      come(mark);
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
        const value = (row) => row.cells[index].dataset.value;
        const hasValues = [...body.rows].some((row) => value(row) !== undefined);
        const key = (row) => {
          if (!hasValues) return row.cells[index].textContent.trim();
          return value(row) === undefined ? null : Number(value(row));
        };
        const order = (one, next) => {
          const [a, b] = [key(one), key(next)];
          const missing = (a === null) - (b === null);
          if (missing || a === null) return missing;
          const way = hasValues ? a - b : a.localeCompare(b, undefined, { numeric: true });
          return up ? way : -way;
        };
        body.append(...[...body.rows].sort(order));
      };
    }
  }

  // Paper does not open.
  let opened = [];
  addEventListener("beforeprint", () => {
    leave();
    opened = all("details:not([open])");
    for (const one of opened) one.open = true;
  });
  addEventListener("afterprint", () => { for (const one of opened) one.open = false; });
}
