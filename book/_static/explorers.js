/* Explorers: every setting was computed and formatted by Python. This script looks up and draws.
   An address such as #pool=1.1.1.1.0.2 holds the positions of the controls. */
(() => {
  "use strict";

  const ink = "currentColor";
  const common = { marginLeft: 44, marginRight: 12, marginBottom: 42, style: { background: "none", fontSize: "12px" } };
  const byName = (told, place) =>
    Object.fromEntries(told.numbers.map((name, i) => [name, told.drawn[place][i]]));

  /* What trials report if the truth is as set: significant results are filled, one color a direction. */
  const drawPower = (told, place, width) => {
    const { hr, se, limit } = byName(told, place);
    const curve = told.drawing.z.map((z, i) => ({
      x: hr * Math.exp(z * se), y: told.drawing.density[i],
    }));
    const mark = { y1: 0, y2: 0.4, stroke: ink };
    return Plot.plot({
      ...common, width, height: 224, marginTop: 28, marginLeft: 12,
      x: { type: "log", domain: [0.2, 4], label: "Observed hazard ratio", labelOffset: 38, ticks: [0.25, 0.5, 1, 2, 4], tickFormat: String },
      y: { axis: null, domain: [0, 0.45] },
      marks: [
        Plot.areaY(curve, { x: "x", y: "y", fill: "var(--explorer-one)", fillOpacity: 0.12 }),
        Plot.areaY(curve.filter((d) => d.x <= limit), { x: "x", y: "y", fill: "var(--explorer-one)", fillOpacity: 0.55 }),
        Plot.areaY(curve.filter((d) => d.x >= 1 / limit), { x: "x", y: "y", fill: "var(--explorer-two)", fillOpacity: 0.55 }),
        Plot.line(curve, { x: "x", y: "y", stroke: "var(--explorer-one)" }),
        Plot.ruleX([1], { ...mark, strokeDasharray: "3,3" }),
        Plot.ruleX([hr], { ...mark, strokeWidth: 2 }),
        Plot.text([{ x: hr }], { x: "x", y: 0.43, text: () => "true value", fill: ink }),
      ],
    });
  };

  /* Some trials of a kind, as they would be reported; which of them are significant, and where. */
  const trialsOf = (told, place, from, count) => {
    const { hr, se, limit } = byName(told, place);
    const { draws, margin } = told.drawing;
    return Array.from({ length: count }, (_, i) => {
      const value = hr * Math.exp(draws[(from + i) % draws.length] * se);
      const half = Math.exp(margin * se);
      const way = value <= limit ? "one" : value >= 1 / limit ? "two" : "";
      return { name: from + i + 1, value, lower: value / half, upper: value * half, way, color: way ? `var(--explorer-${way})` : ink };
    });
  };
  const drawTrials = (rows, hr, width) => Plot.plot({
    ...common, width, height: 13 * rows.length + 56, marginTop: 6, marginLeft: 34,
    x: { type: "log", domain: [0.15, 6], clamp: true, label: "Observed hazard ratio (95% CI)", labelOffset: 38, ticks: [0.25, 0.5, 1, 2, 4], tickFormat: String },
    y: { type: "band", domain: rows.map((d) => d.name), label: null, tickSize: 0 },
    color: { type: "identity" },
    marks: [
      Plot.ruleX([1], { stroke: ink, strokeDasharray: "3,3" }),
      Plot.ruleX([hr], { stroke: ink, strokeWidth: 2, strokeOpacity: 0.5 }),
      Plot.ruleY(rows, { y: "name", x1: "lower", x2: "upper", stroke: "color", strokeWidth: 2 }),
      Plot.dot(rows, { y: "name", x: "value", fill: "color", r: 3.5 }),
    ],
  });

  const forest = (rows, width, label, domain) => Plot.plot({
    ...common, width, height: 34 * rows.length + 70, marginLeft: 104, marginTop: 8,
    x: { type: "log", domain, label, labelOffset: 38, ticks: [0.25, 0.5, 1, 2, 4].filter((t) => t >= domain[0] && t <= domain[1]), tickFormat: String },
    y: { domain: rows.map((d) => d.name), label: null, tickSize: 0 },
    marks: [
      Plot.ruleX([1], { stroke: ink, strokeDasharray: "3,3" }),
      Plot.ruleY(rows, { y: "name", x1: "lower", x2: "upper", stroke: "color", strokeWidth: 2, strokeOpacity: "faint" }),
      Plot.dot(rows, { y: "name", x: "value", fill: "color", r: 5, symbol: "symbol", fillOpacity: "faint" }),
    ],
    color: { type: "identity" }, opacity: { type: "identity" }, symbol: { type: "identity" },
  });

  const drawScale = (told, place, width) => {
    const { estimate, lower, upper, place: chosen } = byName(told, place);
    const rows = told.drawing.codings.map((name, i) => ({
      name, value: estimate[i], lower: lower[i], upper: upper[i],
      color: i === chosen ? "var(--explorer-one)" : ink, faint: i === chosen ? 1 : 0.45, symbol: "circle",
    }));
    const domain = [Math.min(0.4, ...lower), Math.max(2, ...upper)];
    return forest(rows, width, "Reported hazard ratio", domain);
  };

  const drawPool = (told, place, width) => {
    const { estimate, lower, upper, inside, pooled } = byName(told, place);
    const rows = told.drawing.trials.map((name, i) => ({
      name, value: estimate[i], lower: lower[i], upper: upper[i],
      color: ink, faint: inside[i] ? 1 : 0.2, symbol: "square",
    }));
    rows.push({ name: "Pooled", lower: pooled[0], value: pooled[1], upper: pooled[2], color: "var(--explorer-one)", faint: 1, symbol: "diamond" });
    return forest(rows, width, "Hazard ratio for PFS", [Math.min(0.35, pooled[0]), Math.max(2, pooled[2])]);
  };

  const drawCurve = (told, place, width) => {
    const { month, heights } = byName(told, place);
    const arms = told.drawing.twins[Math.floor(place / told.sizes[1])];
    const colors = ["var(--explorer-one)", "var(--explorer-two)"];
    const marks = [];
    const end = arms[0].at[arms[0].at.length - 1];
    arms.forEach((arm, i) => {
      const color = colors[i];
      const steps = arm.months.map((x, k) => ({ x, y: arm.survival[k], low: arm.lower[k], up: arm.upper[k] }))
        .filter((d) => d.x <= end);
      steps.push({ ...steps[steps.length - 1], x: end });
      const band = arm.at.map((x, k) => ({ x, low: arm.low[k], up: arm.high[k] }));
      marks.push(
        Plot.areaY(steps.filter((d) => d.low !== null), { x: "x", y1: "low", y2: "up", fill: color, fillOpacity: 0.1, curve: "step-after" }),
        Plot.areaY(band, { x: "x", y1: "low", y2: "up", fill: color, fillOpacity: 0.4 }),
        Plot.lineY(steps, { x: "x", y: "y", stroke: color, strokeWidth: 2, curve: "step-after", strokeDasharray: i ? "6,2" : null }),
        Plot.text([arms.length], { x: 23.5, y: 92 - 9 * i, text: () => told.drawing.arms[i], textAnchor: "end", fill: color, fontWeight: 600 }),
      );
    });
    marks.push(
      Plot.ruleX([month], { stroke: ink }),
      Plot.dot(heights, { x: month, y: (h) => 100 * h, fill: (h, i) => colors[i], r: 5 }),
    );
    return Plot.plot({
      ...common, width, height: 296,
      x: { domain: [0, end], ticks: [0, 6, 12, 18, 24], label: "Months from random assignment", labelOffset: 38 },
      y: { domain: [0, 100], ticks: [0, 25, 50, 75, 100], label: "Free of progression and alive, %" },
      color: { type: "identity" }, marks,
    });
  };

  const draw = { power: drawPower, scale: drawScale, pool: drawPool, curve: drawCurve };

  const position = (input) => {
    if (input.type === "checkbox") return input.checked ? 1 : 0;
    return input.tagName === "SELECT" ? input.selectedIndex : Number(input.value);
  };

  const start = (form) => {
    const told = JSON.parse(form.querySelector('script[type="application/json"]').textContent);
    const inputs = [...form.querySelectorAll("input, select")];
    const plot = form.querySelector(".explorer-plot");
    const said = form.querySelector(".explorer-said");
    const address = form.querySelector(".explorer-address");
    const name = form.dataset.draw;
    let drawnAt = null;
    let later = null;
    const drawer = form.querySelector(".explorer-draw");
    let drawn = null; /* trials so far, and how many of them are significant below and above 1 */
    const forget = () => {
      drawn = { place: drawn ? drawn.place : 0, all: 0, one: 0, two: 0 };
      if (!drawer) return;
      form.querySelector(".explorer-drawn").textContent = "";
      form.querySelector(".explorer-trials").replaceChildren();
    };
    const draw20 = () => {
      const rows = trialsOf(told, drawn.place, drawn.all, told.drawing.at_once);
      drawn.all += rows.length;
      rows.forEach((d) => { if (d.way) drawn[d.way] += 1; });
      form.querySelector(".explorer-drawn").textContent = `${drawn.all} trials so far: ` +
        `${drawn.one} significant below 1, ${drawn.two} significant above 1.`;
      form.querySelector(".explorer-trials")
        .replaceChildren(drawTrials(rows, byName(told, drawn.place).hr, plot.clientWidth || 600));
    };

    const set = (positions) => inputs.forEach((input, i) => {
      if (input.type === "checkbox") input.checked = positions[i] === 1;
      else if (input.tagName === "SELECT") input.selectedIndex = positions[i];
      else input.value = positions[i];
    });
    /* Positions that an address holds for this explorer, if they are ones. */
    const held = () => {
      const found = new URLSearchParams(location.hash.slice(1)).get(name);
      const positions = (found || "").split(".").map(Number);
      const fit = positions.length === inputs.length &&
        positions.every((at, i) => Number.isInteger(at) && at >= 0 && at < told.sizes[i]);
      return found && fit ? positions : null;
    };

    const update = () => {
      let place = 0;
      inputs.forEach((input, i) => {
        const at = position(input);
        place = place * told.sizes[i] + at;
        if (input.type === "range") {
          input.setAttribute("aria-valuetext", told.values[i][at]);
          form.querySelector(`output[for="${input.id}"]`).textContent = told.values[i][at];
        }
      });
      const texts = told.texts[place];
      const shown = texts && Object.fromEntries(told.fields.map((name, i) => [name, texts[i]]));
      form.querySelectorAll("[data-field]").forEach((cell) => {
        cell.textContent = shown ? shown[cell.dataset.field] : "–";
      });
      said.textContent = shown
        ? told.sentence.replace(/\{(\w+)\}/g, (_, name) => shown[name])
        : told.nothing;
      if (shown) plot.replaceChildren(draw[form.dataset.draw](told, place, plot.clientWidth || 600));
      else plot.replaceChildren();
      drawnAt = plot.clientWidth;
      if (!drawn || drawn.place !== place) {
        forget();
        drawn.place = place;
      }
      address.href = `#${name}=${inputs.map(position).join(".")}`;
    };
    /* The address follows a moment later: browsers limit how often it may change. */
    const changed = () => {
      update();
      clearTimeout(later);
      later = setTimeout(() => history.replaceState(null, "", address.href), 300);
    };
    const follow = () => {
      const positions = held();
      if (!positions) return;
      set(positions);
      update();
      form.closest(".explorer").scrollIntoView({ block: "start" });
    };

    form.hidden = false;
    form.closest(".explorer").querySelector(".explorer-plain").open = false;
    form.addEventListener("submit", (event) => event.preventDefault());
    form.addEventListener("input", changed);
    if (drawer) drawer.addEventListener("click", draw20);
    form.addEventListener("reset", () => setTimeout(changed));
    addEventListener("hashchange", follow);
    new ResizeObserver(() => { if (plot.clientWidth !== drawnAt) update(); }).observe(plot);
    form.reset(); /* a browser may have kept other positions over a reload */
    update();
    follow();
  };

  const begin = () => document.querySelectorAll(".explorer-form").forEach(start);
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", begin);
  else begin();
})();
