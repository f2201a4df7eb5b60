// The full Fashion-MNIST from Debian's dataset-fashion-mnist. It fails, and names the package, where that is not installed.

import { expect } from "chai";
import { adastep, inFolder } from "./support.js";

describe("adastep train fashion-mnist", () => {
  it("reaches 88 % on the 10,000 test examples in ten epochs", function () {
    this.timeout(600_000);
    return inFolder(async (cwd) => {
      const { code, stdout, stderr } = await adastep(["train", "fashion-mnist"], { cwd });
      expect(stderr, "apt-get install dataset-fashion-mnist").to.equal("");
      expect(code).to.equal(0);
      expect(stdout).to.match(/60,000 examples to train on, 10,000 held out/);
      expect(stdout.match(/^epoch/gm)).to.have.length(10);
      expect(Number(/^held out +accuracy ([\d.]+) %/m.exec(stdout)?.[1])).to.be.at.least(88);
    });
  });
});
