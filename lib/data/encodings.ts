// What was done to the columns of a model's data, as one string for the metadata of its file.

import { DataError, describe } from "../errors.js";
import { Categories } from "./categories.js";
import { Scaling } from "./scaling.js";

/** An encoding of a column. */
export type Encoding = Scaling | Categories;

const KINDS = { scaling: Scaling, categories: Categories } as const;

/**
 * Encodings by column, as JSON: `saveModel(model, path, { encodings: encodingsToJSON({ x: scaling, y: classes }) })`.
 */
export function encodingsToJSON(encodings: Readonly<Record<string, Encoding>>): string {
  return JSON.stringify(encodings);
}

/**
 * Encodings of a file: `const { x, y } = encodingsFromJSON((await loadModel(model, path)).encodings)`.
 * @throws DataError naming the column, for anything that `encodingsToJSON` has not made
 */
export function encodingsFromJSON(json: string | undefined): Readonly<Record<string, Encoding>> {
  const columns = objectOf(json);
  const pairs = Object.entries(columns).map(([name, encoding]) => {
    const kind: unknown = (encoding as { encoding?: unknown } | null)?.encoding;
    if (typeof kind !== "string" || !Object.hasOwn(KINDS, kind)) {
      const [argument, accepted] = [`encoding of ${describe(name)}`, Object.keys(KINDS).join(" or ")];
      throw new DataError({ argument, got: describe(kind), accepted });
    }
    return [name, KINDS[kind as keyof typeof KINDS].fromJSON(encoding)] as const;
  });
  return Object.assign(Object.create(null), Object.fromEntries(pairs));
}

function objectOf(json: string | undefined): object {
  const fail = (cause?: unknown): DataError =>
    new DataError(
      { argument: "encodings", got: describe(json), accepted: "what encodingsToJSON made" },
      { cause },
    );
  let value: unknown;
  try {
    value = JSON.parse(json ?? "");
  } catch (cause) {
    throw fail(cause);
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw fail();
  return value;
}
