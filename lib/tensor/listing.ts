// A program in words.

import { DeviceBuffer } from "../device/buffer.js";
import type { Node, NodeField } from "./recorder.js";
import { Tensor } from "./tensor.js";

function fieldText(value: NodeField): string {
  if (value instanceof Tensor || value instanceof DeviceBuffer) return `${value}`;
  return Array.isArray(value) ? `[${value.join(", ")}]` : String(value);
}

/** One line per operation: its place, its fields, and the user code that recorded it. */
export function listing(nodes: readonly Node[]): string {
  return nodes
    .map((node, i) => {
      const fields = node.op.fields.filter(({ name }) => node.fields[name] !== undefined);
      const text = fields.map(({ name }) => `${name}=${fieldText(node.fields[name])}`).join(" ");
      return `${String(i).padStart(3)} ${node.op.name} ${text}${node.at ? `  # ${node.at}` : ""}`;
    })
    .join("\n");
}
