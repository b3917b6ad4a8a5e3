// Add so many times, one after the other, in a fresh world; print what that took and left: `node drive.js MUTATIONS`.
import { convexTest } from "convex-test";
import { anyApi } from "convex/server";
import schema from "./schema.js";

const modules = { "./_generated/api.js": async () => ({}), "./adding.js": () => import("./adding.js") };

async function added(mutations) {
  const world = convexTest(schema, modules);
  for (let n = 0; n < mutations; n++) {
    await world.mutation(anyApi.adding.addItems, { batchId: "a", items: [`item ${n}`] });
  }
  return await world.run(async (ctx) => (await ctx.db.query("batchItems").collect()).length);
}

const mutations = Number(process.argv[2]);
await added(Math.min(mutations, 200)); // so that what is measured has been compiled
const begun = process.cpuUsage();
const rows = await added(mutations);
const { user, system } = process.cpuUsage(begun);
console.log(JSON.stringify({ mutations, rows, seconds: (user + system) / 1e6 }));
