// The header of a safetensors file, read with a parser for exactly that much JSON: nothing nests deeper than the format
// does, and a key that occurs twice is seen, which JSON.parse would hide.

import { DataError } from "../errors.js";

/** What a header says about one tensor; dtype and offsets are not checked yet. */
export interface HeaderEntry {
  readonly dtype: string;
  readonly shape: readonly number[];
  /** First byte and the one past the last, counted from the end of the header. */
  readonly begin: number;
  readonly end: number;
}

/** A header as it stands in the file. */
export interface Header {
  readonly entries: ReadonlyMap<string, HeaderEntry>;
  readonly metadata: ReadonlyMap<string, string>;
}

/**
 * Parses the JSON text of a header.
 * @param name Where it came from, for messages.
 * @throws DataError that names the place, for anything that is not a safetensors header.
 */
export function parseHeader(text: string, name: string): Header {
  return new HeaderParser(text, name).header();
}

class HeaderParser {
  readonly #text: string;
  readonly #name: string;
  #at = 0;

  constructor(text: string, name: string) {
    this.#text = text;
    this.#name = name;
  }

  header(): Header {
    const entries = new Map<string, HeaderEntry>();
    let metadata: ReadonlyMap<string, string> = new Map();
    if (this.#text[0] !== "{") this.#fail('"{"');
    this.#object((key) => {
      if (key === "__metadata__") metadata = this.#metadata();
      else entries.set(key, this.#entry());
    });
    this.#space();
    if (this.#at < this.#text.length) this.#fail("the end of the header");
    return { entries, metadata };
  }

  #metadata(): Map<string, string> {
    const metadata = new Map<string, string>();
    this.#object((key) => metadata.set(key, this.#string()));
    return metadata;
  }

  #entry(): HeaderEntry {
    let dtype: string | undefined;
    let shape: number[] | undefined;
    let offsets: number[] | undefined;
    this.#object((key) => {
      if (key === "dtype") dtype = this.#string();
      else if (key === "shape") shape = this.#integers();
      else if (key === "data_offsets") offsets = this.#integers();
      else this.#fail("the key dtype, shape or data_offsets");
    });
    const [begin, end, ...more] = offsets ?? [];
    if (dtype === undefined || shape === undefined) this.#fail("an entry with dtype, shape and data_offsets");
    if (begin === undefined || end === undefined || more.length > 0)
      this.#fail("data_offsets of two numbers");
    return { dtype, shape, begin, end };
  }

  /** One object, its keys once each; `member` reads the value of a key. */
  #object(member: (key: string) => void): void {
    const seen = new Set<string>();
    this.#list("{", "}", () => {
      const start = this.#at;
      const key = this.#string();
      if (seen.has(key)) this.#fail("a key that has not come before", start);
      seen.add(key);
      this.#expect(":");
      member(key);
    });
  }

  #integers(): number[] {
    const values: number[] = [];
    this.#list("[", "]", () => values.push(this.#integer()));
    return values;
  }

  #list(open: string, close: string, item: () => void): void {
    this.#expect(open);
    if (this.#accept(close)) return;
    do item();
    while (this.#accept(","));
    this.#expect(close);
  }

  #integer(): number {
    this.#space();
    const start = this.#at;
    while (isDigit(this.#text.charCodeAt(this.#at))) this.#at++;
    const digits = this.#text.slice(start, this.#at);
    const value = Number(digits);
    const leadingZero = digits.length > 1 && digits.startsWith("0");
    if (digits === "" || leadingZero || !Number.isSafeInteger(value))
      this.#fail("an integer below 2^53", start);
    return value;
  }

  #string(): string {
    this.#expect('"');
    const start = this.#at - 1;
    let end = this.#at;
    while (end < this.#text.length && this.#text[end] !== '"') end += this.#text[end] === "\\" ? 2 : 1;
    this.#at = end + 1;
    let value: unknown;
    try {
      value = JSON.parse(this.#text.slice(start, this.#at));
    } catch (cause) {
      this.#fail("a JSON string", start, cause);
    }
    if (typeof value !== "string" || /\p{Surrogate}/u.test(value)) {
      return this.#fail("a JSON string of whole Unicode characters", start);
    }
    return value;
  }

  #accept(character: string): boolean {
    this.#space();
    if (this.#text[this.#at] !== character) return false;
    this.#at++;
    return true;
  }

  #expect(character: string): void {
    if (!this.#accept(character)) this.#fail(`'${character}'`);
  }

  #space(): void {
    while (isSpace(this.#text.charCodeAt(this.#at))) this.#at++;
  }

  #fail(accepted: string, at = this.#at, cause?: unknown): never {
    const got = at < this.#text.length ? JSON.stringify(this.#text.slice(at, at + 20)) : "its end";
    throw new DataError({ argument: `${this.#name}, header at character ${at}`, got, accepted }, { cause });
  }
}

const isDigit = (code: number): boolean => code >= 0x30 && code <= 0x39;
const isSpace = (code: number): boolean => code === 0x20 || code === 0x0a || code === 0x0d || code === 0x09;
