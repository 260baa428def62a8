/* Called without a network, from a server or from disk: no module script. On a phone held upright
   the slides are one page to scroll, as without scripts, but for the speaker's notes. The speaker's
   window shows small slides in frames of its own. */
const upright = matchMedia("(max-width: 600px)");
if (window === window.top && upright.matches) {
  document.head.insertAdjacentHTML("beforeend", document.querySelector("noscript").textContent);
  document.querySelector(".reveal").classList.add("phone");
  const linked = () => document.getElementById(location.hash.replace(/^#\/?/, ""))?.scrollIntoView();
  addEventListener("load", linked);
  addEventListener("hashchange", linked);
} else {
  Reveal.initialize({
    width: 1280,
    height: 720,
    margin: 0,
    center: false,
    hash: true,
    slideNumber: "c/t",
    transition: "none",
    scrollActivationWidth: null,
    plugins: [RevealNotes],
  });
}
if (window === window.top) upright.addEventListener("change", () => location.reload());
