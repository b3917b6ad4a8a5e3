// The tables of benchmarks/serial_adds.py, field by field.
import { defineSchema, defineTable } from "convex/server";
import { v } from "convex/values";

export default defineSchema({
  batches: defineTable({ batchId: v.string(), status: v.string(), createdAt: v.number() }).index("by_status", [
    "batchId",
    "status",
  ]),
  batchItems: defineTable({
    batchDocId: v.id("batches"),
    items: v.array(v.any()),
    itemCount: v.number(),
    createdAt: v.number(),
  }).index("by_batch", ["batchDocId"]),
});
