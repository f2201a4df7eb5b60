// What a model consists of and what it takes, before anything is allocated.

import { checkKeys } from "../check.js";
import { countOf, type Shape, shapeText, sizeOf } from "../device/dtype.js";
import { ArgumentError, describe } from "../errors.js";
import { Module } from "../nn/module.js";
import { describeModel } from "./describe.js";
import { type PlanCandidate, type PlanOptions, plan } from "./plan.js";
import type { PlanBytes } from "./plan-table.js";
import { aligned, bytesText, count } from "./text.js";

/** A module with parameters of its own. */
export interface SummaryPart {
  /** In the model: `"0"`; `""` is the model itself. */
  readonly name: string;
  /** `"Linear(784, 128)"` */
  readonly module: string;
  readonly parameters: readonly SummaryParameter[];
  /** Elements of all of them. */
  readonly elements: number;
  /** Of the parameters alone: gradients and states come on top. */
  readonly bytes: number;
}

/** A parameter, by its name in the model. */
export interface SummaryParameter {
  readonly name: string;
  readonly shape: Shape;
  readonly elements: number;
  readonly bytes: number;
  /** Whether its gradient is a list of rows. */
  readonly sparse: boolean;
}

/** What the model is to be trained with, as `plan` takes it; with an optimizer the summary has the memory of training. */
export interface SummaryOptions extends Pick<PlanOptions, "average" | "copy" | "step" | "batch" | "loss"> {
  readonly optimizer?: PlanCandidate;
}

const OPTIONS = ["optimizer", "average", "copy", "step", "batch", "loss"];

/** Parameters are f32. */
const BYTES = sizeOf("f32");

/**
 * Lists a model's parts with their parameters and bytes and, for an optimizer, what training takes of a device's memory. Nothing is
 * allocated; the model needs no device.
 *
 * ```ts
 * console.log(String(summarize(model, { optimizer: AdamW, batch: { x: f32(128, 784), y: i32(128) }, loss: crossEntropy })));
 * ```
 *
 * @throws ArgumentError for what is no model, and for options as `plan`
 */
export function summarize(model: Module, options: SummaryOptions = {}): ModelSummary {
  if (!(model instanceof Module))
    throw new ArgumentError({ argument: "summarize: 'model'", got: describe(model), accepted: "a Module" });
  checkKeys("summarize", options, OPTIONS);
  const { optimizer, ...rest } = options;
  if (!optimizer) {
    const [first] = Object.keys(rest);
    if (first === undefined) return new ModelSummary(describeModel(model), partsOf(model), undefined);
    const accepted = "an optimizer beside it";
    throw new ArgumentError({ argument: `summarize: '${first}'`, got: "no 'optimizer'", accepted });
  }
  const own = typeof optimizer === "function" ? undefined : optimizer.options?.precision;
  const precision = own === undefined ? { precision: ["f32" as const] } : {};
  const { choices } = plan(model, { ...rest, ...precision, optimizer });
  return new ModelSummary(describeModel(model), partsOf(model), choices[0]?.bytes);
}

function partsOf(model: Module): SummaryPart[] {
  const modules = new Map(model.modules());
  const parts = new Map<string, SummaryParameter[]>();
  for (const [name, { shape, sparse }] of model.declared()) {
    const owner = ownerOf(name, modules);
    const elements = countOf(shape);
    const parameter = { name, shape, elements, bytes: elements * BYTES, sparse };
    parts.set(owner, [...(parts.get(owner) ?? []), parameter]);
  }
  return [...parts].map(([name, parameters]) => {
    const elements = parameters.reduce((sum, { elements: own }) => sum + own, 0);
    const module = modules.get(name);
    return {
      name,
      module: module ? describeModel(module) : "",
      parameters,
      elements,
      bytes: elements * BYTES,
    };
  });
}

/** The longest name of a module that the parameter's begins with. */
function ownerOf(parameter: string, modules: ReadonlyMap<string, Module>): string {
  const words = parameter.split(".");
  for (let length = words.length - 1; length > 0; length--) {
    const name = words.slice(0, length).join(".");
    if (modules.has(name)) return name;
  }
  return "";
}

const KINDS = ["parameters", "gradients", "state", "snapshots", "temporaries", "total"] as const;

/** What `summarize` found. */
export class ModelSummary {
  constructor(
    /** `"Sequential(Linear(784, 128), relu, Linear(128, 10))"` */
    readonly model: string,
    /** The modules that have parameters, in the order of declaration. */
    readonly parts: readonly SummaryPart[],
    /** Of training; undefined if no optimizer was given. */
    readonly memory: PlanBytes | undefined,
  ) {}

  /** Of all parameters. */
  get elements(): number {
    return this.parts.reduce((sum, { elements }) => sum + elements, 0);
  }

  /** Of all parameters. */
  get bytes(): number {
    return this.parts.reduce((sum, { bytes }) => sum + bytes, 0);
  }

  /** A table for people: a line for each part, then the memory of training. */
  toString(): string {
    const { parts, memory, elements, bytes } = this;
    const rows = parts.map((part) => [
      part.name,
      part.module,
      count(part.elements),
      bytesText(part.bytes),
      part.parameters.map(({ name, shape }) => `${lastOf(name)} ${shapeText(shape)}`).join(", "),
    ]);
    const total = ["", "in all", count(elements), bytesText(bytes), ""];
    const head = ["part", "module", "parameters", "bytes", ""];
    const lines = aligned([head, ...rows, total], 2);
    if (!memory) return lines.join("\n");
    const training = KINDS.map((kind) => `${kind} ${bytesText(memory[kind])}`).join(", ");
    return [...lines, `training: ${training}`].join("\n");
  }
}

const lastOf = (name: string): string => name.slice(name.lastIndexOf(".") + 1);
