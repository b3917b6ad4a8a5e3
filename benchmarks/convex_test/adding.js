// The mutation of benchmarks/serial_adds.py, line by line.
import { mutationGeneric } from "convex/server";
import { v } from "convex/values";

export const addItems = mutationGeneric({
  args: { batchId: v.string(), items: v.array(v.any()) },
  handler: async (ctx, { batchId, items }) => {
    const batch = await ctx.db
      .query("batches")
      .withIndex("by_status", (q) => q.eq("batchId", batchId).eq("status", "accumulating"))
      .first();
    const batchDocId =
      batch?._id ?? (await ctx.db.insert("batches", { batchId, status: "accumulating", createdAt: Date.now() }));
    await ctx.db.insert("batchItems", { batchDocId, items, itemCount: items.length, createdAt: Date.now() });
    return { batchId, itemCount: items.length, flushed: false, status: "accumulating" };
  },
});
