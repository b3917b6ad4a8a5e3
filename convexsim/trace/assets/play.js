// The page on which the reader decides who comes next. Its data say `explore/playing.py`.

const data = JSON.parse(document.getElementById("data").textContent);
const places = data.places;
const element = (id) => document.getElementById(id);

// One stands at a place, having made choices; where only one way is left that differs, it is taken by itself.
let steps = [];

const make = (tag, properties = {}, ...children) => {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
};
const counted = (number, noun) => `${number} ${noun}${number === 1 ? "" : "s"}`;

// ---------------------------------------------------------------------------------------------- the way so far

const passed = () => {
  let place = 0;
  const way = [{ place, isChoice: false }];
  const goOn = (number, isChoice) => {
    place = places[place].ways[number];
    way.push({ place, isChoice });
  };
  const slide = () => {
    for (let ways = Object.keys(places[place].ways); ways.length === 1; ways = Object.keys(places[place].ways))
      goOn(ways[0], false);
  };
  slide();
  for (const number of steps) {
    goOn(number, true);
    slide();
  }
  return way;
};

const here = () => passed().at(-1).place;

// ---------------------------------------------------------------------------------------------- what is shown

const row = (moment, before, isNew) => {
  const line = make("tr", { className: isNew ? "new" : "" });
  const when = before === null || before.at !== moment.at ? `${moment.at} ms` : "";
  line.append(make("td", { className: "when", textContent: when }));
  if (moment.lane === null) {
    line.append(make("td", { className: moment.kind, colSpan: data.lanes.length, textContent: moment.label }));
    return line;
  }
  data.lanes.forEach((lane, number) => {
    const cell = make("td");
    if (number === moment.lane) {
      cell.title = moment.words.join("\n");
      if (!lane.isClient) cell.append(make("span", { className: "who", textContent: moment.who }));
      cell.append(make("span", { className: moment.kind, textContent: moment.label }));
    }
    line.append(cell);
  });
  return line;
};

const showPast = (way) => {
  const table = element("past");
  const head = make("tr", {}, make("th", { className: "when", scope: "col", textContent: "" }));
  for (const lane of data.lanes)
    head.append(make("th", { scope: "col", className: lane.isClient ? "" : "scheduled", textContent: lane.name }));
  const lastChoice = way.findLastIndex((each) => each.isChoice);
  const body = make("tbody");
  let before = null;
  way.forEach((each, number) => {
    if (each.isChoice) body.append(make("tr", { className: "choice" }, make("td", { colSpan: data.lanes.length + 1 })));
    for (const moment of places[each.place].moments) {
      body.append(row(moment, before, number >= lastChoice && steps.length > 0));
      before = moment;
    }
  });
  table.replaceChildren(make("thead", {}, head), body);
  const last = body.lastElementChild;
  if (last !== null) last.scrollIntoView({ block: "nearest" });
};

const leads = (number) => {
  const beyond = places[number];
  const bad = Object.entries(beyond.broken).map(([name, count]) => `${count} break ${name}`);
  const said = `${counted(beyond.ends, "order")}: ${bad.length ? bad.join(", ") : "nothing breaks"}`;
  const broken = Object.values(beyond.broken).reduce((sum, count) => sum + count, 0);
  const bar = make("span", { className: "bar" }, make("i"));
  bar.firstChild.style.width = `${(100 * Math.min(broken, beyond.ends)) / beyond.ends}%`;
  return [make("span", { className: "leads counts", textContent: said }), bar];
};

const option = (words, number, place, key) => {
  const to = place.ways[number];
  const button = make("button", { type: "button", disabled: to === undefined });
  button.append(make("kbd", { textContent: key === null ? "·" : key }), make("span", { textContent: words }));
  if (to === undefined)
    button.append(make("span", { className: "leads", textContent: "differs from the others only in steps that commute" }));
  else {
    button.append(...leads(to));
    button.dataset.number = number;
    button.addEventListener("click", () => choose(number));
  }
  return make("li", {}, button);
};

const showNext = (place) => {
  const options = [];
  let key = 0;
  if (place.end === null)
    place.options.forEach((words, number) => {
      const isOpen = place.ways[number] !== undefined;
      if (isOpen) key += 1;
      options.push(option(words, number, place, isOpen && key < 10 ? key : null));
    });
  element("options").replaceChildren(...options);
  element("question").textContent = place.end === null ? "What comes next?" : "The end";
  element("hint").textContent = place.end === null ? `${counted(place.ends, "order")} from here.` : "";
  element("end").replaceChildren(...(place.end === null ? [] : [verdict(place.end)]));
};

const verdict = (end) => {
  const card = make("div", { className: `verdict${end.broken.length ? " is-broken" : ""}` });
  const limit = end.ending === "quiet" || end.ending === "broken" ? "Nothing broke." : `The run ended at a limit: ${end.ending}.`;
  card.append(make("h3", { textContent: end.broken.length ? `BROKEN ${end.broken.map(([name]) => name).join(", ")}` : limit }));
  for (const [, message] of end.broken) card.append(make("p", { textContent: message }));
  card.append(make("code", { textContent: end.replay }));
  return card;
};

const showChosen = (way) => {
  const items = [];
  way.forEach((each, number) => {
    if (!each.isChoice) return;
    const from = places[way[number - 1].place];
    const taken = items.length;
    const words = from.options[steps[taken]];
    const button = make("button", { type: "button", textContent: words, title: "Go back to before this choice" });
    button.addEventListener("click", () => to(steps.slice(0, taken)));
    items.push(make("li", {}, button));
  });
  element("chosen").replaceChildren(...items);
  document.querySelector(".chosen").hidden = items.length === 0;
};

const show = () => {
  const way = passed();
  const place = places[way.at(-1).place];
  showPast(way);
  showNext(place);
  showChosen(way);
  element("back").disabled = element("restart").disabled = steps.length === 0;
  const said = place.end === null ? `${counted(Object.keys(place.ways).length, "way")} to go on` : element("end").textContent;
  element("live").textContent = said;
  history.replaceState(null, "", steps.length ? `#order=${steps.join(".")}` : "#");
};

// ---------------------------------------------------------------------------------------------- what one does

const to = (wanted) => {
  steps = wanted;
  show();
};
const choose = (number) => {
  to([...steps, number]);
  const first = element("options").querySelector("button:not(:disabled)");
  (first ?? element("back")).focus({ preventScroll: true });
};
const back = () => to(steps.slice(0, -1));

const setTheme = () => {
  const root = document.documentElement;
  const isDark = root.dataset.theme
    ? root.dataset.theme === "dark"
    : matchMedia("(prefers-color-scheme: dark)").matches;
  root.dataset.theme = isDark ? "light" : "dark";
};

// An order in the address that does not fit this page is followed as far as it goes.
const fromAddress = () => {
  const asked = /^#order=([\d.]+)$/.exec(location.hash);
  const wanted = asked === null ? [] : asked[1].split(".").map(Number);
  steps = [];
  for (const number of wanted) {
    if (places[here()].ways[number] === undefined) break;
    steps.push(number);
  }
};

element("name").textContent = data.scenario;
const all = data.isComplete ? "all there are, but for steps that commute" : "not all there are";
element("about").textContent = `You decide who comes next. ${counted(data.count, "order")} at level ${data.level}, ${all}. Who loses to a conflict tries again at once.`;
element("back").addEventListener("click", back);
element("restart").addEventListener("click", () => to([]));
element("theme").addEventListener("click", setTheme);
element("spoil").addEventListener("change", (event) => document.body.classList.toggle("nospoil", !event.target.checked));
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (/^[1-9]$/.test(event.key)) {
    const open = element("options").querySelectorAll("button:not(:disabled)");
    open[Number(event.key) - 1]?.click();
  } else if (event.key === "Backspace" && steps.length) back();
  else if (event.key === "r") to([]);
  else if (event.key === "t") setTheme();
  else return;
  event.preventDefault();
});
addEventListener("hashchange", () => {
  fromAddress();
  show();
});
fromAddress();
show();
