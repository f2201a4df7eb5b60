import { expect } from "chai";
import fc from "fast-check";
import {
  CharacterTokenizer,
  type Tokenizer,
  type TokenizerJSON,
  tokenizerFromJSON,
  WordTokenizer,
} from "../../lib/data/tokenizer.js";
import { TokenWindows } from "../../lib/data/windows.js";
import { expectError } from "../support/errors.js";

const throughJSON = (tokenizer: Tokenizer & { toJSON(): TokenizerJSON }) =>
  tokenizerFromJSON(JSON.parse(JSON.stringify(tokenizer)));

describe("CharacterTokenizer", () => {
  it("numbers characters by code point, and gives texts back as they were", () => {
    const tokenizer = CharacterTokenizer.fit(["ba", "a\u{1f600}\u{e9}"]);
    expect(tokenizer.size).to.equal(4);
    expect([...tokenizer.encode("ab\u{1f600}")]).to.deep.equal([0, 1, 3]);
    fc.assert(
      fc.property(fc.string({ unit: "binary", minLength: 1 }), fc.boolean(), (text, unknown) => {
        const fitted = CharacterTokenizer.fit(text, { unknown });
        expect(fitted.size).to.equal(new Set(text).size + Number(unknown));
        const tokens = fitted.encode(text);
        expect(tokens.every((token) => token >= 0 && token < fitted.size)).to.equal(true);
        expect(fitted.decode(tokens)).to.equal(text);
        expect(throughJSON(fitted).encode(text)).to.deep.equal(tokens);
      }),
    );
  });

  it("makes one token of what it does not know, if it is to", async () => {
    const open = CharacterTokenizer.fit("ab", { unknown: true });
    expect([...open.encode("axb")]).to.deep.equal([0, 2, 1]);
    expect(open.decode([0, 2, 1])).to.equal("a\u{fffd}b");
    const closed = CharacterTokenizer.fit("ab");
    await expectError("ADASTEP_DATA", /encode: text: got "x", accepted: one of its 2 tokens/, () =>
      closed.encode("axb"),
    );
    await expectError("ADASTEP_DATA", /decode: tokens: got 2, accepted: integers from 0 to 1/, () =>
      closed.decode([2]),
    );
    await expectError("ADASTEP_DATA", /got 0.5/, () => closed.decode([0.5]));
    await expectError("ADASTEP_ARGUMENT", /'tokens'/, () => CharacterTokenizer.fit(""));
    await expectError("ADASTEP_ARGUMENT", /'tokens'/, () => new CharacterTokenizer(["ab"]));
    await expectError("ADASTEP_ARGUMENT", /'tokens'/, () => new CharacterTokenizer(["a", "a"]));
    await expectError("ADASTEP_ARGUMENT", /'text': got 3/, () => closed.encode(3 as unknown as string));
  });
});

describe("WordTokenizer", () => {
  it("takes words and marks, the most frequent first", () => {
    const tokenizer = WordTokenizer.fit("The cat, the dog. Don't stop, cat!", {
      lowerCase: true,
      minCount: 2,
    });
    expect(tokenizer.toJSON().tokens).to.deep.equal([",", "cat", "the"]);
    expect(tokenizer.size).to.equal(4);
    expect([...tokenizer.encode("THE  cat\nbarks,")]).to.deep.equal([2, 1, 3, 0]);
    expect(tokenizer.decode([2, 1, 3, 0])).to.equal("the cat \u{fffd} ,");
    const all = WordTokenizer.fit(["Don't \u{c9}cole 3.5", "x"], { limit: 3 });
    expect(all.toJSON().tokens).to.deep.equal([".", "3", "5"]);
    expect(WordTokenizer.fit("don't don\u{2019}t 'quoted'").toJSON().tokens).to.deep.equal([
      "'",
      "don't",
      "don\u{2019}t",
      "quoted",
    ]);
  });

  it("decodes to a text of the same tokens, through JSON too", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme" }), fc.boolean(), fc.string(), (text, lowerCase, other) => {
        const tokenizer = WordTokenizer.fit([text, "word"], { lowerCase });
        const tokens = tokenizer.encode(text);
        expect(tokenizer.encode(tokenizer.decode(tokens))).to.deep.equal(tokens);
        const again = throughJSON(tokenizer);
        expect(again.encode(`${text} ${other}`)).to.deep.equal(tokenizer.encode(`${text} ${other}`));
        expect(again.size).to.equal(tokenizer.size);
      }),
    );
  });

  it("refuses what makes no sense", async () => {
    const closed = new WordTokenizer(["a", "b"], { unknown: false });
    expect(closed.size).to.equal(2);
    await expectError("ADASTEP_DATA", /got "c", accepted: one of its 2 tokens/, () => closed.encode("a c"));
    await expectError("ADASTEP_ARGUMENT", /'tokens'/, () => new WordTokenizer(["two words"]));
    await expectError(
      "ADASTEP_ARGUMENT",
      /'tokens'/,
      () => new WordTokenizer(["Large"], { lowerCase: true }),
    );
    await expectError("ADASTEP_ARGUMENT", /'limit': got 0/, () => WordTokenizer.fit("a", { limit: 0 }));
    await expectError("ADASTEP_ARGUMENT", /'minCount'/, () => WordTokenizer.fit("a", { minCount: 0.5 }));
    await expectError("ADASTEP_ARGUMENT", /'tokens': got \[\]/, () =>
      WordTokenizer.fit("a", { minCount: 2 }),
    );
  });
});

describe("tokenizerFromJSON", () => {
  it("never fails but with a typed error", async () => {
    const json = fc.oneof(
      fc.jsonValue(),
      fc.record(
        {
          tokenizer: fc.constantFrom("character", "word", "bpe"),
          tokens: fc.oneof(fc.array(fc.string({ maxLength: 2 })), fc.constant("abc")),
          unknown: fc.oneof(fc.boolean(), fc.constant(1)),
          lowerCase: fc.boolean(),
        },
        { requiredKeys: [] },
      ),
    );
    fc.assert(
      fc.property(json, (value) => {
        try {
          expect(tokenizerFromJSON(value).size).to.be.above(0);
        } catch (error) {
          expect(error).to.have.property("code", "ADASTEP_DATA");
        }
      }),
      { numRuns: 2000 },
    );
    await expectError("ADASTEP_DATA", /"bpe".*"character" or "word"/, () =>
      tokenizerFromJSON({ tokenizer: "bpe", tokens: ["a"], unknown: true }),
    );
  });
});

describe("TokenWindows", () => {
  const tokens = Int32Array.from({ length: 23 }, (_, i) => i);

  it("pairs each window with the same one token later, every window that is whole, once", () => {
    const size = fc.integer({ min: 1, max: 12 });
    fc.assert(
      fc.property(
        size,
        size,
        size,
        fc.option(fc.nat(5), { nil: undefined }),
        (length, stride, batchSize, shuffle) => {
          const windows = new TokenWindows(tokens, { length, stride });
          const order = shuffle === undefined ? {} : { shuffle };
          const starts: number[] = [];
          for (const { size: examples, columns } of windows.batches({ batchSize, ...order })) {
            for (let i = 0; i < examples; i++) {
              const x = columns.x.subarray(i * length, (i + 1) * length);
              const y = columns.y.subarray(i * length, (i + 1) * length);
              const start = x[0] as number;
              expect(x).to.deep.equal(tokens.subarray(start, start + length));
              expect(y).to.deep.equal(tokens.subarray(start + 1, start + 1 + length));
              starts.push(start);
            }
          }
          const all: number[] = [];
          for (let start = 0; start + length + 1 <= tokens.length; start += stride) all.push(start);
          expect(starts.length).to.equal(windows.size);
          if (shuffle === undefined) expect(starts).to.deep.equal(all);
          expect(starts.sort((a, b) => a - b)).to.deep.equal(all);
        },
      ),
    );
  });

  it("does not overlap by default, and tells its columns", () => {
    const windows = new TokenWindows(tokens, { length: 5 });
    expect(windows.size).to.equal(4);
    expect(windows.columns.y).to.deep.equal({ data: new Int32Array(0), shape: [5] });
  });

  it("refuses what makes no sense", async () => {
    const made = (options: object) => () => new TokenWindows(tokens, options as { length: number });
    await expectError("ADASTEP_DATA", /23 tokens, accepted: 24 at least/, made({ length: 23 }));
    await expectError("ADASTEP_ARGUMENT", /'length': got 0/, made({ length: 0 }));
    await expectError("ADASTEP_ARGUMENT", /'stride': got 0/, made({ length: 1, stride: 0 }));
    await expectError(
      "ADASTEP_DTYPE",
      /'tokens'/,
      () => new TokenWindows([1, 2] as unknown as Int32Array, { length: 1 }),
    );
  });
});
