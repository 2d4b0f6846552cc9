"use strict";
// Following a citation: both ends light up, and the source comes beside or over the text.
(() => {
  const root = document.documentElement;
  const source = document.getElementById("source");
  const about = source.querySelector(".about");
  const steps = source.querySelector(".steps");
  const close = source.querySelector(".close");
  const open = document.querySelector("button.open");
  const narrow = matchMedia("(max-width: 59.99rem)");
  const still = matchMedia("(prefers-reduced-motion: reduce)");
  const headline = about.textContent;
  let turns = []; // the segments that the chosen sentence cites, in order
  let chips = [];
  let at = 0;
  let claim = null;

  const targets = (links) => links.map((a) => document.getElementById(a.hash.slice(1)));
  const cites = (item) => [...item.querySelectorAll(":scope > p > .cites > .chip")];

  function clear() {
    for (const lit of document.querySelectorAll(".lit")) lit.classList.remove("lit");
    for (const chip of document.querySelectorAll(".chip[aria-current]")) {
      chip.removeAttribute("aria-current");
    }
    CSS.highlights?.clear();
    turns = chips = [];
    claim = null;
    steps.hidden = true;
    about.textContent = headline;
  }

  function choose(item, links, first) {
    clear();
    claim = item;
    chips = links;
    turns = targets(links);
    item.classList.add("lit");
    for (const turn of turns) turn.classList.add("lit");
    const said = words(item.querySelector("p").firstChild?.textContent ?? "");
    CSS.highlights?.set("closest", new Highlight(...turns.flatMap((turn) => closest(turn, said))));
    show(first);
  }

  const pieces = (text, granularity) => [...new Intl.Segmenter(undefined, { granularity }).segment(text)];
  const words = (text) => {
    const found = pieces(text.toLowerCase(), "word").filter((piece) => piece.isWordLike);
    return new Set(found.map((piece) => piece.segment));
  };

  // In a long turn, the sentence that shares most with the claim: where the eye should go first.
  function closest(turn, said) {
    const text = turn.querySelector("div > p[dir]").firstChild;
    if (!text || text.length > 20000) return [];
    const sentences = pieces(text.data, "sentence");
    if (sentences.length < 2) return [];
    const shared = sentences.map(({ segment }) => {
      const common = [...words(segment)].filter((word) => said.has(word));
      return common.reduce((sum, word) => sum + word.length, 0); // long words say more
    });
    const best = shared.indexOf(Math.max(...shared));
    if (shared[best] < 4) return [];
    const range = new Range();
    range.setStart(text, sentences[best].index);
    range.setEnd(text, sentences[best].index + sentences[best].segment.trimEnd().length);
    return [range];
  }

  function show(n) {
    chips[at]?.removeAttribute("aria-current");
    at = n;
    chips[at].setAttribute("aria-current", "true");
    steps.hidden = turns.length < 2;
    const whose = claim.id ? `Sentence ${claim.id.slice(1)}, ` : "";
    const which = turns.length < 2 ? "1 source" : `source ${at + 1} of ${turns.length}`;
    const support = claim.dataset.support ? `, support ${claim.dataset.support}` : "";
    about.textContent = whose + which + support;
    pull();
    reveal(turns[at]);
  }

  function reveal(turn) {
    const pane = narrow.matches ? source.clientHeight : innerHeight;
    const near = Math.abs(turn.getBoundingClientRect().top) < 3 * pane;
    if (near && !still.matches) turn.scrollIntoView({ block: "start", behavior: "smooth" });
    else settle(turn, 4);
  }

  // A far jump is not animated: blocks out of view have an estimated height until they are laid
  // out, so the place is only right when those around it have been.
  function settle(turn, frames) {
    turn.scrollIntoView({ block: "start", behavior: "instant" });
    if (frames) requestAnimationFrame(() => settle(turn, frames - 1));
  }

  function pull() {
    if (!narrow.matches) return;
    source.classList.add("open");
    root.classList.add("sheet");
    close.hidden = false;
    // The sheet covers the lower part: keep the sentence in the upper one.
    if (claim && claim.getBoundingClientRect().bottom > innerHeight * 0.4) {
      scrollBy({ top: claim.getBoundingClientRect().top - 24, behavior: "instant" });
    }
  }

  function drop() {
    const from = chips[at] ?? open;
    source.classList.remove("open");
    root.classList.remove("sheet");
    close.hidden = true;
    if (source.contains(document.activeElement)) from.focus({ preventScroll: true });
    clear();
  }

  // A recording plays here, from the cited moment; without this script the link opens it there.
  const player = source.querySelector(".player");
  const film = player.querySelector("video");
  film.addEventListener("loadedmetadata", () => player.classList.toggle("sound", !film.videoHeight));
  film.addEventListener("error", () => (player.hidden = true));

  function play(link) {
    const [url, start] = link.getAttribute("href").split("#t=");
    player.hidden = false;
    if (film.getAttribute("src") !== url) film.src = url;
    film.currentTime = Number(start);
    film.play();
  }

  document.addEventListener("click", (event) => {
    const link = event.target.closest(".play");
    if (link) {
      event.preventDefault();
      play(link);
      return;
    }
    const chip = event.target.closest(".chip");
    if (chip) {
      event.preventDefault();
      const item = chip.closest("li");
      const links = chip.closest(".claim > p") ? cites(item) : [...item.querySelectorAll(".chip")];
      choose(item, links, links.indexOf(chip));
      return;
    }
    const back = event.target.closest(".back a");
    if (back) {
      event.preventDefault();
      const item = document.getElementById(back.hash.slice(1));
      if (narrow.matches) drop();
      item.scrollIntoView({ block: "center", behavior: still.matches ? "instant" : "smooth" });
      item.querySelector(".chip")?.focus({ preventScroll: true });
      return;
    }
    // A click anywhere in a sentence follows it, unless it ends a selection of text.
    const item = event.target.closest(".claims > .claim");
    if (item && !event.target.closest("details, a") && getSelection().isCollapsed) {
      const links = cites(item);
      if (links.length) choose(item, links, 0);
    }
  });

  steps.querySelector(".back-one").addEventListener("click", () => {
    show((at + turns.length - 1) % turns.length);
  });
  steps.querySelector(".on-one").addEventListener("click", () => show((at + 1) % turns.length));
  close.addEventListener("click", drop);
  source.addEventListener("transitionend", (event) => {
    if (event.target === source && turns.length) settle(turns[at], 2);
  });
  open.addEventListener("click", () => {
    pull();
    source.focus({ preventScroll: true });
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") drop();
  });

  root.classList.add("js");
  open.hidden = false;
})();
