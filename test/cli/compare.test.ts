// adastep compare: what it reports against the trials that it has kept.

import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect } from "chai";
import { adastep, inFolder } from "./support.js";

interface Kept {
  readonly key: { readonly task: string; readonly epochs: number };
  readonly record: {
    readonly optimizer: string;
    readonly lr: number;
    readonly seed: number;
    readonly curve: readonly { readonly step: number; readonly value: number }[];
    readonly validation: number;
    readonly test: number;
  };
}

const SMALL = "compare --tasks digits --optimizers sgd,adam --lrs 0.1,0.01 --seeds 3 --threads 1".split(" ");

const mean = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / values.length;

describe("adastep compare", function () {
  this.timeout(120_000);

  it("reports what follows from the trials, and does not run those again that it has kept", () =>
    inFolder(async (cwd) => {
      const words = [...SMALL, "--quick", "--trials", "t.jsonl", "--json"];
      const { code, stdout, stderr } = await adastep(words, { cwd });
      expect(code).to.equal(0);
      const told = stderr.trim().split("\n");
      expect(told).to.have.length(12);
      expect(told[11]).to.match(/^12 of 12: digits adam lr 0\.1 seed 3: accuracy \d+\.\d\d %, \d+\.\d s$/);
      const text = await readFile(join(cwd, "t.jsonl"), "utf8");
      const trials = text
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line) as Kept);
      expect(trials).to.have.length(12);
      const report = JSON.parse(stdout);
      const [task] = report.tasks;
      for (const own of task.optimizers) {
        const of = (lr: number) =>
          trials.map(({ record }) => record).filter((r) => r.optimizer === own.optimizer && r.lr === lr);
        const means = [0.01, 0.1].map((lr) => mean(of(lr).map((r) => r.validation)));
        const best = (means[1] as number) > (means[0] as number) ? 0.1 : 0.01;
        expect(own.chosen.lr).to.equal(best);
        expect(own.chosen.test.mean).to.be.closeTo(mean(of(best).map((r) => r.test)), 1e-12);
        expect(own.points.map((point: { mean: number }) => point.mean)).to.eql(means);
        const steps = of(own.convergence.lr)
          .map(({ curve }) => curve.find(({ value }) => value >= task.metric.target)?.step)
          .sort((a = 1e9, b = 1e9) => a - b);
        expect(own.convergence.steps).to.equal(steps[1] ?? null); // the middle of three; JSON has no infinity
      }
      const bytes = task.optimizers.map(
        (own: { overhead: { stateBytes: number } }) => own.overhead.stateBytes,
      );
      expect(bytes[0]).to.equal(0);
      expect(bytes[1], "two moments in f32, in whole tiles").to.be.within(8 * 4810, 9 * 4810);
      const again = await adastep(words, { cwd });
      expect(await readFile(join(cwd, "t.jsonl"), "utf8")).to.equal(text);
      expect(again.stderr).to.equal(stderr);
      const { optimizers } = JSON.parse(again.stdout).tasks[0];
      expect(optimizers[1].points).to.eql(task.optimizers[1].points);
    }));

  it("writes Markdown with charts, whose command and figures are those of the run", () =>
    inFolder(async (cwd) => {
      const words = [...SMALL, "--quick", "--charts", "out/pictures", "--output", "out/report.md"];
      const { code, stdout } = await adastep(words, { cwd });
      expect(code).to.equal(0);
      expect(stdout).to.equal("report     out/report.md\n");
      const text = await readFile(join(cwd, "out/report.md"), "utf8");
      expect(text).to.include(`\`adastep ${words.join(" ")}\``);
      expect(text).to.match(/^\| Faster convergence \| \d \| \d \| \d \| \d \|$/m);
      expect(text).to.match(/^\| SGD, fixed rate \| .+ \| 0 B \| [\d.e-]+ \|$/m);
      expect(await readdir(join(cwd, "out/pictures"))).to.eql(["digits-rates.svg", "digits-steps.svg"]);
      for (const [, path] of text.matchAll(/!\[.+\]\((.+)\)/g))
        expect(await readFile(join(cwd, "out", path as string), "utf8")).to.match(/^<svg /);
    }));

  it("says what is missing, and keeps what was done", () =>
    inFolder(async (cwd) => {
      const words = "compare --tasks fashion-mnist --quick --seeds 1 --trials t.jsonl".split(" ");
      const { code, stderr } = await adastep(words, { cwd, env: { ADASTEP_DATA: "/nowhere" } });
      expect(code).to.equal(1);
      expect(stderr).to.match(/\/nowhere\/fashion-mnist\/.+apt-get install dataset-fashion-mnist/);
      await writeFile(join(cwd, "t.jsonl"), "no trial\n");
      const damaged = await adastep([...SMALL, "--trials", "t.jsonl"], { cwd });
      expect(damaged.stderr).to.match(
        /^adastep: t\.jsonl, line 1: got .+, accepted: trials that adastep compare has kept\n$/,
      );
      expect(damaged.code).to.equal(1);
    }));

  it("finds before the first trial that a folder cannot be made", () =>
    inFolder(async (cwd) => {
      await writeFile(join(cwd, "file"), "");
      for (const words of ["--output file/report.md", "--charts file/pictures"]) {
        const { code, stderr } = await adastep([...SMALL, ...words.split(" ")], { cwd });
        expect(stderr).to.match(/^adastep: file.*: got .+, accepted: a folder that can be made\n$/);
        expect(code).to.equal(1);
      }
    }));

  const wrong: [words: string, pattern: RegExp][] = [
    ["--tasks digits,mnist", /--tasks: got "digits,mnist", accepted: some of digits,fashion-mnist,/],
    ["--tasks digits,digits", /--tasks: got "digits,digits", accepted: some of .+, each once/],
    ["--optimizers adamx", /--optimizers: got "adamx", accepted: some of sgd,momentum,/],
    ["--lrs 0.1,0", /--lrs: got "0\.1,0", accepted: different numbers above 0/],
    ["--lrs 0.1,1e-1", /--lrs: got "0\.1,1e-1", accepted: different numbers above 0/],
    ["--lrs 0.1,", /--lrs: got "0\.1,", accepted: different numbers above 0/],
    ["--seeds 0", /--seeds: got "0", accepted: an integer, 1 or more/],
    ["--output report.txt", /--output: got "report\.txt", accepted: a name that ends in \.md or \.json/],
  ];
  for (const [words, pattern] of wrong) {
    it(`${words}: exit 2`, async () => {
      const { code, stdout, stderr } = await adastep(["compare", ...words.split(" ")]);
      expect(stderr).to.match(pattern);
      expect(stdout).to.equal("");
      expect(code).to.equal(2);
    });
  }
});
