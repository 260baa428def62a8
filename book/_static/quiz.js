/* The quiz: one question at a time, in a new order, each explained after the first answer. Progress is
   kept in this browser only, until the reader starts again; nothing is sent. Without this script the
   page is the plain list. */
(() => {
  "use strict";

  const KEY = "palmira-quiz";
  const load = () => {
    try { return JSON.parse(localStorage.getItem(KEY)); } catch { return null; }
  };
  const keep = (state) => {
    try {
      if (state) localStorage.setItem(KEY, JSON.stringify(state));
      else localStorage.removeItem(KEY);
    } catch { /* a browser that keeps nothing: the quiz works until the page is left */ }
  };
  const shuffled = (list) => {
    const found = [...list];
    for (let i = found.length - 1; i > 0; i -= 1) {
      const j = Math.floor(Math.random() * (i + 1));
      [found[i], found[j]] = [found[j], found[i]];
    }
    return found;
  };
  const strong = (words) => {
    const made = document.createElement("strong");
    made.textContent = words;
    return made;
  };

  const begin = () => {
    const quiz = document.querySelector(".quiz");
    if (!quiz) return;
    const forms = Object.fromEntries([...quiz.querySelectorAll(".quiz-question")].map((f) => [f.id, f]));
    const ids = Object.keys(forms);
    const find = (name) => quiz.querySelector(`.quiz-${name}`);
    const [bar, score, progress, back, next, again] =
      ["bar", "score", "progress", "back", "next", "again"].map(find);
    const summary = find("summary");
    let state; /* order: ids; options: order of the options by id; given: chosen option by id; at */

    const answered = () => ids.filter((id) => id in state.given);
    const option = (id, value) => forms[id].querySelector(`input[value="${value}"]`);
    const isRight = (id) => option(id, state.given[id]).dataset.right === "yes";
    const why = (id, value) =>
      [...forms[id].querySelector(`.quiz-why[data-option="${value}"]`).cloneNode(true).childNodes];

    const fresh = () => ({
      order: shuffled(ids), given: {}, at: 0,
      options: Object.fromEntries(ids.map((id) =>
        [id, shuffled([...forms[id].querySelectorAll("input")].map((i) => i.value))])),
    });

    /* A kept state holds for these very questions and options only. */
    const fits = (kept) => kept && Array.isArray(kept.order) && kept.order.length === ids.length &&
      ids.every((id) => kept.order.includes(id) && kept.options?.[id]?.every((v) => option(id, v)) &&
        kept.options[id].length === forms[id].querySelectorAll("input").length) &&
      Object.entries(kept.given || {}).every(([id, v]) => forms[id] && option(id, v)) &&
      Number.isInteger(kept.at) && kept.at >= 0 && kept.at <= ids.length;

    const explain = (id) => {
      const form = forms[id];
      const said = form.querySelector(".quiz-said");
      const chosen = state.given[id];
      const right = isRight(id);
      const best = form.querySelector('input[data-right="yes"]');
      said.replaceChildren(strong(right ? "Correct. " : "Not correct. "), ...why(id, chosen));
      if (!right) {
        const words = best.labels[0].textContent.trim();
        said.append(document.createElement("br"), strong("Correct answer: "), `${words} `, ...why(id, best.value));
      }
      form.classList.add(right ? "quiz-right" : "quiz-wrong");
      form.querySelectorAll("input").forEach((input) => {
        input.checked = input.value === chosen;
        input.disabled = true;
        input.labels[0].classList.toggle("quiz-best", input === best);
        input.labels[0].classList.toggle("quiz-chosen", input.value === chosen);
      });
      form.querySelector('button[type="submit"]').hidden = true;
      form.querySelector(".quiz-sources").hidden = false;
    };

    const summarize = () => {
      const list = (title, some) => {
        const right = some.filter((id) => id in state.given && isRight(id)).length;
        const line = document.createElement("p");
        line.append(strong(`${title}: `), `${right} of ${some.length} correct`);
        return line;
      };
      const heading = document.createElement("h3");
      heading.textContent = "Your result";
      heading.tabIndex = -1;
      const kinds = [...new Set(ids.map((id) => forms[id].dataset.kind))];
      const missed = state.order.filter((id) => !(id in state.given) || !isRight(id));
      const again_ = document.createElement("ul");
      missed.forEach((id) => {
        const item = document.createElement("li");
        const link = document.createElement("button");
        link.type = "button";
        link.textContent = forms[id].querySelector(".quiz-ask").textContent;
        link.addEventListener("click", () => show(state.order.indexOf(id), true));
        item.append(link, id in state.given ? "" : " (not answered)");
        again_.append(item);
      });
      summary.replaceChildren(heading, list("All questions", ids),
        ...kinds.map((kind) => list(kind, ids.filter((id) => forms[id].dataset.kind === kind))));
      if (missed.length) {
        const line = document.createElement("p");
        line.textContent = "Questions to read again:";
        summary.append(line, again_);
      }
    };

    const show = (at, focus) => {
      state.at = at;
      keep(state);
      const last = at === ids.length;
      state.order.forEach((id, i) => {
        forms[id].hidden = i !== at;
        forms[id].querySelector(".quiz-number").textContent = `${i + 1}. `;
      });
      summary.hidden = !last;
      if (last) summarize();
      const done = answered();
      progress.max = ids.length;
      progress.value = done.length;
      score.textContent = last ? `${done.length} of ${ids.length} answered.` :
        `Question ${at + 1} of ${ids.length}. Correct so far: ${done.filter(isRight).length} of ${done.length}.`;
      back.hidden = at === 0;
      next.hidden = last;
      next.textContent = at === ids.length - 1 ? "Show my result" :
        state.order[at] in state.given ? "Next question" : "Skip this question";
      if (focus) (last ? summary.querySelector("h3") : forms[state.order[at]].querySelector("legend")).focus();
    };

    const check = (id) => {
      const chosen = forms[id].querySelector("input:checked");
      if (!chosen) {
        forms[id].querySelector(".quiz-said").textContent = "Choose an answer first.";
        return;
      }
      state.given[id] = chosen.value;
      explain(id);
      show(state.at, false);
      next.focus();
    };

    const arrange = () => {
      ids.forEach((id) => {
        const form = forms[id];
        form.reset();
        form.classList.remove("quiz-right", "quiz-wrong");
        form.querySelector(".quiz-said").replaceChildren();
        form.querySelector(".quiz-sources").hidden = true;
        form.querySelector('button[type="submit"]').hidden = false;
        const box = form.querySelector("fieldset");
        state.options[id].forEach((value) => {
          const input = option(id, value);
          input.disabled = false;
          input.labels[0].classList.remove("quiz-best", "quiz-chosen");
          box.append(input.labels[0]);
        });
        if (id in state.given) explain(id);
      });
    };

    const restart = () => {
      state = fresh();
      arrange();
      show(0, true);
    };

    const kept = load();
    state = fits(kept) ? kept : fresh();
    Object.entries(forms).forEach(([id, form]) => {
      form.querySelector(".quiz-plain").hidden = true;
      form.querySelector("legend").tabIndex = -1;
      form.addEventListener("submit", (event) => {
        event.preventDefault();
        check(id);
      });
      form.addEventListener("change", () => form.querySelector(".quiz-said").replaceChildren());
    });
    arrange();
    back.addEventListener("click", () => show(state.at - 1, true));
    next.addEventListener("click", () => show(state.at + 1, true));
    again.addEventListener("click", restart);
    bar.hidden = false;
    const linked = state.order.indexOf(location.hash.slice(1)); /* an address names a question */
    show(linked >= 0 ? linked : state.at, false);
  };

  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", begin);
  else begin();
})();
