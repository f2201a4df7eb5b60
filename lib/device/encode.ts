// Operations as words: the schema that native code exports says which fields an operation has, in which order.

import { type Field, native } from "../native/native.js";
import { MAX_RANK } from "./dtype.js";

/** A place in memory: which of a list of buffers, and the byte where it starts. */
export interface Place {
  readonly buffer: number;
  readonly offset: number;
}

/** The values of an operation's fields: numbers, choices by name, flags, dims, places. */
export type Fields = Readonly<
  Record<string, number | string | boolean | readonly number[] | Place | undefined>
>;

export interface OpSchema {
  readonly name: string;
  readonly index: number;
  readonly fields: readonly Field[];
}

const schema = native.schema();
const OPS: ReadonlyMap<string, OpSchema> = new Map(
  schema.ops.map((op, index) => [op.name, { name: op.name, index, fields: op.fields }]),
);

/** Update rules of the native code: names of states, sizes of the scalar blocks, roles of states. */
export const RULES = new Map(
  schema.rules.map((rule) => [rule.name, { ...rule, states: rule.states.split(" ").filter(Boolean) }]),
);

/** An update rule. Its name is written in our own code, so an unknown one is a defect. */
export function ruleOf(name: string) {
  const rule = RULES.get(name);
  if (!rule) throw new Error(`adastep has no update rule named "${name}"`);
  return rule;
}

/** Sizes of the memory of an optimizer's step, in elements and words (core/schema.cc). */
export const STEP = schema.step;

/** The description of an operation. Its name is written in our own code, so an unknown one is a defect. */
export function opSchema(name: string): OpSchema {
  const op = OPS.get(name);
  if (!op) throw new Error(`adastep has no operation named "${name}"`);
  return op;
}

const DIMS_FILL: Readonly<Record<string, number>> = { shape: 1 };

function pushField(words: number[], op: OpSchema, field: Field, value: Fields[string]): void {
  switch (field.kind) {
    case "choice": {
      const index = field.values.indexOf(String(value));
      if (index < 0) throw new Error(`${op.name}: "${field.name}" has no choice "${String(value)}"`);
      words.push(index);
      return;
    }
    case "dims": {
      const dims = value as readonly number[];
      for (let i = dims.length; i < MAX_RANK; i++) words.push(DIMS_FILL[field.name] ?? 0);
      words.push(...dims);
      return;
    }
    case "in":
    case "out":
    case "inout": {
      const place = value as Place | undefined;
      if (place === undefined && !field.optional) throw new Error(`${op.name}: "${field.name}" is missing`);
      words.push(place?.buffer ?? -1, place?.offset ?? 0);
      return;
    }
    default:
      if (typeof value !== "number" && typeof value !== "boolean") {
        throw new Error(`${op.name}: "${field.name}" is missing`);
      }
      words.push(Number(value));
  }
}

/** Appends an operation to a list of words. */
export function encode(words: number[], name: string, fields: Fields): void {
  const op = opSchema(name);
  words.push(op.index);
  for (const field of op.fields) pushField(words, op, field, fields[field.name]);
}
