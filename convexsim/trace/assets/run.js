// A run as the page knows it: its moments, and what follows from them. Knows nothing of the browser. Next: values.js.

class Run {
  constructor(facts) {
    Object.assign(this, facts);
    this.names = new Map(Object.entries(facts.names));
    this.texts = this.moments.map((moment) => this.#text(moment));
    this.tableKeys = this.#tableKeys();
  }

  get last() {
    return this.moments.length - 1;
  }

  get brokenAt() {
    return this.moments.findIndex((moment) => moment.kind === "broken");
  }

  /** The moments of conflicts, both of the write that hits and of the attempt that hears of it. */
  get conflictsAt() {
    const hits = this.conflicts.map((conflict) => conflict.hit ?? conflict.lost);
    return [...new Set(hits)].sort((a, b) => a - b);
  }

  conflictsOf(index) {
    return this.conflicts.filter((conflict) => conflict.hit === index || conflict.lost === index);
  }

  attemptOf(index) {
    const who = this.moments[index].who;
    return this.attempts.findLast((each) => each.who === who && each.first <= index && index <= each.last);
  }

  /** The tables after a moment, as maps of id to {value, before}; a row that this moment deleted has no value. */
  tables(index) {
    const tables = new Map(this.tableKeys.map((key) => [key, new Map()]));
    for (const [at, moment] of this.moments.slice(0, index + 1).entries()) {
      for (const { table, id, value } of moment.writes) {
        const rows = tables.get(table);
        const before = rows.get(id)?.value ?? null;
        if (at === index) rows.set(id, { value, before, isChanged: true });
        else if (value === null) rows.delete(id);
        else rows.set(id, { value, before, isChanged: false });
      }
    }
    return tables;
  }

  /** What went outside or came from there until after a moment, by the name of where. */
  externals(index) {
    const externals = new Map(this.moments.flatMap(({ uses }) => uses.map(({ name }) => [name, []])));
    for (const [at, moment] of this.moments.slice(0, index + 1).entries()) {
      for (const { name, use, value } of moment.uses) externals.get(name).push({ use, value, isNew: at === index });
    }
    return externals;
  }

  /** The lanes by which one filters: each client, and all that was scheduled together. */
  get groups() {
    return [...new Set(this.lanes.map((client) => client ?? SCHEDULED))];
  }

  groupOf(index) {
    const { lane } = this.moments[index];
    return lane === null ? null : (this.lanes[lane] ?? SCHEDULED);
  }

  #text({ who, label, lines, writes, forced }) {
    const documents = writes.flatMap(({ id, value }) => [id, JSON.stringify(value)]);
    return [who, label, ...lines, ...forced, ...documents].join("\n").toLowerCase();
  }

  #tableKeys() {
    const keys = new Set(this.moments.flatMap(({ writes }) => writes.map(({ table }) => table)));
    return [...keys].sort((a, b) => (tableOrder(a) < tableOrder(b) ? -1 : 1));
  }
}

const SCHEDULED = "scheduled";

/** A table key is component/table; tables of the platform come last. */
const splitKey = (key) => {
  const at = key.lastIndexOf("/");
  return { component: key.slice(0, at), table: key.slice(at + 1) };
};

const tableOrder = (key) => {
  const { component, table } = splitKey(key);
  return `${component}/${table.startsWith("_") ? "~" : ""}${table}`;
};

/** The first moment at which two runs differ, or null if they do not. */
const firstDifference = (one, other) => {
  const key = ({ who, label, lines, ms }) => [who, label, ms, ...lines].join("\n");
  const shorter = Math.min(one.moments.length, other.moments.length);
  for (let at = 0; at < shorter; at += 1) if (key(one.moments[at]) !== key(other.moments[at])) return at;
  return one.moments.length === other.moments.length ? null : shorter;
};
