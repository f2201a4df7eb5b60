// A model in one line, for files and terminals.

import { Module } from "../nn/module.js";

/** `Sequential(Linear(784, 128), relu, Linear(128, 10))`: classes with their numbers, functions by name. */
export function describeModel(model: Module): string {
  return textOf(model) ?? "Module";
}

function textOf(value: unknown): string | undefined {
  if (typeof value === "number" || typeof value === "boolean") return String(value);
  if (typeof value === "function") return value.name || "function";
  if (Array.isArray(value)) return listOf(value);
  return value instanceof Module ? `${value.constructor.name}(${listOf(Object.values(value))})` : undefined;
}

function listOf(values: readonly unknown[]): string {
  const texts = values.map(textOf).filter((text) => text !== undefined);
  return texts.join(", ");
}
