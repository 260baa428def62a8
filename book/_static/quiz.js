/* The quiz: an answer first, then its explanation. Nothing is kept or sent; a reload forgets all. */
(() => {
  "use strict";

  const begin = () => {
    const quiz = document.querySelector(".quiz");
    if (!quiz) return;
    const questions = [...quiz.querySelectorAll(".quiz-question")];
    const score = quiz.querySelector(".quiz-score");
    const again = quiz.querySelector(".quiz-again");
    const first = new Map(); /* question: was its first answer right? */

    const tell = () => {
      const right = [...first.values()].filter(Boolean).length;
      score.textContent = `Right at the first try: ${right} of ${first.size} answered, ` +
        `${questions.length - first.size} to go.`;
    };

    const check = (question) => {
      const said = question.querySelector(".quiz-said");
      const chosen = question.querySelector("input:checked");
      said.replaceChildren();
      if (!chosen) {
        said.textContent = "Choose an answer first.";
        return;
      }
      const right = chosen.dataset.right === "yes";
      if (!first.has(question)) first.set(question, right);
      const verdict = document.createElement("strong");
      verdict.textContent = right ? "Right. " : "Not so. ";
      const why = question.querySelector(`.quiz-why[data-option="${chosen.value}"]`);
      said.append(verdict, ...why.cloneNode(true).childNodes);
      question.classList.toggle("quiz-right", right);
      question.classList.toggle("quiz-wrong", !right);
      if (right) question.querySelector(".quiz-sources").hidden = false;
      else said.append(" Try another, or go on.");
      tell();
    };

    const restart = () => {
      first.clear();
      questions.forEach((question) => {
        question.reset();
        question.classList.remove("quiz-right", "quiz-wrong");
        question.querySelector(".quiz-said").replaceChildren();
        question.querySelector(".quiz-sources").hidden = true;
      });
      tell();
      questions[0].querySelector("input").focus();
    };

    questions.forEach((question) => {
      question.reset();
      question.querySelector(".quiz-plain").hidden = true;
      question.querySelector(".quiz-sources").hidden = true;
      question.querySelector("button").hidden = false;
      question.addEventListener("submit", (event) => {
        event.preventDefault();
        check(question);
      });
      question.addEventListener("change", () => {
        question.classList.remove("quiz-right", "quiz-wrong");
        question.querySelector(".quiz-said").replaceChildren();
      });
    });
    again.addEventListener("click", restart);
    quiz.querySelector(".quiz-bar").hidden = false;
    tell();
  };

  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", begin);
  else begin();
})();
