// The full Fashion-MNIST from Debian's dataset-fashion-mnist. It fails, and names the package, where that is not installed.

import { expect } from "chai";
import { adastep, endOf, inFolder, linesOf } from "./support.js";

describe("adastep train fashion-mnist", () => {
  it("reaches 88 % on the 10,000 test examples in ten epochs", function () {
    this.timeout(600_000);
    return inFolder(async (cwd) => {
      const outcome = await adastep(["train", "fashion-mnist"], { cwd });
      expect(outcome.stderr, "apt-get install dataset-fashion-mnist").to.equal("");
      expect(outcome.code).to.equal(0);
      expect(linesOf(outcome.stdout)[0]).to.include({ examples: 60_000, heldOut: 10_000 });
      expect(endOf(outcome)).to.include({ epoch: 10, reason: "completed" });
      expect(endOf(outcome).heldOut?.accuracy).to.be.at.least(0.88);
    });
  });
});
