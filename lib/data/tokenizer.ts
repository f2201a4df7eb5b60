// Text as numbers and back: by characters, or by words of a vocabulary.

import { checkBoolean, checkChoice, checkInteger, checkKeys } from "../check.js";
import { ArgumentError, DataError, describe } from "../errors.js";

/** Text as numbers and back. Whatever encodes and decodes can stand where one is asked for. */
export interface Tokenizer {
  /** How many tokens there are: the vocabulary of an Embedding, the outputs of a language model. */
  readonly size: number;
  /** Tokens of a text, from 0 below `size`. */
  encode(text: string): Int32Array;
  /** The text of tokens. */
  decode(tokens: ArrayLike<number>): string;
}

/** A tokenizer as JSON keeps it. */
export interface TokenizerJSON {
  readonly tokenizer: "character" | "word";
  readonly tokens: readonly string[];
  /** Whether there is a token for what is not in `tokens`: the last, beyond them. */
  readonly unknown: boolean;
  /** Of words: whether letters were made small. */
  readonly lowerCase?: boolean;
}

/** What stands for an unknown token in decoded text. */
const UNKNOWN_TEXT = "\u{fffd}";

/** Numbers of tokens, and the checks that both tokenizers share. */
class Vocabulary {
  readonly tokens: readonly string[];
  readonly unknown: boolean;
  readonly #owner: string;
  readonly #numbers: ReadonlyMap<string, number>;

  constructor(owner: string, tokens: readonly string[], unknown: boolean, holds: (token: string) => boolean) {
    const good = Array.isArray(tokens) && tokens.every((token) => typeof token === "string" && holds(token));
    if (!good || tokens.length === 0 || new Set(tokens).size !== tokens.length) {
      const accepted = "different tokens, one at least";
      throw new ArgumentError({ argument: `${owner}: 'tokens'`, got: describe(tokens), accepted });
    }
    this.#owner = owner;
    this.tokens = Object.freeze([...tokens]);
    this.unknown = checkBoolean(`${owner}: 'unknown'`, unknown);
    this.#numbers = new Map(tokens.map((token, i) => [token, i]));
  }

  get size(): number {
    return this.tokens.length + Number(this.unknown);
  }

  number(token: string): number {
    const number = this.#numbers.get(token) ?? (this.unknown ? this.tokens.length : undefined);
    if (number !== undefined) return number;
    const accepted = `one of its ${this.size} tokens; "unknown: true" makes one of all others`;
    throw new DataError({ argument: `${this.#owner}.encode: text`, got: describe(token), accepted });
  }

  text(token: number): string {
    if (Number.isInteger(token) && token >= 0 && token < this.size) return this.tokens[token] ?? UNKNOWN_TEXT;
    const accepted = `integers from 0 to ${this.size - 1}`;
    throw new DataError({ argument: `${this.#owner}.decode: tokens`, got: describe(token), accepted });
  }
}

function checkText(argument: string, text: unknown): string {
  if (typeof text === "string") return text;
  throw new ArgumentError({ argument, got: describe(text), accepted: "a string" });
}

const isCharacter = (token: string): boolean => [...token].length === 1;

/**
 * A token per character (code point): `CharacterTokenizer.fit(text)`. Texts of characters that it knows come back as they
 * were.
 */
export class CharacterTokenizer implements Tokenizer {
  readonly #vocabulary: Vocabulary;

  /**
   * @param characters in the order of their numbers
   * @param unknown Whether there is a token for all other characters. Default false: they are errors.
   * @throws ArgumentError for what are no characters, or one that is there twice
   */
  constructor(characters: readonly string[], unknown = false) {
    this.#vocabulary = new Vocabulary("CharacterTokenizer", characters, unknown, isCharacter);
  }

  /** Learns the characters of texts, in the order of their code points. @throws ArgumentError for no text at all */
  static fit(texts: string | Iterable<string>, { unknown = false } = {}): CharacterTokenizer {
    const all = new Set<string>();
    for (const text of typeof texts === "string" ? [texts] : texts) {
      for (const character of checkText("CharacterTokenizer.fit: 'texts'", text)) all.add(character);
    }
    const sorted = [...all].sort((a, b) => (a.codePointAt(0) as number) - (b.codePointAt(0) as number));
    return new CharacterTokenizer(sorted, unknown);
  }

  get size(): number {
    return this.#vocabulary.size;
  }

  /** @throws DataError for an unknown character */
  encode(text: string): Int32Array {
    const tokens = new Int32Array(checkText("CharacterTokenizer.encode: 'text'", text).length);
    let count = 0;
    for (const character of text) tokens[count++] = this.#vocabulary.number(character);
    return tokens.slice(0, count); // characters beyond U+FFFF take two places in a string
  }

  /** @throws DataError for a number that is no token */
  decode(tokens: ArrayLike<number>): string {
    return Array.from(tokens, (token) => this.#vocabulary.text(token)).join("");
  }

  toJSON(): TokenizerJSON {
    const { tokens, unknown } = this.#vocabulary;
    return { tokenizer: "character", tokens, unknown };
  }
}

/** How a vocabulary of words is learnt. */
export interface WordOptions {
  /** The most frequent words that are kept. Default: all. */
  readonly limit?: number;
  /** How often a word must occur to be kept. Default 1. */
  readonly minCount?: number;
  /** Whether letters are made small first. Default false. */
  readonly lowerCase?: boolean;
  /** Whether there is a token for all other words. Default true. */
  readonly unknown?: boolean;
}

/** Words: letters, marks, digits and apostrophes within; any other character but white space is a token of its own. */
const WORDS = /[\p{L}\p{M}\p{N}]+(?:['\u{2019}][\p{L}\p{M}\p{N}]+)*|[^\s\p{L}\p{M}\p{N}]/gu;

const wordsOf = (text: string, lowerCase: boolean): string[] =>
  (lowerCase ? text.toLowerCase() : text).match(WORDS) ?? [];

/**
 * A token per word and per punctuation mark, of a vocabulary: `WordTokenizer.fit(texts, { minCount: 3 })`. White space is
 * lost: decoded text has a space between all tokens.
 */
export class WordTokenizer implements Tokenizer {
  readonly #vocabulary: Vocabulary;
  readonly #lowerCase: boolean;

  /**
   * @param words in the order of their numbers
   * @throws ArgumentError for what the tokenizer would not take for one word, or one that is there twice
   */
  constructor(words: readonly string[], options: Pick<WordOptions, "lowerCase" | "unknown"> = {}) {
    checkKeys("WordTokenizer", options, ["lowerCase", "unknown"]);
    const lowerCase = checkBoolean("WordTokenizer: 'lowerCase'", options.lowerCase ?? false);
    const isWord = (word: string): boolean => {
      const [first, ...others] = wordsOf(word, lowerCase);
      return first === word && others.length === 0;
    };
    this.#lowerCase = lowerCase;
    this.#vocabulary = new Vocabulary("WordTokenizer", words, options.unknown ?? true, isWord);
  }

  /**
   * Learns the words of texts, the most frequent first, those of equal number by code unit.
   * @throws ArgumentError for a wrong option, or if no word is left
   */
  static fit(texts: string | Iterable<string>, options: WordOptions = {}): WordTokenizer {
    checkKeys("WordTokenizer.fit", options, ["limit", "minCount", "lowerCase", "unknown"]);
    const { limit = Number.MAX_SAFE_INTEGER, minCount = 1, lowerCase = false, unknown = true } = options;
    checkInteger("WordTokenizer.fit: 'limit'", limit, 1);
    checkInteger("WordTokenizer.fit: 'minCount'", minCount, 1);
    const counts = new Map<string, number>();
    for (const text of typeof texts === "string" ? [texts] : texts) {
      for (const word of wordsOf(checkText("WordTokenizer.fit: 'texts'", text), lowerCase)) {
        counts.set(word, (counts.get(word) ?? 0) + 1);
      }
    }
    const kept = [...counts].filter(([, count]) => count >= minCount);
    kept.sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1));
    return new WordTokenizer(
      kept.slice(0, limit).map(([word]) => word),
      { lowerCase, unknown },
    );
  }

  get size(): number {
    return this.#vocabulary.size;
  }

  /** @throws DataError for an unknown word, where there is no token for them */
  encode(text: string): Int32Array {
    const words = wordsOf(checkText("WordTokenizer.encode: 'text'", text), this.#lowerCase);
    return Int32Array.from(words, (word) => this.#vocabulary.number(word));
  }

  /** @throws DataError for a number that is no token */
  decode(tokens: ArrayLike<number>): string {
    return Array.from(tokens, (token) => this.#vocabulary.text(token)).join(" ");
  }

  toJSON(): TokenizerJSON {
    const { tokens, unknown } = this.#vocabulary;
    return { tokenizer: "word", tokens, unknown, lowerCase: this.#lowerCase };
  }
}

/**
 * A tokenizer of its JSON: `tokenizerFromJSON(JSON.parse(await readFile("tokens.json", "utf8")))`.
 * @throws DataError for anything that `toJSON` of a tokenizer has not made
 */
export function tokenizerFromJSON(json: unknown): CharacterTokenizer | WordTokenizer {
  const { tokenizer, tokens, unknown, lowerCase } = (json ?? {}) as Partial<TokenizerJSON>;
  try {
    const list = tokens as readonly string[];
    const others = checkBoolean("unknown", unknown);
    if (checkChoice("tokenizer", tokenizer, ["character", "word"]) === "character") {
      return new CharacterTokenizer(list, others);
    }
    return new WordTokenizer(list, { lowerCase: checkBoolean("lowerCase", lowerCase), unknown: others });
  } catch (cause) {
    if (!(cause instanceof ArgumentError)) throw cause;
    const accepted = "what toJSON of a tokenizer made";
    const got = `${describe(json)} (${cause.message})`;
    throw new DataError({ argument: "tokenizerFromJSON", got, accepted }, { cause });
  }
}
