/* The worksheet: a field in each blank cell. What is typed stays on this device (localStorage). */
(() => {
  "use strict";

  const KEY = "palmira-worksheet";

  /* Where the browser keeps nothing (some do for files on disk), the fields work all the same. */
  const load = () => {
    try { return JSON.parse(localStorage.getItem(KEY)) || {}; } catch { return {}; }
  };
  const keep = (answers) => {
    try {
      if (Object.keys(answers).length) localStorage.setItem(KEY, JSON.stringify(answers));
      else localStorage.removeItem(KEY);
      return true;
    } catch { return false; }
  };

  const button = (words, act) => {
    const made = document.createElement("button");
    made.type = "button";
    made.textContent = words;
    made.addEventListener("click", act);
    return made;
  };

  const begin = () => {
    const tables = [...document.querySelectorAll("table.worksheet")];
    if (!tables.length) return;
    let answers = load();
    const fields = [];
    const said = document.createElement("p");
    said.setAttribute("role", "status");
    said.className = "worksheet-said";

    const grow = (field) => {
      field.style.height = "auto";
      if (field.scrollHeight) field.style.height = `${field.scrollHeight + 2}px`;
    };
    const tell = (words) => { said.textContent = words; };

    tables.forEach((table) => table.querySelectorAll("tr").forEach((row) => {
      const [prompt, cell] = row.cells;
      const words = prompt.textContent.trim().replace(/\s+/g, " ");
      const field = document.createElement("textarea");
      field.rows = 2;
      field.setAttribute("aria-label", words);
      field.value = answers[words] || "";
      field.addEventListener("input", () => {
        if (field.value) answers[words] = field.value;
        else delete answers[words];
        grow(field);
        tell(keep(answers) ? "Saved on this device." : "This browser keeps nothing: print or copy your answers.");
      });
      cell.replaceChildren(field);
      fields.push([words, field]);
    }));

    const copy = async () => {
      const text = fields.map(([words, field]) => `${words}\n${field.value.trim() || "–"}`).join("\n\n");
      try {
        await navigator.clipboard.writeText(text);
        tell("Copied.");
      } catch {
        tell("This browser does not allow copying here: print the page instead.");
      }
    };
    const clear = () => {
      if (!window.confirm("Delete all answers on this device?")) return;
      answers = {};
      fields.forEach(([, field]) => { field.value = ""; grow(field); });
      keep(answers);
      tell("All answers deleted.");
    };

    const bar = document.createElement("div");
    bar.className = "worksheet-bar";
    bar.append(
      button("Print", () => window.print()), button("Copy as text", copy), button("Delete all answers", clear), said,
    );
    const box = tables[0].closest("section").parentElement.querySelector(":scope > h2");
    if (box) box.after(bar);
    else tables[0].before(bar);
    tell(fields.some(([, field]) => field.value) ? "Your answers were kept on this device." : "What you type stays on this device.");
    const all = () => fields.forEach(([, field]) => grow(field));
    all();
    addEventListener("beforeprint", all);
    addEventListener("resize", all);
  };

  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", begin);
  else begin();
})();
