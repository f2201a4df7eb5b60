// A model in one line, for files and terminals.

import { Module } from "../nn/module.js";

/**
 * `Sequential(Conv2d(1, 8, [3, 3], { stride: [1, 1], padding: [1, 1] }), relu, Linear(128, 10))`: classes with what they were made
 * of, functions by name. What two models differ in but for their parameters is there, as far as it is in fields of the modules.
 */
export function describeModel(model: Module): string {
  return textOf(model) ?? "Module";
}

function textOf(value: unknown): string | undefined {
  if (typeof value === "number" || typeof value === "boolean") return String(value);
  if (typeof value === "string") return JSON.stringify(value);
  if (typeof value === "function") return value.name || "function";
  if (Array.isArray(value)) return listOf(value);
  if (value instanceof Module) return `${value.constructor.name}(${listOf(Object.values(value))})`;
  return isPlain(value) ? optionsOf(value) : undefined;
}

const isPlain = (value: unknown): value is object =>
  typeof value === "object" && value !== null && Object.getPrototypeOf(value) === Object.prototype;

function listOf(values: readonly unknown[]): string {
  const texts = values.map(textOf).filter((text) => text !== undefined);
  return texts.join(", ");
}

function optionsOf(options: object): string | undefined {
  const texts = Object.entries(options).flatMap(([name, value]) => {
    const text = Array.isArray(value) ? `[${listOf(value)}]` : textOf(value);
    return text === undefined ? [] : [`${name}: ${text}`];
  });
  return texts.length > 0 ? `{ ${texts.join(", ")} }` : undefined;
}
