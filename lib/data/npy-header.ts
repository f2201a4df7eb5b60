// The header of a .npy file: a Python dictionary of three keys, read with a parser for exactly that much Python.

import { DataError } from "../errors.js";

/** What a header says about the array; nothing of it is checked but its form. */
export interface NpyHeader {
  /** The type as NumPy writes it, such as "<f4"; undefined for a structured type, whose description is a list. */
  readonly descr: string | undefined;
  readonly fortranOrder: boolean;
  readonly shape: readonly number[];
}

/**
 * Parses the text of a header: `{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }`, keys in any order.
 * @param name Where it came from, for messages.
 * @throws DataError that names the place, for anything else.
 */
export function parseNpyHeader(text: string, name: string): NpyHeader {
  return new Parser(text, name).header();
}

class Parser {
  readonly #text: string;
  readonly #name: string;
  #at = 0;

  constructor(text: string, name: string) {
    this.#text = text;
    this.#name = name;
  }

  header(): NpyHeader {
    let descr: string | undefined;
    let fortranOrder: boolean | undefined;
    let shape: number[] | undefined;
    const seen = new Set<string>();
    this.#list("{", "}", () => {
      const start = this.#at;
      const key = this.#string();
      if (seen.has(key)) this.#fail("a key that has not come before", start);
      seen.add(key);
      this.#expect(":");
      if (key === "descr") descr = this.#descr();
      else if (key === "fortran_order") fortranOrder = this.#boolean();
      else if (key === "shape") shape = this.#shape();
      else this.#fail("the key descr, fortran_order or shape", start);
    });
    this.#space();
    if (this.#at < this.#text.length) this.#fail("the end of the header");
    if (!seen.has("descr") || fortranOrder === undefined || shape === undefined) {
      this.#fail("a header with descr, fortran_order and shape");
    }
    return { descr, fortranOrder, shape };
  }

  /** A string, or the list of a structured type, which is passed over. */
  #descr(): string | undefined {
    this.#space();
    const open = this.#text[this.#at];
    if (open === "'" || open === '"') return this.#string();
    if (open !== "[") this.#fail("a string");
    let depth = 0;
    for (; this.#at < this.#text.length; this.#at++) {
      const character = this.#text[this.#at];
      if (character === "'" || character === '"') {
        this.#string();
        this.#at--;
      } else if (character === "[") depth++;
      else if (character === "]" && --depth === 0) {
        this.#at++;
        return undefined;
      }
    }
    return this.#fail("']'");
  }

  #shape(): number[] {
    const shape: number[] = [];
    let commas = 0;
    this.#list(
      "(",
      ")",
      () => shape.push(this.#integer()),
      () => commas++,
    );
    if (shape.length === 1 && commas === 0) this.#fail("a tuple: (3,)"); // in Python, (3) is a number
    return shape;
  }

  #boolean(): boolean {
    if (this.#accept("True")) return true;
    if (this.#accept("False")) return false;
    return this.#fail("True or False");
  }

  /** Items with commas between them, and one after the last if it likes. */
  #list(open: string, close: string, item: () => void, comma?: () => void): void {
    this.#expect(open);
    while (!this.#accept(close)) {
      item();
      if (!this.#accept(",")) {
        this.#expect(close);
        return;
      }
      comma?.();
    }
  }

  #integer(): number {
    this.#space();
    const digits = /^(?:0|[1-9]\d{0,15})/.exec(this.#text.slice(this.#at, this.#at + 16))?.[0] ?? "";
    const value = Number(digits);
    if (digits === "" || !Number.isSafeInteger(value)) this.#fail("an integer, 0 or more, below 2^53");
    this.#at += digits.length;
    if (this.#text[this.#at] === "L") this.#at++; // Python 2 wrote 3L
    return value;
  }

  /** A quoted string; the types of NumPy need no escapes. */
  #string(): string {
    this.#space();
    const start = this.#at;
    const quote = this.#text[start];
    if (quote !== "'" && quote !== '"') this.#fail("a string");
    const end = this.#text.indexOf(quote as string, start + 1);
    const value = this.#text.slice(start + 1, end);
    if (end < 0 || /[\\\n]/.test(value)) this.#fail("a string that closes, without escapes", start);
    this.#at = end + 1;
    return value;
  }

  #accept(word: string): boolean {
    this.#space();
    if (!this.#text.startsWith(word, this.#at)) return false;
    this.#at += word.length;
    return true;
  }

  #expect(word: string): void {
    if (!this.#accept(word)) this.#fail(`'${word}'`);
  }

  #space(): void {
    while (" \n\t\r".includes(this.#text[this.#at] ?? "x")) this.#at++;
  }

  #fail(accepted: string, at = this.#at): never {
    const got = at < this.#text.length ? JSON.stringify(this.#text.slice(at, at + 20)) : "its end";
    throw new DataError({ argument: `${this.#name}, header at character ${at}`, got, accepted });
  }
}
