// The tables as they stood after a moment, and what went outside. Next: page.js.

const STANDING = ["_id", "_creationTime"];

/** What the pane of tables says of a moment. */
const tablesOf = (run, index) => [
  ...[...run.tables(index)].map(([key, rows]) => tableOf(key, rows, run.names)),
  ...[...run.externals(index)].map(([name, entries]) => externalOf(name, entries, run.names)),
];

const tableOf = (key, rows, names) => {
  const { component, table } = splitKey(key);
  const changed = [...rows.values()].filter((row) => row.isChanged).length;
  const title = [component ? element("span", { class: "faint" }, `${component}/`) : null, table, " ", element("small", {}, countOf(rows, changed))];
  return card(title, changed, rows.size ? gridOf(rows, names) : null);
};

const card = (title, isChanged, content) =>
  element("section", { class: `card${isChanged ? " changed" : ""}${content ? "" : " empty"}` }, element("h3", {}, title), content && element("div", { class: "scroll" }, content));

const countOf = (rows, changed) => {
  const there = [...rows.values()].filter((row) => row.value !== null).length;
  return `${there === 0 ? "empty" : there === 1 ? "1 row" : `${there} rows`}${changed ? `, ${changed} changed` : ""}`;
};

const gridOf = (rows, names) => {
  const all = [...rows.values()].flatMap(({ value, before, isChanged }) => [value, isChanged ? before : null]);
  const fields = [...new Set(all.flatMap((value) => Object.keys(value ?? {})))].filter((name) => !STANDING.includes(name));
  const head = ["_id", ...fields].map((name) => element("th", { scope: "col" }, name));
  return element(
    "table",
    {},
    element("thead", {}, element("tr", {}, element("th", { scope: "col", class: "mark" }, element("span", { class: "unseen" }, "change")), head)),
    element("tbody", {}, [...rows].map(([id, row]) => rowOf(id, row, fields, names))),
  );
};

const CHANGES = { inserted: "+", deleted: "−", changed: "±" };

const changeOf = ({ value, before, isChanged }) =>
  !isChanged ? null : before === null ? "inserted" : value === null ? "deleted" : "changed";

const rowOf = (id, row, fields, names) => {
  const change = changeOf(row);
  const mark = element("td", { class: "mark" }, change && [element("span", { "aria-hidden": "true" }, CHANGES[change]), element("span", { class: "unseen" }, change)]);
  return element(
    "tr",
    { class: change, "data-id": id },
    mark,
    element("th", { scope: "row", title: id }, names.get(id) ?? id),
    fields.map((field) => cellOf(row, field, change, names)),
  );
};

const cellOf = ({ value, before }, field, change, names) => {
  const spelled = (of) => (of !== null && Object.hasOwn(of, field) ? spell(of[field], names) : "");
  const now = spelled(change === "deleted" ? before : value);
  const was = spelled(before);
  if (change !== "changed" || was === now) return element("td", {}, now);
  return element("td", { class: "differs" }, element("del", {}, was || "–"), " → ", element("ins", {}, now || "–"));
};

const externalOf = (name, entries, names) => {
  const changed = entries.filter((entry) => entry.isNew).length;
  const items = entries.map(({ use, value, isNew }) =>
    element("li", { class: isNew ? "inserted" : null }, `${use === "append" ? "" : `${use}: `}${spell(value, names)}`),
  );
  const count = entries.length === 0 ? "nothing yet" : entries.length === 1 ? "1 entry" : `${entries.length} entries`;
  const title = [element("span", { class: "faint" }, "outside: "), name, " ", element("small", {}, count)];
  return card(title, changed, entries.length ? element("ol", {}, items) : null);
};
