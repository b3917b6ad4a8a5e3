// The panel: what happened in a moment, in words, and why. Next: tables.js.

/** Make an element; attributes that are functions are listeners, children that are null are left out. */
const element = (name, attributes = {}, ...children) => {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (typeof value === "function") made.addEventListener(key, value);
    else if (value !== null) made.setAttribute(key, value);
  }
  made.append(...children.flat(Infinity).filter((child) => child !== null));
  return made;
};

const OUTCOMES = {
  committed: "committed",
  conflicted: "lost to a conflict",
  aborted: "threw, its writes are dropped",
  read: "wrote nothing",
  failed: "failed by a fault",
  open: "not over at the end",
  lost: "lost in a restart",
};

/** What the panel says of a moment; `go` selects another one. */
const panelOf = (run, index, go) => {
  const moment = run.moments[index];
  return element(
    "article",
    { class: "moment-panel" },
    element("h2", {}, `Moment ${index + 1} `, element("small", {}, `of ${run.moments.length}`)),
    factsOf(moment),
    offeredOf(moment),
    element("div", { class: "words" }, moment.lines.map((line) => element("p", {}, line))),
    moment.kind === "broken" ? element("p", { class: "callout bad", role: "note" }, "Here it is broken.") : null,
    moment.forced.map((what) => element("p", { class: "callout" }, element("b", {}, "Forced here: "), what)),
    run.conflictsOf(index).map((conflict) => conflictOf(conflict, index, go)),
    attemptOf(run.attemptOf(index)),
  );
};

const factsOf = (moment) => {
  const facts = [
    ["who", moment.who || "the run"],
    ["step", String(moment.step)],
    ["time", milliseconds(moment.ms)],
    ["choice", choiceOf(moment)],
  ];
  return element("dl", { class: "facts" }, facts.map(([name, fact]) => [element("dt", {}, name), element("dd", {}, fact)]));
};

const choiceOf = ({ choice }) => {
  if (choice === null) return "none: nothing else could come";
  const [taken, options] = choice;
  return `option ${taken + 1} of ${options}${taken ? "" : ", which comes by itself"}`;
};

/** What could have come here, the one that did marked. */
const offeredOf = ({ choice, offered }) => {
  if (choice === null || !offered.length) return null;
  const items = offered.map((words, at) => element("li", at === choice[0] ? { class: "taken", "aria-current": "true" } : {}, words));
  return element("details", { class: "offered" }, element("summary", {}, "What could have come here"), element("ol", {}, items));
};

const conflictOf = (conflict, index, go) => {
  const link = (moment, words) =>
    moment === null || moment === index ? words : element("button", { class: "link", type: "button", click: () => go(moment) }, words);
  return element(
    "section",
    { class: "conflict-card", "aria-label": "Conflict" },
    element("h3", {}, "Conflict on ", element("code", {}, conflict.index)),
    element(
      "dl",
      {},
      element("dt", {}, "written"),
      element("dd", {}, element("code", { class: "key written" }, conflict.written), " by ", link(conflict.hit, conflict.writer), ` at ts ${conflict.ts}`),
      element("dt", {}, "read"),
      element("dd", {}, element("code", { class: "key read" }, conflict.read), " by ", link(conflict.lost, `${conflict.who}, attempt ${conflict.attempt}`)),
      element("dt", {}, "document"),
      element("dd", {}, element("code", {}, conflict.document)),
    ),
  );
};

const attemptOf = (attempt) => {
  if (attempt === undefined) return null;
  const rows = attempt.reads.flatMap(({ index, keys }) =>
    keys.map((key, at) => element("tr", {}, at ? element("td", {}) : element("th", { scope: "row" }, index), element("td", {}, element("code", {}, key)))),
  );
  return element(
    "section",
    { class: "attempt-card", "aria-label": "Attempt" },
    element("h3", {}, `Attempt ${attempt.attempt} `, element("small", {}, attempt.what)),
    element("p", {}, `sees the database as of ts ${attempt.ts}; ${OUTCOMES[attempt.outcome] ?? attempt.outcome}`),
    rows.length
      ? element("table", {}, element("caption", {}, "Read set"), element("thead", {}, element("tr", {}, element("th", { scope: "col" }, "index"), element("th", { scope: "col" }, "keys"))), element("tbody", {}, rows))
      : element("p", { class: "faint" }, "It has read nothing."),
  );
};
