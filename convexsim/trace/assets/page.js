// The page: which moment is selected, and who is told. One selection for all runs; a run that is shorter stays at its end.

const byId = (id) => document.getElementById(id);
const calm = matchMedia("(prefers-reduced-motion: reduce)");
const runs = JSON.parse(byId("data").textContent).map((facts) => new Run(facts));
const difference = runs.length > 1 ? firstDifference(runs[0], runs[1]) : null;
const lastMoment = Math.max(...runs.map((run) => run.last));

/** The drawing of one run: its rows are the options of a list box. */
class Drawing {
  constructor(box, run, number) {
    this.box = box;
    this.run = run;
    this.number = number;
    this.rows = [...box.querySelectorAll("g.moment")];
    this.marked = [...box.querySelectorAll("svg > [data-moment]")];
    this.spans = [...box.querySelectorAll("[data-from]")];
    this.#listen();
    this.#name();
    this.#keepLaneNames();
  }

  #name() {
    const { box, run, number } = this;
    const svg = box.querySelector("svg");
    svg.setAttribute("role", "presentation");
    svg.removeAttribute("aria-label");
    for (const part of svg.children) if (!part.classList.contains("moment")) part.setAttribute("aria-hidden", "true");
    for (const [index, row] of this.rows.entries()) {
      row.id = `run${number}-moment${index}`;
      row.setAttribute("role", "option");
      row.setAttribute("aria-label", sentenceOf(run.moments[index]));
    }
    box.tabIndex = 0;
    box.setAttribute("role", "listbox");
    box.setAttribute("aria-label", `Moments of ${titleOf(run)}`);
  }

  #listen() {
    this.box.addEventListener("click", (event) => {
      const thing = event.target.closest("[data-moment], [data-from]");
      if (thing) select(Number(thing.dataset.moment ?? thing.dataset.from));
    });
  }

  /** The names of the lanes stay in sight when the drawing scrolls. */
  #keepLaneNames() {
    const svg = this.box.querySelector("svg");
    const head = svg.cloneNode(false);
    head.setAttribute("viewBox", `0 0 ${svg.getAttribute("width")} 34`);
    head.setAttribute("height", "34");
    head.setAttribute("preserveAspectRatio", "xMinYMin");
    head.setAttribute("aria-hidden", "true");
    head.classList.add("head");
    head.append(...[...svg.querySelectorAll(".paper, .lane text")].map((each) => {
      const lane = each.parentNode.cloneNode(false);
      if (each.matches("text")) lane.append(each.cloneNode(true));
      return each.matches("text") ? lane : each.cloneNode(false);
    }));
    this.box.prepend(head);
  }

  /** Scroll to where another drawing is: as far into the same moment. */
  follow(other) {
    const tops = ({ rows }) => rows.map((row) => Number(row.querySelector(".row").getAttribute("y")));
    const theirs = tops(other);
    const at = Math.max(0, theirs.findLastIndex((top) => top <= other.box.scrollTop));
    if (at <= this.run.last) this.box.scrollTop = tops(this)[at] + other.box.scrollTop - theirs[at];
  }

  mark({ shown, hits, hidden }) {
    const selected = Math.min(shown, this.run.last);
    for (const thing of this.marked) {
      const index = Number(thing.dataset.moment);
      thing.classList.toggle("selected", index === selected);
      thing.classList.toggle("hit", hits.has(index));
      thing.classList.toggle("out", hidden(this.run, index));
      thing.classList.toggle("difference", index === difference);
    }
    for (const [index, row] of this.rows.entries()) row.setAttribute("aria-selected", String(index === selected));
    const mine = this.run.moments[selected].activity;
    for (const span of this.spans) span.classList.toggle("mine", mine !== "" && span.dataset.activity === mine);
    this.box.setAttribute("aria-activedescendant", this.rows[selected].id);
    this.#show(this.rows[selected].querySelector(".row"));
  }

  /** Scroll so far that the row, with some around it, can be seen: up and down, and sideways to its lane. */
  #show(row) {
    const { box } = this;
    const top = Number(row.getAttribute("y"));
    const bottom = top + Number(row.getAttribute("height"));
    const margin = Math.min(90, box.clientHeight / 4);
    const mark = row.parentNode.querySelector("circle");
    const left = mark ? Number(mark.getAttribute("cx")) : 0;
    const to = { behavior: calm.matches ? "instant" : "auto" };
    if (top - margin < box.scrollTop) to.top = top - margin;
    else if (bottom + margin > box.scrollTop + box.clientHeight) to.top = bottom + margin - box.clientHeight;
    if (left - 60 < box.scrollLeft || left + 180 > box.scrollLeft + box.clientWidth) to.left = left - box.clientWidth / 3;
    box.scrollTo(to);
  }
}

const titleOf = (run) => (run.broken.length ? `a run that breaks ${run.broken[0].invariant}` : "a run in which nothing breaks");

const sentenceOf = ({ ms, who, label, lines }) => `${milliseconds(ms)}, ${who || "the run"}: ${label || lines[0] || "nothing told"}`;

// ------------------------------------------------------------------------------------------------- the selection

const state = { shown: 0, hits: new Set(), found: [], hiddenLanes: new Set(), hidden: (run, index) => state.hiddenLanes.has(run.groupOf(index)) };

const drawings = [...document.querySelectorAll(".drawing")].map((box, number) => new Drawing(box, runs[number], number));

// Two runs scroll together: the one that the reader scrolls leads.
for (const leader of drawings) {
  leader.box.addEventListener("scroll", () => {
    if (!leader.box.matches(":hover, :focus")) return;
    for (const drawing of drawings) if (drawing !== leader && !drawing.box.matches(":hover")) drawing.follow(leader);
  });
}

const select = (index) => {
  state.shown = Math.max(0, Math.min(index, lastMoment));
  show();
  byId("live").textContent = runs.map((run) => sentenceOf(run.moments[Math.min(state.shown, run.last)])).join("; beside it ");
  rememberPlace();
};

const show = () => {
  const at = (run) => Math.min(state.shown, run.last);
  for (const drawing of drawings) drawing.mark(state);
  byId("panel").replaceChildren(...runs.map((run) => sided(run, panelOf(run, at(run), select))));
  byId("tables").replaceChildren(...runs.map((run) => sided(run, element("div", { class: "cards" }, tablesOf(run, at(run))))));
  byId("place").textContent = `${state.shown + 1} / ${lastMoment + 1}`;
  byId("first").disabled = byId("previous").disabled = state.shown === 0;
  byId("last").disabled = byId("next").disabled = state.shown === lastMoment;
  showHits();
};

/** Of two runs each says which it is. */
const sided = (run, content) => (runs.length === 1 ? content : element("div", { class: "side" }, element("h2", { class: "side-title" }, captionOf(run)), content));

const captionOf = (run) => element("span", { class: `badge ${run.broken.length ? "bad" : "good"}` }, run.broken.length ? "fails" : "passes");

/** Go to the next moment, forwards or backwards, that passes a test; stay if there is none. */
const seek = (direction, passes) => {
  for (let at = state.shown + direction; at >= 0 && at <= lastMoment; at += direction) if (passes(at)) return select(at);
  return undefined;
};

const isVisible = (index) => runs.some((run) => index <= run.last && !state.hidden(run, index));
const step = (direction) => seek(direction, isVisible);

/** Go round: to the next of these moments, after the last one to the first. */
const goRound = (indexes, direction) => {
  if (!indexes.length) return;
  const ordered = direction > 0 ? indexes : indexes.toReversed();
  select(ordered.find((index) => (index - state.shown) * direction > 0) ?? ordered[0]);
};

const conflicts = [...new Set(runs.flatMap((run) => run.conflictsAt))].sort((a, b) => a - b);
const brokenAt = runs[0].brokenAt;
const goToBroken = () => brokenAt >= 0 && select(brokenAt);
const goToDifference = () => difference !== null && select(difference);

// The place is in the address, so that it can be kept and sent; browsers forbid to write it at every step.
let remembering = 0;
const rememberPlace = () => {
  clearTimeout(remembering);
  remembering = setTimeout(() => location.replace(`#moment=${state.shown}`), 150);
};
const placeInAddress = () => {
  const found = /^#moment=(\d+)$/.exec(location.hash);
  return found ? Number(found[1]) : null;
};

// ---------------------------------------------------------------------------------------------- search and lanes

const search = (words) => {
  const sought = words.trim().toLowerCase();
  const found = sought ? runs.flatMap((run) => run.texts.flatMap((text, index) => (text.includes(sought) ? [index] : []))) : [];
  state.hits = new Set(found);
  state.found = [...state.hits].sort((a, b) => a - b);
  const next = state.found.find((index) => index >= state.shown) ?? state.found[0];
  if (next === undefined) show();
  else select(next);
};

const showHits = () => {
  const asked = byId("search").value.trim() !== "";
  const at = state.found.indexOf(state.shown);
  byId("hits").textContent = !asked ? "" : state.found.length ? `${at < 0 ? "–" : at + 1} / ${state.found.length}` : "none";
};

const fillLanes = () => {
  const groups = [...new Set(runs.flatMap((run) => run.groups))];
  byId("lanes").hidden = groups.length < 2;
  byId("groups").append(...groups.map((group) => {
    const box = element("input", { type: "checkbox" });
    box.checked = true;
    box.addEventListener("change", () => {
      if (box.checked) state.hiddenLanes.delete(group);
      else state.hiddenLanes.add(group);
      byId("lanes").classList.toggle("some", state.hiddenLanes.size > 0);
      show();
    });
    return element("label", {}, box, element("span", {}, group));
  }));
};

// ------------------------------------------------------------------------------------------------ the head and keys

const fillHead = () => {
  const [run] = runs;
  const verdict = run.broken.length
    ? element("button", { type: "button", class: "badge bad", click: goToBroken, title: run.broken[0].message }, `BROKEN ${run.broken[0].invariant}`)
    : element("span", { class: "badge good" }, "nothing broke");
  const copy = element("button", { type: "button", class: "copy", "aria-label": "Copy the command" }, "Copy");
  const command = element("code", { class: "command" }, run.command);
  copy.addEventListener("click", () => copyText(command, copy));
  const parts = [
    element("h1", {}, run.scenario),
    verdict,
    element("span", { class: "badge plain" }, `level ${run.level}`),
    runs.length > 1 ? element("span", { class: "badge plain" }, "two runs side by side") : null,
    element("p", { class: "about" }, run.about),
    run.command ? element("div", { class: "replay" }, command, copy) : null,
  ];
  byId("headline").append(...parts.filter((part) => part !== null));
  for (const broken of run.broken) byId("headline").append(element("p", { class: "message" }, `${broken.invariant}: ${broken.message}`));
};

const copyText = async (code, button) => {
  try {
    await navigator.clipboard.writeText(code.textContent);
    button.textContent = "Copied";
  } catch {
    getSelection().selectAllChildren(code);
    button.textContent = "Selected: press Ctrl+C";
  }
  setTimeout(() => (button.textContent = "Copy"), 2000);
};

const changeTheme = () => {
  const root = document.documentElement;
  const isDark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  root.dataset.theme = isDark ? "light" : "dark";
};

const KEYS = {
  ArrowUp: () => step(-1),
  k: () => step(-1),
  ArrowDown: () => step(1),
  j: () => step(1),
  Home: () => select(0),
  End: () => select(lastMoment),
  "[": () => goRound(conflicts, -1),
  "]": () => goRound(conflicts, 1),
  b: goToBroken,
  d: goToDifference,
  n: () => goRound(state.found, 1),
  N: () => goRound(state.found, -1),
  t: changeTheme,
  "/": () => byId("search").select(),
  "?": () => byId("keys").showModal(),
};

/** In the panes beside the drawing these keys scroll, as everywhere. */
const SCROLLING = ["ArrowUp", "ArrowDown", "Home", "End"];

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || byId("keys").open) return;
  if (event.target === byId("search")) {
    if (event.key === "Enter") goRound(state.found, event.shiftKey ? -1 : 1);
    else if (event.key === "Escape") drawings[0].box.focus();
    return;
  }
  if (event.key === "Escape" && byId("lanes").open) {
    byId("lanes").open = false;
    byId("lanes").querySelector("summary").focus();
  }
  if (SCROLLING.includes(event.key) && event.target.closest(".panel, .tables")) return;
  if (!(event.key in KEYS)) return;
  event.preventDefault();
  KEYS[event.key]();
});

const CLICKS = {
  first: KEYS.Home,
  previous: KEYS.k,
  next: KEYS.j,
  last: KEYS.End,
  conflict: KEYS["]"],
  broken: goToBroken,
  difference: goToDifference,
  theme: changeTheme,
  help: KEYS["?"],
};
for (const [id, click] of Object.entries(CLICKS)) byId(id).addEventListener("click", click);
byId("search").addEventListener("input", (event) => search(event.target.value));
addEventListener("hashchange", () => {
  const place = placeInAddress();
  if (place !== null && place !== state.shown) select(place);
});

byId("conflict").querySelector(".count").textContent = conflicts.length;
byId("conflict").hidden = !conflicts.length;
byId("broken").hidden = brokenAt < 0;
byId("difference").hidden = difference === null;
document.body.classList.toggle("two", runs.length > 1);
fillHead();
fillLanes();
state.shown = Math.min(placeInAddress() ?? difference ?? 0, lastMoment);
show();
