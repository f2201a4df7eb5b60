// What is concluded from figures that are known.

import { expect } from "chai";
import { findingsOf, type Outcome } from "../../lib/compare/findings.js";
import { markdownOf } from "../../lib/compare/markdown.js";
import { type Made, made, madeTask } from "./results.js";

const NEVER = Number.POSITIVE_INFINITY;
const sample = (mean: number, spread: number) => ({ mean, spread, count: 4 });

/** What becomes of a promise for Adam, given figures of SGD and of Adam. */
function outcomeOf(
  promise: string,
  sgd: Omit<Made, "optimizer">,
  adam: Omit<Made, "optimizer">,
  score: "accuracy" | "loss" = "accuracy",
): { outcome: Outcome; text: string } {
  const task = madeTask(
    [made({ optimizer: "sgd", ...sgd }), made({ optimizer: "adam", ...adam })],
    score,
    true,
  );
  const found = findingsOf([task]).find((finding) => finding.promise === promise);
  const [own] = found?.cases ?? [];
  if (!own) throw new Error(`no case of ${promise}`);
  return own;
}

describe("Findings of a comparison", () => {
  const convergence: [title: string, sgd: number, adam: number, Outcome][] = [
    ["fewer steps", 100, 50, "held"],
    ["more steps", 50, 100, "failed"],
    ["steps within those between evaluations", 100, 90, "same"],
    ["the baseline never arrives", NEVER, 100, "held"],
    ["it never arrives", 100, NEVER, "failed"],
    ["none arrives", NEVER, NEVER, "open"],
  ];
  for (const [title, sgd, adam, outcome] of convergence) {
    it(`convergence: ${title}: ${outcome}`, () => {
      expect(outcomeOf("Faster convergence", { steps: sgd }, { steps: adam }).outcome).to.equal(outcome);
    });
  }

  it("convergence tells by how much", () => {
    const { text } = outcomeOf("Faster convergence", { steps: 200 }, { steps: 50 });
    expect(text).to.equal("50 against 200 steps, 0.25 times");
    expect(outcomeOf("Faster convergence", { steps: 200 }, { steps: NEVER }).text).to.equal(
      "never against 200 steps",
    );
  });

  it("generalization: a difference counts from twice its standard error, and in the direction of the metric", () => {
    const judge = (sgd: number, adam: number, score: "accuracy" | "loss" = "accuracy") =>
      outcomeOf("Better generalization", { test: sample(sgd, 0.02) }, { test: sample(adam, 0.02) }, score)
        .outcome;
    // The error of the difference is sqrt(2 * 0.02 ** 2 / 4) = 0.0141, twice that 0.0283.
    expect(judge(0.9, 0.929)).to.equal("held");
    expect(judge(0.9, 0.928)).to.equal("same");
    expect(judge(0.9, 0.872)).to.equal("same");
    expect(judge(0.9, 0.871)).to.equal("failed");
    expect(judge(3, 2.9, "loss")).to.equal("held");
    expect(judge(3, 3.1, "loss")).to.equal("failed");
  });

  it("generalization: one seed, or a trial that diverged at every rate, tell nothing", () => {
    const one = { mean: 0.9, spread: Number.NaN, count: 1 };
    expect(outcomeOf("Better generalization", { test: one }, { test: one }).outcome).to.equal("open");
    expect(outcomeOf("Better generalization", {}, { test: sample(0.9, 0.1) }).outcome).to.equal("open");
  });

  it("robustness: by decades; not to be told where the narrower range goes on beyond what was tried", () => {
    const judge = (sgd: Omit<Made, "optimizer">, adam: Omit<Made, "optimizer">) =>
      outcomeOf("Robustness to the learning rate", sgd, adam).outcome;
    expect(judge({ usable: [0.1, 1] }, { usable: [0.001, 0.3] })).to.equal("held");
    expect(judge({ usable: [0.01, 1] }, { usable: [0.001, 0.01] })).to.equal("failed");
    expect(judge({ usable: [0.01, 1] }, { usable: [0.001, 0.1] })).to.equal("same");
    expect(judge({}, { usable: [0.001, 0.001] })).to.equal("held");
    expect(judge({ usable: [0.001, 0.001] }, {})).to.equal("failed");
    expect(judge({}, {})).to.equal("open");
    expect(judge({ usable: [0.1, 10], open: true }, { usable: [0.001, 1] })).to.equal("open");
    expect(judge({ usable: [0.1, 1] }, { usable: [0.1, 10], open: true })).to.equal("held");
  });

  it("sparse data: none may be worse, and only sparse tasks count", () => {
    const judge = (steps: number, accuracy: number) =>
      outcomeOf(
        "Sparse data",
        { steps: 100, test: sample(0.9, 0.002) },
        { steps, test: sample(accuracy, 0.002) },
      ).outcome;
    expect(judge(50, 0.95)).to.equal("held");
    expect(judge(50, 0.9)).to.equal("held");
    expect(judge(50, 0.85)).to.equal("failed");
    expect(judge(200, 0.95)).to.equal("failed");
    expect(judge(100, 0.9)).to.equal("same");
    const dense = madeTask([made({ optimizer: "sgd" }), made({ optimizer: "adam" })]);
    expect(findingsOf([dense]).map(({ promise }) => promise)).to.not.include("Sparse data");
  });

  it("without the baseline there is nothing to judge", () => {
    expect(findingsOf([madeTask([made({ optimizer: "adam" })])])).to.eql([]);
  });

  const ABOUT = {
    ...{ command: "adastep compare", version: "1.2.3", date: "2026-11-29", machine: "2 cores" },
    ...{ lrs: [0.1], seeds: [1, 2, 3, 4], quick: false },
  };

  it("the report counts adaptive optimizers only, and tells where a promise failed and by how much", () => {
    const task = madeTask([
      made({ optimizer: "sgd", steps: 100, usable: [0.1, 1], test: sample(0.9, 0.001) }),
      made({ optimizer: "momentum", steps: 10, usable: [0.1, 1], test: sample(0.9, 0.001) }),
      made({ optimizer: "adagrad", steps: 150, usable: [0.1, 1], test: sample(0.95, 0.001) }),
      made({ optimizer: "adam", steps: 40, usable: [0.001, 1], test: sample(0.85, 0.001), ratio: 1.25 }),
    ]);
    const text = markdownOf([task], ABOUT);
    expect(text).to.include("| Faster convergence | 1 | 0 | 1 | 0 |");
    expect(text).to.include("| Better generalization | 1 | 0 | 1 | 0 |");
    expect(text).to.include("| Robustness to the learning rate | 1 | 1 | 0 | 0 |");
    expect(text).to.include("**Faster convergence** did not hold on made up for AdaGrad.");
    expect(text).to.include("**Robustness to the learning rate** failed nowhere.");
    // sqrt(0.95 * 0.05 / 30) = 0.0398
    expect(text).to.include(
      "Another test set of 30 examples would give an accuracy of 95.00 % with a standard error of 3.98 points",
    );
    expect(text).to.include(
      "- **did not hold** in 1 of 2 cases\n  - AdaGrad on made up: 150 against 100 steps, 1.50 times",
    );
    expect(text).to.include("Adam on made up: 85.00 % against 90.00 %, −5.00 ± 0.07 points");
    expect(text).to.include("SGD, momentum 0.9 on made up: held (10 against 100 steps, 0.10 times)");
    expect(text).to.include("between 1.00 times for AdaGrad on made up and 1.25 times for Adam on made up");
    expect(text).to.include("| Adam | 8.0 | 1.25 x |").and.include("took up to 3 % longer");
  });

  it("the report names what made it, and shows pictures by their paths", () => {
    const picture = { task: "made up", title: "Rates", caption: "By rate.", path: "some pictures/a.svg" };
    const text = markdownOf([madeTask([made({ optimizer: "sgd" })])], ABOUT, [picture]);
    expect(text).to.match(/^# .+\n\n`adastep compare`\n\nadastep 1\.2\.3, 2026-11-29, 2 cores\. /);
    expect(text).to.include("![Rates](some%20pictures/a.svg)\n\nBy rate.");
  });
});
